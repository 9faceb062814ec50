"""Gradient ascent on images: objectives, canvases, transforms, regularisers and the ascent."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {
        "ascent": ["AscentSettings", "Step", "ascend"],
        "canvases": ["Canvas", "Fourier", "MagnitudeConstrained", "Pixels"],
        "objectives": ["Objective", "channels", "direction", "energy", "positions"],
    },
)
