"""Generated paintings as style images, each with another technique.

There are swirling strokes, a pointillist's dots, a mosaic, a woodcut and stained glass. Each can be
drawn from any seed and at any size, and its texture covers the whole image.

A painting that takes seconds to draw is stored in this folder. ``python -m
explorer.prebuilt.pictures paintings`` draws it again.
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

# Height and width in pixels.
SIZE = 640
# Factor by which paintings are drawn larger first, so that edges are smooth.
OVERSAMPLING = 2
DEFAULT_SEED = 0
# Paintings that are stored with the default seed and size: 18,600 strokes take seconds to draw.
STORED = ("swirls",)


@dataclass(frozen=True)
class Painting:
    """A kind of painting.

    Attributes:
        title: title of the painting.
        paint: function that draws it with a random generator and a side in pixels,
            ``[side, side, 3]`` in ``[0, 1]``.
    """

    title: str
    paint: Callable[[np.random.Generator, int], Array]


def picture(name: str, seed: int = DEFAULT_SEED, size: int = SIZE) -> Image.Image:
    """Return a painting, RGB. The image is cached, so callers must not modify it.

    Args:
        name: one of ``PAINTINGS``.
        seed: seed of the random generator.
        size: height and width in pixels.

    Raises:
        UnknownName: there is no such painting.
    """
    if name not in PAINTINGS:
        raise unknown("painting", name, PAINTINGS)
    return _picture(name, seed, size)


@functools.lru_cache(maxsize=16)
def _picture(name: str, seed: int, size: int) -> Image.Image:
    if name in STORED and (seed, size) == (DEFAULT_SEED, SIZE):
        stored: Image.Image = Image.open(stored_path(name)).convert("RGB")
        return stored
    return draw(name, seed, size)


def draw(name: str, seed: int = DEFAULT_SEED, size: int = SIZE) -> Image.Image:
    """Draw one of ``PAINTINGS``, even if it is stored."""
    painted = PAINTINGS[name].paint(np.random.default_rng(seed), size * OVERSAMPLING)
    large = Image.fromarray((painted.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    return large.resize((size, size), Image.Resampling.BOX)


def stored_path(name: str) -> Path:
    """Return the path of a stored painting, a lossless WebP file."""
    return Path(__file__).with_name(f"{name}.webp")


# The names are part of links to pages, so they must not change.
PAINTINGS: Mapping[str, Painting] = {
    "swirls": Painting("swirling strokes", swirls.paint),
    "dots": Painting("a pointillist's dots", dots.paint),
    "mosaic": Painting("a mosaic", mosaic.paint),
    "woodcut": Painting("a woodcut", woodcut.paint),
    "glass": Painting("stained glass", glass.paint),
}
