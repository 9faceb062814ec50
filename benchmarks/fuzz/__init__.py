"""Generated inputs for every way into the program: commands, links, images, weights, indexes.

Each part is a module with a function ``make(random, folder)`` that builds one input and returns
what to run with it. ``benchmarks.fuzz.trials`` runs it in a child process and judges the outcome.
"""
