"""Generated paintings, which serve as style images.

There are five: swirling strokes, a pointillist's dots, a mosaic, a woodcut and stained glass. Each
painting can be drawn from any seed and at any size. Strokes, dots, stones, lines or pieces of glass
cover the whole image.

Drawing them takes seconds, and other processors may round some pixels differently. So the default
paintings are stored in this folder. ``python -m explorer.prebuilt.pictures paintings`` draws and
stores them again.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import unknown
from core.paintings import dots, glass, mosaic, swirls, woodcut
from core.paintings.pixel_math import Array

# Default height and width of a painting in pixels.
SIZE = 640
# Paintings are drawn at this many times their height and width and then reduced, so that edges are
# smooth.
OVERSAMPLING = 2
DEFAULT_SEED = 0


@dataclass(frozen=True)
class Painting:
    """One of the paintings.

    Attributes:
        title: title of the painting.
        paint: function that takes a random generator and a side in pixels, and returns the painting
            as ``[side, side, 3]`` in ``[0, 1]``.
    """

    title: str
    paint: Callable[[np.random.Generator, int], Array]


def picture(name: str, seed: int = DEFAULT_SEED, size: int = SIZE) -> Image.Image:
    """Return a painting as an RGB image. The image is cached, so callers must not modify it.

    Args:
        name: one of ``PAINTINGS``.
        seed: seed of the random generator.
        size: height and width in pixels.

    Raises:
        UnknownName: ``name`` is not one of ``PAINTINGS``.
    """
    if name not in PAINTINGS:
        raise unknown("painting", name, PAINTINGS)
    return _picture(name, seed, size)


@functools.lru_cache(maxsize=16)
def small_picture(name: str, size: int) -> Image.Image:
    """Return a default painting, reduced, as an RGB image that callers must not modify.

    To draw it at this size would take seconds.

    Args:
        name: one of ``PAINTINGS``.
        size: height and width in pixels.

    Raises:
        UnknownName: ``name`` is not one of ``PAINTINGS``.
    """
    return picture(name).resize((size, size), Image.Resampling.LANCZOS)


@functools.lru_cache(maxsize=16)
def _picture(name: str, seed: int, size: int) -> Image.Image:
    if (seed, size) == (DEFAULT_SEED, SIZE):
        stored: Image.Image = Image.open(stored_path(name)).convert("RGB")
        return stored
    return draw(name, seed, size)


def draw(name: str, seed: int = DEFAULT_SEED, size: int = SIZE) -> Image.Image:
    """Draw the painting ``name``, even if its result is stored in a file."""
    painted = PAINTINGS[name].paint(np.random.default_rng(seed), size * OVERSAMPLING)
    large = Image.fromarray((painted.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    return large.resize((size, size), Image.Resampling.BOX)


def stored_path(name: str) -> Path:
    """Return the path of the file of a stored painting, which is a lossless WebP."""
    return Path(__file__).with_name(f"{name}.webp")


# The keys are part of links to the app's pages, so they must not change.
PAINTINGS: Mapping[str, Painting] = {
    "swirls": Painting("swirling strokes", swirls.paint),
    "dots": Painting("a pointillist's dots", dots.paint),
    "mosaic": Painting("a mosaic", mosaic.paint),
    "woodcut": Painting("a woodcut", woodcut.paint),
    "glass": Painting("stained glass", glass.paint),
}
