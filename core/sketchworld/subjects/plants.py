"""Plants and fruit."""

import math

import numpy as np

from core.sketchworld import shapes
from core.sketchworld.marks import WHITE, Painter
from core.sketchworld.palette import INK_GAP, distinct, lighten, luma, rgb
from core.sketchworld.shapes import Array, intersection, sized, union


def flower(p: Painter) -> None:
    """Draw a flower: petals around a centre, often with a stem and leaves."""
    count = p.integer(5, 9)
    stem = p.chance(0.5)
    centre = (0.0, -0.25) if stem else (0.0, 0.0)
    grow = 0.7 if stem else 1.0
    green = p.visible(rgb(p.uniform(0.26, 0.4), 0.7, 0.55))
    if stem:
        p.stroke("stem", [(0.0, -0.2), (0.03, 1.0)], 0.1, green)
        for side in (-1, 1):
            p.lens("leaf", (0.28, 0.11), green, at=(side * 0.27, 0.68), reach=0.3, turn=side * -0.5)
    long, wide = 0.31 * grow, min(0.30, 1.75 / count) * grow
    start = p.uniform(0.0, math.pi)
    for k in range(count):
        angle = start + 2 * math.pi * k / count
        at = (centre[0] + 0.62 * grow * math.sin(angle), centre[1] - 0.62 * grow * math.cos(angle))
        p.oval("petal", (wide, long), p.palette.main, at=at, reach=0.34, turn=angle)
    heart = distinct(p.tint(0.13, 0.85, 0.95, p.palette.accent), p.palette.main, INK_GAP)
    p.spot("heart of flower", centre, p.uniform(0.24, 0.32) * grow, heart, None)


def leaf(p: Painter) -> None:
    """Draw a leaf with a midrib and side veins."""
    green = p.tint(0.3, 0.65, 0.55)
    vein = lighten(green, 0.55) if luma(green) < 0.5 else lighten(green, -0.5)
    p.stroke("stem", [(-1.05, 0.0), (-0.7, 0.0)], 0.09, lighten(green, -0.3))
    wide = p.uniform(0.42, 0.56)
    p.lens("leaf", (0.85, wide), green, at=(0.08, 0.0), reach=0.9, shadow=True)
    p.stroke("vein", [(-0.75, 0.0), (0.8, 0.0)], 0.06, vein)
    for k in range(4):
        base = -0.5 + 0.3 * k
        out = wide * (0.62 - 0.1 * abs(k - 1))
        for side in (-1, 1):
            p.stroke("vein", [(base, 0.0), (base + 0.26, side * out)], 0.045, vein)


def tree(p: Painter) -> None:
    """Draw a broad-leaved tree: a trunk and a round crown, sometimes with fruit."""
    crown = p.tint(0.32, 0.65, 0.55)
    bark = p.visible(rgb(0.07, p.uniform(0.4, 0.7), p.uniform(0.25, 0.45)))
    trunk = [(-0.1, -0.2), (0.1, -0.2), (0.17, 1.0), (-0.17, 1.0)]
    p.patch("trunk", trunk, bark, reach=1.05)
    puffs = [(0.0, -0.55, 0.42), (-0.42, -0.28, 0.36), (0.42, -0.28, 0.36), (0.0, -0.1, 0.38)]

    def leaves(u: Array, v: Array) -> Array:
        return union(*(shapes.disc(u - a, v - b, r) for a, b, r in puffs))

    p.part("foliage", leaves, crown, reach=1.05, shadow=True)
    fruit = p.chance(0.35)
    colour = distinct(p.palette.accent, crown, 0.45)
    for at in ((-0.4, -0.3), (0.05, -0.62), (0.38, -0.2), (-0.05, -0.08)):
        if fruit:
            p.spot("fruit", at, 0.1, colour)
        else:
            p.part(
                "foliage",
                sized(shapes.arc, 0.15, 0.8, 0.055),
                lighten(crown, -0.3),
                at=at,
                reach=0.2,
                line=0.0,
            )


def fir(p: Painter) -> None:
    """Draw a fir: pointed tiers on a short trunk."""
    green = p.tint(0.38, 0.6, 0.45)
    bark = p.visible(rgb(0.07, 0.55, 0.35))
    p.part("trunk", sized(shapes.box, 0.1, 0.2), bark, at=(0.0, 0.82), reach=0.25)
    tiers, spread = 3, p.uniform(0.55, 0.7)
    for tier in reversed(range(tiers)):
        top, foot = -1.0 + 0.42 * tier, -0.28 + 0.5 * tier
        wide = spread * (0.62 + 0.2 * tier)
        corners = [(0.0, top), (wide, foot), (-wide, foot)]
        tone = lighten(green, 0.12 * (tiers - tier - 1))
        p.patch("tier", corners, tone, reach=1.1)
    if p.chance(0.25):
        p.part(
            "star",
            sized(shapes.star, 5, 0.18, 0.45),
            rgb(0.13, 0.8, 1.0),
            at=(0.0, -0.98),
            reach=0.2,
        )


def mushroom(p: Painter) -> None:
    """Draw a toadstool: spotted cap on a pale stem."""
    cap = p.tint(0.0, 0.85, 0.8)
    pale = p.visible(rgb(0.11, 0.15, 0.95))
    stem = [(-0.17, -0.1), (0.17, -0.1), (0.26, 0.95), (-0.26, 0.95)]
    p.patch("stem", stem, pale, reach=1.05, rounding=0.03)
    high = p.uniform(0.75, 0.95)

    def dome(u: Array, v: Array) -> Array:
        return intersection(shapes.ellipse(u, v, 0.9, high), v - 0.1)

    p.part("cap", dome, cap, at=(0.0, 0.02), reach=1.0, shadow=True)
    dots = distinct(WHITE, cap, 0.4)
    for a, b, r in (
        (0.0, -0.5, 0.15),
        (-0.42, -0.28, 0.13),
        (0.44, -0.3, 0.13),
        (0.1, -0.12, 0.1),
        (-0.2, -0.08, 0.08),
    ):
        p.spot("spot", (a, b), r, dots)


def apple(p: Painter) -> None:
    """Draw an apple with stalk, leaf and glint."""
    skin = p.tint(0.99 if p.chance(0.6) else 0.26, 0.8, 0.82)

    def body(u: Array, v: Array) -> Array:
        a = np.abs(u)
        lobes = shapes.ellipse(a - 0.3, v, 0.5, 0.66)
        return shapes.smooth_union(lobes, shapes.ellipse(u, v - 0.12, 0.45, 0.5), 0.12)

    p.stroke(
        "stalk",
        shapes.curve((0.0, -0.4), (0.0, -0.75), (0.12, -0.95), 4),
        0.09,
        p.visible(rgb(0.07, 0.6, 0.3)),
    )
    p.part("apple", body, skin, at=(0.0, 0.18), reach=0.9, shadow=True)
    p.lens(
        "leaf", (0.3, 0.13), p.visible(rgb(0.3, 0.7, 0.6)), at=(0.34, -0.72), reach=0.3, turn=-0.4
    )
    p.oval(
        "glint", (0.09, 0.19), lighten(skin, 0.7), at=(-0.42, -0.06), reach=0.2, turn=0.4, line=0.0
    )


def cactus(p: Painter) -> None:
    """Draw a ribbed cactus with two arms in a pot, sometimes with a flower."""
    green = p.tint(0.37, 0.6, 0.55)
    rib = lighten(green, -0.4) if luma(green) > 0.35 else lighten(green, 0.5)
    low, high = p.uniform(0.05, 0.25), p.uniform(-0.25, 0.0)

    def body(u: Array, v: Array) -> Array:
        left = shapes.path(u, v, [(-0.1, low), (-0.58, low), (-0.58, low - 0.42)], 0.15)
        right = shapes.path(u, v, [(0.1, high), (0.58, high), (0.58, high - 0.42)], 0.15)
        return union(shapes.capsule(u, v, (0.0, -0.7), (0.0, 0.9), 0.26), left, right)

    p.part("cactus", body, green, reach=1.15)
    for a in (-0.1, 0.1):
        p.stroke("rib", [(a, -0.72), (a, 0.6)], 0.045, rib)
    pot = [(-0.5, -0.24), (0.5, -0.24), (0.38, 0.26), (-0.38, 0.26)]
    p.patch(
        "pot",
        pot,
        distinct(p.tint(0.05, 0.7, 0.75, p.palette.accent), green, INK_GAP),
        at=(0.0, 0.76),
        reach=0.6,
    )
    if p.chance(0.4):
        p.spot("flower", (0.0, -0.96), 0.13, rgb(0.92, 0.6, 0.95))
