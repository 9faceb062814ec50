"""Style transfer, textures and reconstructions."""

from core.exports import lazy

__all__, __getattr__ = lazy(__name__, {"grid": ["plan_grid"], "transfer": ["plan", "render"]})
