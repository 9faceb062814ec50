"""Marks that many subjects share: strokes, spots, bars, small eyes, wheels and windows.

All positions and sizes are in the coordinates of the present figure (`Painter.pose`): `u` points to
the right, `v` points down, and the figure is about as large as the unit circle.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from core.sketchworld import signed_distance
from core.sketchworld.painter import Painter
from core.sketchworld.palette import Palette, luma, rgb
from core.sketchworld.signed_distance import Array, Point

WHITE = rgb(0.0, 0.0, 0.98)
BLACK = rgb(0.0, 0.0, 0.06)
# Width of the outline of thin objects in scene units. A wider one would hide their colour.
THIN_LINE = 0.045


def stroke(
    p: Painter, concept: str, points: list[Point], width: float, colour: Array, alpha: float = 1.0
) -> None:
    """Draw a stroke of the given width through points, without an outline."""
    middle = (sum(q[0] for q in points) / len(points), sum(q[1] for q in points) / len(points))
    local = [(q[0] - middle[0], q[1] - middle[1]) for q in points]
    reach = max(math.hypot(*q) for q in local) + width
    p.part(
        concept,
        lambda u, v: signed_distance.path(u, v, local, width / 2),
        colour,
        at=middle,
        reach=reach,
        line=0.0,
        alpha=alpha,
        shade=0.0,
        also=("line",),
    )


def spot(
    p: Painter, concept: str, at: Point, radius: float, colour: Array, line: float | None = 0.0
) -> None:
    """Draw a disc around the point `at`; `line` is the width of the outline in scene units."""
    p.part(
        concept,
        lambda u, v: signed_distance.disc(u, v, radius),
        colour,
        at=at,
        reach=radius,
        line=line,
        also=("circle",),
    )


def oval(p: Painter, concept: str, half: Point, colour: Array, **options: Any) -> None:
    """Draw an ellipse with the half axes `half` along `u` and `v`.

    `options` are further arguments of `Painter.part`.
    """
    p.part(concept, lambda u, v: signed_distance.ellipse(u, v, *half), colour, **options)


def lens(p: Painter, concept: str, half: Point, colour: Array, **options: Any) -> None:
    """Draw a lens with tips at the left and right, like a leaf.

    `half` holds half of the width and half of the height. `options` are further arguments of
    `Painter.part`.
    """
    p.part(concept, lambda u, v: signed_distance.almond(u, v, *half), colour, **options)


def round_eye(
    p: Painter, at: Point, radius: float, iris: Array | None = None, slit: bool = False
) -> None:
    """Draw a small round eye: a disc, a pupil and a glint.

    The disc has the colour `iris`, by default white. With `slit`, the pupil is a vertical slit,
    otherwise a disc.
    """
    spot(p, "eye", at, radius, WHITE if iris is None else iris, min(p.light.line, 0.04))
    if slit:
        p.part(
            "pupil",
            lambda u, v: signed_distance.almond(v, u, radius * 0.9, radius * 0.4),
            BLACK,
            at=at,
            reach=radius,
            line=0.0,
        )
    else:
        spot(p, "pupil", at, radius * 0.55, BLACK)
    spot(p, "glint", (at[0] - radius * 0.2, at[1] - radius * 0.28), radius * 0.2, WHITE)


def dark_line(palette: Palette) -> Array:
    """Return the colour of the palette's lines if it is dark, else black."""
    return palette.line if luma(palette.line) < 0.4 else BLACK


def right_angles(half: Point) -> tuple[Point, ...]:
    """Return the four corners of a box around the origin with the half sides `half`."""
    return tuple((a * half[0], b * half[1]) for a in (-1, 1) for b in (-1, 1))


def mirrored(corners: list[Point], side: float) -> list[Point]:
    """Return corners unchanged for `side` 1, and mirrored from left to right for `side` -1.

    The corners are clockwise on screen, before and after.
    """
    points = [(side * a, b) for a, b in corners]
    return points[::-1] if side < 0 else points


def bar(
    p: Painter,
    concept: str,
    at: Point,
    half: Point,
    colour: Array,
    line: float | None = None,
    turn: float = 0.0,
    corner: float = 0.0,
) -> None:
    """Draw a box around the point `at` with the half sides `half` and the corner radius `corner`.

    `line` is the width of the outline in scene units; None for `p.light.line`.
    """
    p.part(
        concept,
        lambda u, v: signed_distance.box(u, v, half[0], half[1], corner),
        colour,
        at=at,
        reach=math.hypot(*half),
        line=line,
        turn=turn,
        also=("rectangle",),
        corners=right_angles(half) if corner == 0.0 else (),
    )


def patch(
    p: Painter,
    concept: str,
    corners: list[Point],
    colour: Array,
    line: float | None = None,
    reach: float | None = None,
    rounding: float = 0.0,
    **options: Any,
) -> None:
    """Draw a convex polygon whose corners are given clockwise on screen.

    The polygon is enlarged by `rounding` on all sides. `reach` is by default the largest distance
    of a corner from the origin. `options` are further arguments of `Painter.part`.
    """
    p.part(
        concept,
        lambda u, v: signed_distance.convex(u, v, corners) - rounding,
        colour,
        reach=max(math.hypot(*q) for q in corners) if reach is None else reach,
        line=line,
        **options,
    )


def pane(p: Painter, at: Point, half: Point, frame: Array, glass: Array) -> None:
    """Draw a small window: a frame, and glass with one vertical and one horizontal bar."""
    bar(p, "window", at, (half[0] + 0.03, half[1] + 0.03), frame, 0.0)
    p.part(
        "window",
        lambda u, v: signed_distance.box(u, v, half[0], half[1]),
        glass,
        at=at,
        reach=max(half) * 1.5,
        line=0.0,
        pattern=lambda u, v: np.minimum(np.abs(u), np.abs(v)) - 0.03,
        ink=frame,
        also=("rectangle",),
    )


def glass_colour(p: Painter) -> Array:
    """Return a random colour of window glass: light blue, lamplight or dark blue."""
    hue, saturation, value = ((0.56, 0.35, 0.95), (0.14, 0.6, 1.0), (0.6, 0.5, 0.3))[
        p.integer(0, 2)
    ]
    return rgb(hue, saturation, value)


def wheel_at(
    p: Painter, at: Point, radius: float, spokes: int, tyre: Array, rim: Array, share: float = 0.2
) -> None:
    """Draw a wheel with a tyre, spokes and a hub.

    `share` is the width of the tyre as a share of `radius`. The spokes and the hub have the colour
    `rim`.
    """
    width = radius * share
    p.part(
        "wheel",
        lambda u, v: signed_distance.ring(u, v, radius - width / 2, width),
        tyre,
        at=at,
        reach=radius,
        line=0.0,
    )
    step = math.pi / spokes
    half = radius * 0.05 + 0.012

    def spoke(u: Array, v: Array) -> Array:
        r = np.hypot(u, v)
        angle = np.arctan2(v, u)
        off = np.abs(np.sin(angle * (math.pi / (2 * step)))) * r * (2 * step / math.pi)
        return np.maximum(off - half, r - (radius - width / 2))

    p.part("spoke", spoke, rim, at=at, reach=radius, turn=p.uniform(0.0, step), line=0.0)
    spot(p, "hub", at, radius * 0.17 + 0.02, rim)
