"""Vehicles, and a wheel."""

import numpy as np

from core.sketchworld import patterns, shapes
from core.sketchworld.marks import BLACK, Painter, dark_line, glass_colour, mirrored
from core.sketchworld.palette import INK_GAP, LUMA_GAP, distinct, lighten, luma, rgb
from core.sketchworld.shapes import Array, intersection, sized


def wheel(p: Painter) -> None:
    """Draw a spoked wheel."""
    tyre = p.visible(dark_line(p.palette)) if p.chance(0.4) else p.palette.main
    rim = p.visible(distinct(p.palette.second, tyre, INK_GAP))
    if p.chance(0.5):
        p.part("disc", sized(shapes.disc, 0.93), lighten(p.palette.ground, 0.25), line=0.0)
    p.wheel_at((0.0, 0.0), 0.95, p.integer(5, 10), tyre, rim, p.uniform(0.16, 0.3))


def car(p: Painter) -> None:
    """Draw a car from the side."""
    paint = p.palette.main
    glass = distinct(glass_colour(p), paint, INK_GAP)
    roof, back = p.uniform(-0.62, -0.5), p.uniform(-0.75, -0.55)
    cabin = [(back + 0.12, roof), (0.22, roof), (0.58, -0.08), (back, -0.08)]
    p.patch("cabin", cabin, paint)
    for corners in (
        [(back + 0.2, roof + 0.1), (-0.15, roof + 0.1), (-0.15, -0.1), (back + 0.12, -0.1)],
        [(-0.06, roof + 0.1), (0.19, roof + 0.1), (0.43, -0.1), (-0.06, -0.1)],
    ):
        p.patch("window", corners, glass, 0.0)
    p.part(
        "car body",
        sized(shapes.box, 0.98, 0.24, 0.14),
        paint,
        at=(0.0, 0.14),
        reach=1.0,
        shadow=True,
    )
    p.bar("lamp", (0.9, 0.06), (0.07, 0.07), rgb(0.14, 0.5, 1.0), 0.0)
    p.stroke("door", [(-0.1, -0.06), (-0.1, 0.32)], 0.04, lighten(paint, -0.45))
    tyre = p.visible(BLACK) if luma(p.palette.ground) < 0.2 else BLACK
    for side in (-0.55, 0.55):
        p.spot("wheel", (side, 0.4), 0.27, tyre)
        p.spot("hub", (side, 0.4), 0.13, rgb(0.0, 0.0, 0.8))


def bicycle(p: Painter) -> None:
    """Draw a bicycle from the side."""
    frame = p.palette.main
    tyre = p.visible(dark_line(p.palette))
    spoke = p.visible(lighten(p.palette.ground, 0.3))
    radius = p.uniform(0.40, 0.44)
    back, front = (-0.58, 0.32), (0.58, 0.32)
    for at in (back, front):
        p.wheel_at(at, radius, 5, tyre, spoke, 0.22)
    seat, crank, head = (-0.26, -0.3), (-0.06, 0.3), (0.4, -0.32)
    width = p.uniform(0.08, 0.11)
    p.stroke("bicycle frame", [back, crank, head, seat, back], width, frame)
    p.stroke("bicycle frame", [crank, (-0.3, -0.44)], width, frame)
    p.stroke("bicycle frame", [front, (0.36, -0.56)], width, frame)
    p.stroke("saddle", [(-0.46, -0.48), (-0.16, -0.48)], 0.13, tyre)
    p.stroke("handlebar", [(0.2, -0.6), (0.38, -0.6), (0.52, -0.48)], 0.09, tyre)


def boat(p: Painter) -> None:
    """Draw a sailing boat on waves."""
    hull = p.palette.main
    sail = p.visible(lighten(p.palette.second, 0.5))
    mast = p.visible(rgb(0.07, 0.6, 0.3))
    p.stroke("mast", [(0.0, -0.98), (0.0, 0.4)], 0.08, mast)
    p.patch("sail", [(0.08, -0.9), (0.78, 0.22), (0.08, 0.22)], sail)
    if p.chance(0.7):
        p.patch("sail", [(-0.08, -0.7), (-0.08, 0.22), (-0.6, 0.22)], lighten(sail, -0.15))
    p.patch("hull", [(-0.88, 0.34), (0.95, 0.34), (0.6, 0.8), (-0.58, 0.8)], hull)
    if p.chance(0.6):
        p.patch("flag", [(0.0, -1.02), (-0.26, -0.92), (0.0, -0.82)], p.palette.accent, 0.0)
    water = p.visible(rgb(0.57, 0.7, 0.7))
    for level in (0.78, 0.95):
        points = [(-1.1 + 0.22 * k, level + (0.05 if k % 2 else -0.05)) for k in range(11)]
        p.stroke("wave", points, 0.075, water)


def rocket(p: Painter) -> None:
    """Draw a rocket: body, nose, fins, porthole, flame."""
    body = p.visible(lighten(p.palette.main, 0.45)) if p.chance(0.5) else p.palette.main
    trim = p.visible(distinct(p.palette.accent, body, INK_GAP))
    for corners, hue in (
        ([(-0.2, 0.55), (0.2, 0.55), (0.0, 1.08)], 0.06),
        ([(-0.11, 0.55), (0.11, 0.55), (0.0, 0.88)], 0.14),
    ):
        p.patch("flame", corners, rgb(hue, 0.9, 1.0), 0.0)
    for side in (-1.0, 1.0):
        p.patch("fin", mirrored([(0.2, 0.1), (0.66, 0.72), (0.2, 0.56)], side), trim)
    wide = p.uniform(0.34, 0.42)

    def hull(u: Array, v: Array) -> Array:
        return intersection(shapes.almond(v, u, 1.1, wide), v - 0.5)

    p.part("rocket", hull, body, at=(0.0, 0.1), reach=1.1, pattern=lambda u, v: v + 0.55, ink=trim)
    p.spot("porthole", (0.0, -0.12), 0.19, trim)
    p.spot("porthole", (0.0, -0.12), 0.13, glass_colour(p))


def balloon(p: Painter) -> None:
    """Draw a striped hot-air balloon with a basket."""
    cloth = p.palette.main
    other = distinct(p.palette.second, cloth, INK_GAP, LUMA_GAP)
    gores = p.uniform(2.0, 3.2)
    rope = p.visible(dark_line(p.palette))
    for side in (-1, 1):
        p.stroke("rope", [(side * 0.34, 0.2), (side * 0.13, 0.76)], 0.04, rope)

    def envelope(u: Array, v: Array) -> Array:
        return shapes.smooth_union(
            shapes.disc(u, v + 0.32, 0.66),
            shapes.convex(u, v, [(-0.5, 0.0), (0.5, 0.0), (0.16, 0.5), (-0.16, 0.5)]),
            0.1,
        )

    def gore(u: Array, v: Array) -> Array:
        room = np.sqrt(np.maximum(0.5 - (v + 0.32) ** 2, 0.04))
        return patterns.stripes(np.arcsin(np.clip(u / room, -1.0, 1.0)) * (gores / 2), v, 0.5) * 0.4

    p.part("balloon", envelope, cloth, reach=1.0, pattern=gore, ink=other, shadow=True)
    p.bar("basket", (0.0, 0.85), (0.17, 0.13), p.visible(rgb(0.08, 0.6, 0.5)))
