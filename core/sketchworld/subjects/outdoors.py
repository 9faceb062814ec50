"""Sky and buildings."""

import math

import numpy as np

from core.sketchworld import patterns, shapes
from core.sketchworld.marks import WHITE, Painter, glass_colour, mirrored, right_angles
from core.sketchworld.palette import INK_GAP, LUMA_GAP, distinct, lighten, luma, rgb
from core.sketchworld.shapes import Array, difference, intersection, sized, union


def cloud(p: Painter) -> None:
    """Draw a cloud with a flat bottom."""
    fill = p.visible(lighten(p.palette.main, 0.75)) if p.chance(0.6) else p.palette.main
    left, right, top = p.uniform(0.32, 0.4), p.uniform(0.34, 0.44), p.uniform(0.48, 0.56)

    def puffs(u: Array, v: Array) -> Array:
        parts = union(
            shapes.disc(u + 0.55, v - 0.15, left),
            shapes.disc(u + 0.08, v + 0.1, top),
            shapes.disc(u - 0.52, v - 0.1, right),
            shapes.box(u, v - 0.3, 0.6, 0.25),
        )
        return difference(parts, 0.45 - v)

    p.part("cloud", puffs, fill, reach=1.0, shadow=True)


def rainbow(p: Painter) -> None:
    """Draw a rainbow: concentric half rings of several colours, sometimes with clouds."""
    bands = p.integer(4, 6)
    width = p.uniform(0.09, 0.13)
    natural = p.chance(0.7)
    start = 0.0 if natural else p.uniform(0.0, 1.0)
    for band in range(bands):
        radius = 0.92 - band * width
        hue = start + 0.78 * band / (bands - 1)
        fill = rgb(hue, 0.85, 0.95)

        def bow(u: Array, v: Array, radius: float = radius) -> Array:
            return np.maximum(shapes.ring(u, v, radius - width / 2, width * 1.06), v)

        p.part("rainbow", bow, fill, at=(0.0, 0.4), line=0.0)
    if p.chance(0.35):
        for side in (-0.7, 0.7):
            p.oval(
                "cloud",
                (0.34, 0.18),
                p.visible(lighten(p.palette.second, 0.8)),
                at=(side, 0.45),
                reach=0.36,
                line=0.0,
            )


def sun(p: Painter) -> None:
    """Draw the sun with pointed or straight rays."""
    gold = p.tint(0.13, 0.85, 0.98)
    count, core = p.integer(8, 13), p.uniform(0.48, 0.58)
    step = math.pi / count
    pointed = p.chance(0.5)

    def rays(u: Array, v: Array) -> Array:
        r = np.hypot(u, v)
        angle = np.arctan2(v, u)
        angle = np.abs(angle - np.rint(angle / (2 * step)) * (2 * step))
        off = angle * r
        if pointed:
            return np.maximum(off - (0.98 - r) * 0.42, core + 0.02 - r) * 0.9
        return np.maximum(np.maximum(off - 0.055, r - 0.98), core + 0.12 - r)

    p.part("ray", rays, lighten(gold, -0.1), turn=p.uniform(0.0, step), line=0.0)
    p.spot("sun", (0.0, 0.0), core, gold, None)


def house(p: Painter) -> None:
    """Draw a house: wall, roof, door, windows, chimney."""
    wall = p.palette.main
    roof = p.visible(distinct(p.tint(0.02, 0.7, 0.65, p.palette.second), wall, INK_GAP))
    door = distinct(p.palette.accent, wall, INK_GAP)
    wide, eaves = p.uniform(0.64, 0.76), p.uniform(-0.2, -0.08)
    if p.chance(0.7):
        p.bar("chimney", (0.42, -0.6), (0.1, 0.28), lighten(roof, -0.3))
    brick = p.chance(0.35)
    half = (0.86 - eaves) / 2
    p.part(
        "wall",
        sized(shapes.box, wide, half),
        wall,
        at=(0.0, eaves + half),
        reach=math.hypot(wide, half),
        shadow=True,
        pattern=patterns.tiled(patterns.bricks, 0.36, 0.8) if brick else None,
        ink=lighten(wall, -0.22),
        also=("bricks",) if brick else (),
        corners=right_angles((wide, half)),
    )
    p.patch("roof", [(0.0, -0.98), (wide + 0.2, eaves), (-wide - 0.2, eaves)], roof)
    side = -1.0 if p.chance(0.5) else 1.0
    p.bar("door", (side * 0.3, 0.56), (0.16, 0.3), door)
    p.spot("knob", (side * 0.3 + 0.08, 0.58), 0.04, rgb(0.13, 0.7, 0.95))
    p.pane((-side * 0.28, 0.34), (0.19, 0.19), distinct(WHITE, wall, 0.3), glass_colour(p))
    if p.chance(0.5):
        p.spot("window", (0.0, eaves - 0.3), 0.13, glass_colour(p), None)


def window(p: Painter) -> None:
    """Draw a window: frame, panes, sill, often curtains."""
    frame = p.palette.main
    glass = distinct(glass_colour(p), frame, 0.35, LUMA_GAP)
    wide, high = p.uniform(0.6, 0.74), p.uniform(0.72, 0.86)
    bars = p.uniform(0.055, 0.08)
    outer = (wide + 0.14, high + 0.14)
    p.bar("frame", (0.0, 0.0), outer, frame, reach=1.25, shadow=True)
    third = p.chance(0.4)

    def cross(u: Array, v: Array) -> Array:
        level = np.abs(np.abs(v) - high / 3) if third else np.abs(v)
        return np.minimum(np.abs(u), level) - bars

    p.bar(
        "window",
        (0.0, 0.0),
        (wide, high),
        glass,
        min(p.light.line, 0.03),
        reach=1.1,
        pattern=cross,
        ink=frame,
        shade=1.5,
    )
    for a, b in ((-0.3, -0.35), (0.34, 0.4)):
        p.stroke("glint", [(a - 0.1, b + 0.12), (a + 0.1, b - 0.12)], 0.05, lighten(glass, 0.6))
    if p.chance(0.4):
        cloth = distinct(p.palette.accent, glass, INK_GAP)
        for side in (-1, 1):
            corners = [(wide, high * 0.9), (wide - 0.14, high * 0.2), (0.05, -high), (wide, -high)]
            p.patch("curtain", mirrored(corners, side), cloth, 0.0)
    p.bar("sill", (0.0, high + 0.17), (wide + 0.26, 0.08), lighten(frame, -0.15))


def castle(p: Painter) -> None:
    """Draw a castle: two towers with battlements, a gate, flags."""
    stone = p.palette.main
    dark = lighten(stone, -0.65) if luma(stone) > 0.3 else lighten(stone, 0.7)
    roof = p.visible(distinct(p.palette.accent, stone, INK_GAP))
    pointed = p.chance(0.5)
    period = p.uniform(0.2, 0.24)

    def battlement(u: Array, v: Array, half: float, high: float) -> Array:
        return difference(
            shapes.box(u, v, half, high),
            intersection(patterns.stripes(u / period, v, 0.5) * period, v + high - 0.14),
        )

    p.part("wall", lambda u, v: battlement(u, v, 0.5, 0.6), stone, at=(0.0, 0.4), reach=0.8)
    for x in (-0.66, 0.66):
        p.part("tower", lambda u, v: battlement(u, v, 0.27, 0.75), stone, at=(x, 0.24), reach=0.85)
        if pointed:
            p.patch("roof", [(x, -1.05), (x + 0.34, -0.46), (x - 0.34, -0.46)], roof)
        else:
            p.stroke("pole", [(x, -0.5), (x, -0.98)], 0.05, dark)
            p.patch("flag", [(x, -1.0), (x + 0.3, -0.87), (x, -0.74)], roof, 0.0)
        p.bar("slit", (x, 0.0), (0.06, 0.14), dark, 0.0)

    def gate(u: Array, v: Array) -> Array:
        return union(shapes.disc(u, v, 0.22), shapes.box(u, v - 0.25, 0.22, 0.25))

    p.part("gate", gate, dark, at=(0.0, 0.5), reach=0.5, line=0.0)
