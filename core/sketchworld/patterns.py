"""Periodic patterns: signed distances to stripes, dots, scales and other patterns.

The ink of a pattern is the set of points that are coloured, such as the stripes. As in `shapes`,
`u` and `v` are float32 coordinates, and the returned distance is negative on the ink. Every pattern
has period 1 along `u`. The parameter `ink` is the width of a coloured shape as a share of the
period, from 0 to 1, unless the docstring describes it differently.
"""

import math
from collections.abc import Callable

import numpy as np

from core.sketchworld.shapes import Array, Distance, disc, union

Pattern = Callable[[Array, Array, float], Array]

ROOT3 = math.sqrt(3.0)


def tiled(pattern: Pattern, period: float, ink: float) -> Distance:
    """Return the distance to a pattern with the given period and ink, as a function of `u`, `v`."""
    return lambda u, v: pattern(u / period, v / period, ink) * period


def _centred(values: Array) -> Array:
    """Return the difference between each value and the nearest whole number."""
    return values - np.rint(values)


def stripes(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to vertical stripes."""
    return np.abs(_centred(u)) - ink / 2 + 0.0 * v


def checks(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to the dark squares of a chessboard; `ink` 0.5 gives equal squares."""
    a = np.abs(_centred(u)) - ink / 2
    b = np.abs(_centred(v)) - ink / 2
    return np.maximum(np.minimum(a, b), -np.maximum(a, b))


def dots(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to dots in staggered rows; `ink` is a dot's diameter."""
    row = np.rint(v * (2 / ROOT3))
    shift = 0.5 * np.mod(row, 2.0)
    return disc(_centred(u + shift), v - row * (ROOT3 / 2), ink / 2)


def grid(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to the lines of a square grid."""
    return np.minimum(np.abs(_centred(u)), np.abs(_centred(v))) - ink / 2


def scales(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to the rims of overlapping round scales, in rows half a period apart.

    `ink` is the width of the rims.
    """
    row = np.floor(v * 2.0)
    scale = disc(_centred(u + 0.5 * np.mod(row, 2.0)), v - 0.5 * row, 0.5)
    scale_above = disc(_centred(u + 0.5 * np.mod(row + 1.0, 2.0)), v - 0.5 * row + 0.5, 0.5)
    return np.minimum(np.abs(scale), np.abs(scale_above)) - ink / 2


def scale_tips(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to half discs at the centres of the scales that `scales` draws.

    `ink` is the diameter of the half discs.
    """
    row = np.floor(v * 2.0)
    return disc(_centred(u + 0.5 * np.mod(row, 2.0)), v - 0.5 * row, ink / 2)


def bricks(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to the bricks of a wall, in rows half a period high.

    `ink` 1 leaves no gaps between the bricks.
    """
    row = np.floor(v * 2.0)
    across: Array = np.abs(_centred(u + 0.5 * np.mod(row, 2.0) + 0.5)) - 0.25 - ink / 4
    down = np.abs(v * 2.0 - row - 0.5) * 0.5 - ink / 4
    distance: Array = np.maximum(across, down)
    return distance


def waves(u: Array, v: Array, ink: float, swing: float = 0.22) -> Array:
    """Return an estimate of the distance to sine-shaped stripes with amplitude `swing`."""
    turn = 2 * math.pi
    slope = turn * swing * np.cos(u * turn)
    phase = v * 1.6 + swing * 1.6 * np.sin(u * turn)
    distance: Array = (np.abs(_centred(phase)) - ink / 2) / (1.6 * np.sqrt(1.0 + slope * slope))
    return distance


def zigzag(u: Array, v: Array, ink: float, swing: float = 1.0) -> Array:
    """Return the distance to zigzag stripes; their straight pieces have the slope `swing`."""
    phase = v * 1.6 + swing * 1.6 * np.abs(_centred(u))
    distance: Array = (np.abs(_centred(phase)) - ink / 2) / (1.6 * math.sqrt(1.0 + swing * swing))
    return distance


def honeycomb(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to hexagonal cells; `ink` is the width of a cell, 1 leaves no walls."""

    def cell(a: Array, b: Array) -> Array:
        a, b = np.abs(a), np.abs(b)
        return np.maximum(a, a * 0.5 + b * (ROOT3 / 2)) - 0.5 * ink

    first = cell(_centred(u), _centred(v / ROOT3) * ROOT3)
    second = cell(_centred(u + 0.5), _centred(v / ROOT3 + 0.5) * ROOT3)
    return np.minimum(first, second)


def triangles(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to rows of triangles; `ink` 1 gives the largest triangles."""
    height = ROOT3 / 2
    row = np.floor(v / height)
    a = np.abs(_centred(u + 0.5 * np.mod(row, 2.0)))
    b = v - row * height
    distance: Array = np.maximum(a * height - b * 0.5, b - height) + (1.0 - ink) * 0.25
    return distance


def diamonds(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to narrow diamonds side by side; at `ink` 1 they touch."""
    a, b = np.abs(_centred(u)), np.abs(_centred(v / 1.6))
    distance: Array = (a + b - 0.5 * ink) * 0.8
    return distance


def hatching(u: Array, v: Array, ink: float) -> Array:
    """Return the distance to rising and falling diagonal lines, which cross each other."""
    rising, falling = (u + v) * math.sqrt(0.5), (u - v) * math.sqrt(0.5)
    return union(np.abs(_centred(rising)), np.abs(_centred(falling))) - ink / 2
