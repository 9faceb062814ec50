"""SketchNet, the network that is shipped with the project: model, labels, training, dissection."""

from core.exports import lazy

__all__, __getattr__ = lazy(__name__, {"labels": ["Label", "Labels"], "model": ["SketchNet"]})
