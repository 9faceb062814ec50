"""The plain subjects of SketchWorld: textures that fill the picture and simple shapes on a ground.

Every function paints one subject with a `Painter`, in the figure's own coordinates: the figure
fills about the unit circle.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from core.sketchnet import patterns, shapes
from core.sketchnet.colours import INK_GAP, LUMA_GAP, distinct, lift
from core.sketchnet.painter import Distance, Painter
from core.sketchnet.shapes import Array, meet, union

EVERYWHERE = 3.0  # a reach beyond every corner of the scene
CLOTH = 0.35  # share of the simple shapes that have a texture on them
# textures fit for cloth, with their share of ink
CLOTHS: tuple[tuple[str, patterns.Pattern, float], ...] = (
    ("stripes", patterns.stripes, 0.45),
    ("dots", patterns.dots, 0.52),
    ("checks", patterns.checks, 0.5),
    ("grid", patterns.grid, 0.2),
    ("scales", patterns.scales, 0.2),
)


def texture(
    concept: str,
    pattern: patterns.Pattern,
    ink: tuple[float, float, float, float],
    turn: float = 0.0,
    tilt: float = 0.12,
) -> Callable[[Painter], None]:
    """Return a painter of a pattern over the whole picture, turned by `turn` +- `tilt` radians.

    `ink` holds bounds of the pattern's share of ink, then bounds of its periods across the picture.
    """

    def paint(p: Painter) -> None:
        share = p.uniform(ink[0], ink[1])
        period = 2.0 / p.uniform(ink[2], ink[3])
        angle = turn + p.uniform(-tilt, tilt)
        phase = (p.uniform(0.0, period), p.uniform(0.0, period))
        bend = p.uniform(0.0, 0.05) if p.chance(0.5) else 0.0
        wave = p.uniform(1.5, 3.0)

        def shape(u: Array, v: Array) -> Array:
            if bend > 0.0:
                u, v = u + bend * np.sin(v * wave), v + bend * np.sin(u * wave)
            return pattern(u * (1.0 / period), v * (1.0 / period), share) * period

        p.part(
            concept,
            shape,
            p.palette.main,
            at=phase,
            reach=EVERYWHERE,
            turn=angle,
            line=0.0,
            shade=1.5,
        )

    return paint


def scales(p: Painter) -> None:
    """Paint fish scales: rims, and often a tinted heart in each scale."""
    period = 2.0 / p.uniform(2.6, 5.0)
    rim = p.uniform(0.10, 0.20)
    tip = p.uniform(0.45, 0.7)
    angle, at = p.uniform(-0.12, 0.12), (p.uniform(0.0, period), p.uniform(0.0, period))
    if p.chance(0.6):
        p.part(
            "scales",
            lambda u, v: patterns.scale_tips(u / period, v / period, tip) * period,
            distinct(p.palette.second, p.palette.ground, INK_GAP),
            at=at,
            reach=EVERYWHERE,
            turn=angle,
            line=0.0,
        )
    p.part(
        "scales",
        lambda u, v: patterns.scales(u / period, v / period, rim) * period,
        p.palette.main,
        at=at,
        reach=EVERYWHERE,
        turn=angle,
        line=0.0,
    )


def plaid(p: Painter) -> None:
    """Paint a tartan: see-through bands both ways, with thin bright threads."""
    period = 2.0 / p.uniform(2.2, 4.5)
    band = p.uniform(0.4, 0.55)
    angle, at = p.uniform(-0.12, 0.12), (p.uniform(0.0, period), p.uniform(0.0, period))
    thread = distinct(p.palette.accent, p.palette.ground, INK_GAP, LUMA_GAP)
    for turn in (angle, angle + math.pi / 2):
        p.part(
            "plaid",
            lambda u, v: patterns.stripes(u / period, v, band) * period,
            p.palette.main,
            at=at,
            reach=EVERYWHERE,
            turn=turn,
            line=0.0,
            alpha=0.6,
        )
    for turn in (angle, angle + math.pi / 2):
        p.part(
            "plaid",
            lambda u, v: patterns.stripes(u / period + 0.5, v, 0.10) * period,
            thread,
            at=at,
            reach=EVERYWHERE,
            turn=turn,
            line=0.0,
        )


def _plain(
    p: Painter, concept: str, shape: Distance, turn: float = 0.0, also: tuple[str, ...] = ()
) -> None:
    """Paint a simple shape, now and then cut from a patterned cloth."""
    _cut_from_cloth(p, concept, shape, p.palette.main, turn, also=also)


def _cut_from_cloth(
    p: Painter,
    concept: str,
    shape: Distance,
    fill: Array,
    turn: float = 0.0,
    reach: float = 1.0,
    also: tuple[str, ...] = (),
) -> None:
    """Paint a part, now and then with a texture on it, at any angle."""
    if not p.chance(CLOTH):
        p.part(concept, shape, fill, turn=turn, reach=reach, shadow=True, also=also)
        return
    name, pattern, share = CLOTHS[p.count(0, len(CLOTHS) - 1)]
    period, angle = p.uniform(0.26, 0.42), p.uniform(-math.pi, math.pi)
    across, down = math.cos(angle) / period, math.sin(angle) / period

    def woven(u: Array, v: Array) -> Array:
        return pattern(u * across + v * down, v * across - u * down, share) * period

    p.part(
        concept,
        shape,
        fill,
        turn=turn,
        reach=reach,
        shadow=True,
        pattern=woven,
        ink=distinct(p.palette.second, fill, INK_GAP, LUMA_GAP / 2),
        also=(name, *also),
    )


def disc(p: Painter) -> None:
    """Paint a full disc."""
    _plain(p, "disc", lambda u, v: shapes.disc(u, v, 0.85))


def ring(p: Painter) -> None:
    """Paint one open ring."""
    width = p.uniform(0.14, 0.36)
    p.part(
        "ring",
        lambda u, v: shapes.ring(u, v, 0.92 - width / 2, width),
        p.palette.main,
        shadow=True,
    )


def concentric_rings(p: Painter) -> None:
    """Paint rings within rings."""
    count = p.count(3, 4)
    step = 0.95 / (count - 0.25)
    ink = p.uniform(0.42, 0.58)
    if p.chance(0.5):
        p.part("disc", lambda u, v: shapes.disc(u, v, 0.95), p.palette.second, shadow=True)
    fill = distinct(p.palette.main, p.palette.second, INK_GAP, LUMA_GAP)

    def rings(u: Array, v: Array) -> Array:
        far = np.hypot(u, v)
        return meet(patterns.stripes(far / step, v, ink) * step, far - 0.97)

    p.part("concentric rings", rings, fill, line=0.0)


def spiral(p: Painter) -> None:
    """Paint a spiral of two to four turns, wound either way."""
    turns, thick = p.uniform(2.0, 3.4), p.uniform(0.38, 0.58)
    sign = 1.0 if p.chance(0.5) else -1.0
    p.part(
        "spiral",
        lambda u, v: shapes.spiral(u * sign, v, 0.95, turns, thick),
        p.palette.main,
        line=0.0,
    )


def right_angle(p: Painter) -> None:
    """Paint two bars that meet square at one end."""
    width = p.uniform(0.11, 0.24)
    long, short = p.uniform(1.3, 1.6), p.uniform(1.0, 1.5)
    corner = -0.65

    def angle(u: Array, v: Array) -> Array:
        upright = shapes.box(u - corner, v - corner - long / 2 + width, width, long / 2)
        level = shapes.box(u - corner - short / 2 + width, v - corner, short / 2, width)
        return union(upright, level)

    p.part("right angle", angle, p.palette.main, reach=1.25, shadow=True)


def triangle(p: Painter) -> None:
    """Paint a triangle of three like sides."""
    _plain(p, "triangle", lambda u, v: shapes.regular(u, v, 3, 1.0))


def square(p: Painter) -> None:
    """Paint a square."""
    _plain(p, "square", lambda u, v: shapes.box(u, v, 0.7, 0.7))


def star(p: Painter) -> None:
    """Paint a star of five points, seldom six."""
    points, inner = (5 if p.chance(0.75) else 6), p.uniform(0.40, 0.52)
    _plain(p, "star", lambda u, v: shapes.star(u, v, points, 1.0, inner))


def cross(p: Painter) -> None:
    """Paint two equal bars that cross in the middle."""
    width = p.uniform(0.17, 0.30)
    _plain(
        p,
        "cross",
        lambda u, v: union(shapes.box(u, v, width, 0.92), shapes.box(u, v, 0.92, width)),
    )


def crescent(p: Painter) -> None:
    """Paint a crescent moon."""
    bite, offset = p.uniform(0.68, 0.8), p.uniform(0.38, 0.5)
    _plain(p, "crescent", lambda u, v: shapes.crescent(u, v, 0.92, bite, offset))


def heart(p: Painter) -> None:
    """Paint a heart."""
    fill = p.tint(0.98, 0.85, 0.85)
    _cut_from_cloth(p, "heart", lambda u, v: shapes.heart(u, v, 0.88), fill, reach=1.1)


def arrow(p: Painter) -> None:
    """Paint an arrow."""
    width, head, wide = p.uniform(0.12, 0.22), p.uniform(-0.05, 0.2), p.uniform(0.48, 0.66)

    def whole(u: Array, v: Array) -> Array:
        tip = shapes.convex(u, v, [(0.98, 0.0), (head, wide), (head, -wide)])
        return union(tip, shapes.box(u + 0.45, v, 0.5 + head * 0.5 + 0.1, width))

    p.part("arrow", whole, p.palette.main, shadow=True)


def drop(p: Painter) -> None:
    """Paint a drop of water with a glint."""
    fill = p.tint(0.56, 0.7, 0.85)
    radius = p.uniform(0.5, 0.6)
    p.part("drop", lambda u, v: shapes.drop(u, v - 0.35, radius, 1.3), fill, shadow=True)
    glint = lift(fill, 0.7)
    p.part(
        "glint",
        lambda u, v: shapes.arc(u, v, radius * 0.62, 0.6, 0.1),
        glint,
        at=(0.0, 0.35),
        reach=radius,
        turn=0.9,
        line=0.0,
    )


def lightning(p: Painter) -> None:
    """Paint a bolt of lightning."""
    fat = p.uniform(0.0, 0.12)
    points = [
        (0.1 - fat, -1.0),
        (0.55 + fat, -1.0),
        (0.2, -0.25),
        (0.62 + fat, -0.25),
        (-0.35, 1.0),
        (-0.02, 0.08),
        (-0.5 - fat, 0.08),
    ]
    fill = p.tint(0.14, 0.85, 0.97)
    p.part("lightning", lambda u, v: shapes.polygon(u, v, points), fill, reach=1.15, shadow=True)


def pinwheel(p: Painter) -> None:
    """Paint a disc of sectors in two colours."""
    blades, twist = p.count(3, 6), p.uniform(-1.3, 1.3)
    p.part("disc", lambda u, v: shapes.disc(u, v, 0.95), p.palette.second, shadow=True)
    fill = distinct(p.palette.main, p.palette.second, INK_GAP, LUMA_GAP)
    p.part("pinwheel", lambda u, v: shapes.pinwheel(u, v, 0.95, blades, twist), fill, line=0.0)


def snowflake(p: Painter) -> None:
    """Paint six branched arms."""
    width, twig, at = p.uniform(0.05, 0.08), p.uniform(0.2, 0.32), p.uniform(0.45, 0.62)
    fill = p.shown(lift(p.palette.main, 0.6)) if p.chance(0.5) else p.palette.main

    def flake(u: Array, v: Array) -> Array:
        step = math.pi / 3
        angle = np.arctan2(v, u)
        angle = np.abs(angle - np.rint(angle / step) * step)
        far = np.hypot(u, v)
        a, b = far * np.cos(angle), far * np.sin(angle)  # one half arm
        arm = shapes.capsule(a, b, (0.0, 0.0), (0.93, 0.0), width)
        outer = shapes.capsule(a, b, (at, 0.0), (at + twig * 0.8, twig), width * 0.85)
        inner = shapes.capsule(
            a, b, (at * 0.5, 0.0), (at * 0.5 + twig * 0.5, twig * 0.6), width * 0.85
        )
        return union(arm, outer, inner)

    p.part("snowflake", flake, fill, line=0.0)
