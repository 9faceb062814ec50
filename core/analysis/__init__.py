"""Analysis of a network's response to images: attribution, crops, probes and labels of units."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {"attribution": ["heatmap", "project"], "crops": ["crop_hit"], "probe": ["probe_image"]},
)
