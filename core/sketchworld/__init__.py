"""SketchWorld: drawings of known subjects, made with numpy; the data that SketchNet learns from."""

from core.exports import lazy

__all__, __getattr__ = lazy(__name__, {"world": ["CLASSES", "batch", "draw"]})
