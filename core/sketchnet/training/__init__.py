"""Training and evaluation of SketchNet."""
