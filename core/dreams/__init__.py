"""DeepDream: gradient ascent on a photograph at a chosen layer."""

from core.exports import lazy

__all__, __getattr__ = lazy(__name__, {"render_dreams": ["plan", "render"]})
