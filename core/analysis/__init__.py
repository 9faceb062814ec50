"""Analysis of the activations of a network for images: attribution, crops, probes, unit labels."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {"attribution": ["heatmap", "project"], "crops": ["crop_hit"], "probe": ["probe_image"]},
)
