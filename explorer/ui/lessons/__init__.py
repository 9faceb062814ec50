"""The Lessons page: lessons, each with an experiment on a claim about networks.

Each module has one lesson, ``style_balance`` has two.
"""
