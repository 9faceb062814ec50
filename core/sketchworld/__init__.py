"""SketchWorld: generated drawings with class labels, on which SketchNet is trained."""

from core.exports import lazy

__all__, __getattr__ = lazy(__name__, {"world": ["CLASSES", "batch", "draw"]})
