"""Household objects, and an anchor."""

import math

import numpy as np

from core.sketchworld import patterns, shapes
from core.sketchworld.marks import BLACK, THIN_LINE, WHITE, Painter, dark_line
from core.sketchworld.palette import INK_GAP, LUMA_GAP, distinct, lighten, luma, rgb
from core.sketchworld.shapes import Array, difference, intersection, on_circle, sized, union


def umbrella(p: Painter) -> None:
    """Draw an open umbrella with a curved handle."""
    cloth = p.palette.main
    other = distinct(p.palette.second, cloth, INK_GAP)
    stick = p.visible(dark_line(p.palette))
    p.stroke("stick", [(0.0, -0.98), (0.0, 0.72)], 0.08, stick)
    p.part(
        "handle",
        sized(shapes.arc, 0.16, math.pi / 2, 0.09),
        stick,
        at=(-0.16, 0.72),
        reach=0.25,
        line=0.0,
    )
    lobes = 4
    lobe = 0.95 / lobes

    def canopy(u: Array, v: Array) -> Array:
        dome = intersection(shapes.ellipse(u, v, 0.97, 0.9), v - 0.02)
        centre = (np.rint((u / lobe - 1.0) / 2.0) * 2.0 + 1.0) * lobe  # u of the nearest lobe
        notch = shapes.ellipse(u - centre, v, lobe, 0.15)
        return difference(dome, notch)

    def gore(u: Array, v: Array) -> Array:
        room = np.sqrt(np.maximum(1.0 - (v / 0.9) ** 2, 0.02)) * lobe * 2
        return patterns.stripes(u / room / 2 + 0.25, v, 0.5) * 0.4

    p.part(
        "umbrella", canopy, cloth, at=(0.0, 0.05), reach=1.0, pattern=gore, ink=other, shadow=True
    )


def cup(p: Painter) -> None:
    """Draw a cup on a saucer, often with steam."""
    china = p.palette.main
    p.part("handle", sized(shapes.ring, 0.24, 0.13), china, at=(0.62, 0.16), reach=0.32)
    bowl = [(-0.66, -0.3), (0.66, -0.3), (0.44, 0.66), (-0.44, 0.66)]
    band = p.chance(0.5)
    p.patch(
        "cup",
        bowl,
        china,
        reach=0.9,
        shadow=True,
        pattern=(lambda u, v: np.abs(v - 0.15) - 0.13) if band else None,
        ink=distinct(p.palette.accent, china, INK_GAP),
        rounding=0.04,
    )
    p.oval("rim", (0.68, 0.14), lighten(china, 0.4), at=(0.0, -0.3), reach=0.7)
    p.oval("drink", (0.56, 0.08), rgb(0.06, 0.7, 0.28), at=(0.0, -0.29), reach=0.6, line=0.0)
    p.oval(
        "saucer",
        (0.92, 0.12),
        p.visible(distinct(p.palette.second, china, INK_GAP)),
        at=(0.0, 0.78),
        reach=0.92,
    )
    if p.chance(0.75):
        steam = p.visible(lighten(p.palette.ground, 0.5))
        for a in (-0.28, 0.02, 0.32):
            points = [(a, -0.52), (a + 0.1, -0.66), (a - 0.04, -0.82), (a + 0.07, -0.98)]
            p.stroke("steam", points, 0.065, steam)


def key(p: Painter) -> None:
    """Draw a key: bow, shaft, bit."""
    metal = p.tint(0.13, 0.65, 0.85)
    bow, teeth = p.uniform(0.26, 0.32), p.integer(2, 3)

    def shape(u: Array, v: Array) -> Array:
        parts = [shapes.ring(u + 0.62, v, bow, 0.17), shapes.box(u - 0.28, v, 0.66, 0.08)]
        for k in range(teeth):
            parts.append(shapes.box(u - (0.85 - 0.23 * k), v - 0.2, 0.065, 0.2 - 0.04 * (k % 2)))
        return union(*parts)

    p.part("key", shape, metal, reach=1.05, shadow=True, line=min(p.light.line, THIN_LINE))


def clock(p: Painter) -> None:
    """Draw a clock face with twelve marks and two hands."""
    rim = p.palette.main
    dial = distinct(lighten(p.palette.second, 0.75), rim, INK_GAP, LUMA_GAP)
    ink = BLACK if luma(dial) > 0.4 else WHITE
    p.part("rim", sized(shapes.disc, 0.96), rim, shadow=True, also=("circle",))
    p.spot("dial", (0.0, 0.0), 0.8, dial)
    for hour in range(12):
        angle = hour * math.pi / 6
        inner, width = (0.58, 0.07) if hour % 3 == 0 else (0.64, 0.05)
        p.stroke("mark", [on_circle(angle, inner), on_circle(angle, 0.72)], width, ink)
    minute = p.uniform(0.0, 2 * math.pi)
    hour_angle = p.uniform(0.0, 2 * math.pi)
    hand = distinct(p.palette.accent, dial, 0.5)
    p.stroke("hand", [(0.0, 0.0), on_circle(hour_angle, 0.36)], 0.12, ink)
    p.stroke("hand", [(0.0, 0.0), on_circle(minute, 0.56)], 0.08, hand)
    p.spot("hub", (0.0, 0.0), 0.08, ink)


def ice_cream(p: Painter) -> None:
    """Draw an ice cream: a waffle cone and one to three scoops."""
    waffle = p.visible(rgb(0.09, p.uniform(0.5, 0.7), p.uniform(0.7, 0.9)))
    cone = [(-0.44, 0.0), (0.44, 0.0), (0.0, 1.0)]
    p.patch(
        "cone",
        cone,
        waffle,
        reach=1.05,
        pattern=patterns.tiled(patterns.hatching, 0.2, 0.22),
        ink=lighten(waffle, -0.4),
        also=("hatching",),
    )
    # Radius of the scoops, level of the cherry, and positions of the scoops.
    radius, top, places = (
        (0.5, -0.68, [(0.0, -0.2)]),
        (0.35, -0.52, [(-0.22, -0.16), (0.22, -0.2)]),
        (0.35, -0.84, [(-0.26, -0.1), (0.26, -0.1), (0.0, -0.5)]),
    )[p.integer(0, 2)]
    flavours = [p.palette.main, p.visible(p.palette.second), p.visible(p.palette.accent)]
    for at, flavour in zip(places, flavours, strict=False):
        p.spot("scoop", at, radius, flavour, None)
    if p.chance(0.5):
        p.spot("cherry", (0.0, top), 0.12, rgb(0.98, 0.85, 0.8), None)


def crown(p: Painter) -> None:
    """Draw a crown with jewels."""
    gold = p.tint(0.13, 0.75, 0.92)
    peaks = [
        (-0.86, -0.42),
        (-0.42, 0.05),
        (0.0, -0.66),
        (0.42, 0.05),
        (0.86, -0.42),
        (0.68, 0.62),
        (-0.68, 0.62),
    ]
    p.part("crown", sized(shapes.polygon, peaks), gold, reach=1.05, shadow=True)
    jewel = distinct(p.palette.accent, gold, 0.45)
    for at in ((-0.86, -0.5), (0.0, -0.74), (0.86, -0.5)):
        p.spot("jewel", at, 0.12, p.visible(jewel))
    p.bar("band", (0.0, 0.56), (0.7, 0.11), lighten(gold, -0.25))
    for a in (-0.36, 0.0, 0.36):
        p.spot("jewel", (a, 0.3), 0.1, jewel)


def anchor(p: Painter) -> None:
    """Draw an anchor: ring, shank, stock, arms with flukes."""
    iron = p.palette.main
    width = p.uniform(0.1, 0.14)

    def shape(u: Array, v: Array) -> Array:
        a = np.abs(u)
        arms = shapes.arc(u, v - 0.08, 0.72, 1.15, width * 1.25)
        fluke = shapes.convex(a, v, [(0.46, 0.34), (0.86, 0.06), (0.9, 0.5)])
        return union(
            arms,
            fluke,
            shapes.ring(u, v + 0.78, 0.16, width * 0.9),
            shapes.box(u, v - 0.1, width / 2, 0.72),
            shapes.capsule(a, v + 0.36, (0.0, 0.0), (0.4, 0.0), width / 2),
        )

    p.part("anchor", shape, iron, reach=1.1, shadow=True, line=min(p.light.line, THIN_LINE))
