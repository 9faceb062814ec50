"""SketchNet, a network of our own, and SketchWorld, the pictures that it was trained on.

Nothing is imported here, so that each module also runs as a command of its own.
"""
