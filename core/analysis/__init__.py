"""What a network makes of one image, and what its units respond to."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {"attribution": ["heatmap", "project"], "crops": ["crop_hit"], "probe": ["probe_image"]},
)
