"""SketchNet, a network of our own, and SketchWorld, the pictures that it was trained on."""

from core.sketchnet.network import (
    MEAN,
    STD,
    WEIGHTS,
    SketchNet,
    fold,
    load,
    normalise,
    parameter_count,
)
from core.sketchnet.world import CLASSES, SIZE, Drawing, batch, draw

__all__ = [
    "CLASSES",
    "MEAN",
    "SIZE",
    "STD",
    "WEIGHTS",
    "Drawing",
    "SketchNet",
    "batch",
    "draw",
    "fold",
    "load",
    "normalise",
    "parameter_count",
]
