"""The Lessons page: seven lessons, each with an experiment on a claim about networks.

Each module has one lesson, ``style_balance`` has two.
"""
