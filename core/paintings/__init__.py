"""Paintings that the project draws itself, to lend their style: each a way to put down paint.

Strokes that swirl, a pointillist's dots, a mosaic, a woodcut and stained glass. All are drawn from
a seed, at any size, and never twice in the same place: a style is what happens everywhere.

One that takes seconds to draw lies beside this page, finished: ``python -m
explorer.prebuilt.pictures paintings`` draws it anew.
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
# Drawn so many times larger, and made smaller, so that edges are smooth.
FINER = 2
# The seed where nobody names another.
FIRST = 0
# Those that lie here finished, of the first seed and the usual size: 18,600 strokes take seconds.
KEPT = ("swirls",)


@dataclass(frozen=True)
class Painting:
    """One of them.

    Attributes:
        title: what it is, in a few words.
        paint: draws it, from a source of chance and a side in pixels, ``[side, side, 3]`` in
            ``[0, 1]``.
    """

    title: str
    paint: Callable[[np.random.Generator, int], Array]


def picture(name: str, seed: int = FIRST, size: int = SIZE) -> Image.Image:
    """Give a painting, RGB, drawn or kept; it is shared, so nobody may change it.

    Args:
        name: one of ``PAINTINGS``.
        seed: another one gives another painting of the kind.
        size: height and width in pixels.

    Raises:
        UnknownName: there is no such painting.
    """
    if name not in PAINTINGS:
        raise unknown("painting", name, PAINTINGS)
    return _picture(name, seed, size)


@functools.lru_cache(maxsize=16)
def _picture(name: str, seed: int, size: int) -> Image.Image:
    if name in KEPT and (seed, size) == (FIRST, SIZE):
        finished: Image.Image = Image.open(kept(name)).convert("RGB")
        return finished
    return draw(name, seed, size)


def draw(name: str, seed: int = FIRST, size: int = SIZE) -> Image.Image:
    """Draw one of ``PAINTINGS`` anew, whether or not it is kept."""
    painted = PAINTINGS[name].paint(np.random.default_rng(seed), size * FINER)
    large = Image.fromarray((painted.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    return large.resize((size, size), Image.Resampling.BOX)


def kept(name: str) -> Path:
    """Name the file of a painting that is kept, WebP without loss."""
    return Path(__file__).with_name(f"{name}.webp")


# By name, which never changes: links have it.
PAINTINGS: Mapping[str, Painting] = {
    "swirls": Painting("swirling strokes", swirls.paint),
    "dots": Painting("a pointillist's dots", dots.paint),
    "mosaic": Painting("a mosaic", mosaic.paint),
    "woodcut": Painting("a woodcut", woodcut.paint),
    "glass": Painting("stained glass", glass.paint),
}
