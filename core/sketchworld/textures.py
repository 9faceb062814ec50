"""Textures of SketchWorld: patterns over the whole image, and inside simple shapes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from core.sketchworld import patterns
from core.sketchworld.painter import Distance, Painter
from core.sketchworld.palette import INK_GAP, LUMA_GAP, distinct
from core.sketchworld.signed_distance import Array, Point

EVERYWHERE = 3.0  # a radius around any point of the scene that contains the whole scene
TEXTURED_SHARE = 0.35  # share of the drawings of simple shapes that have a texture inside
# Textures for simple shapes: the name, the pattern, and the pattern's argument `ink`.
SHAPE_TEXTURES: tuple[tuple[str, patterns.Pattern, float], ...] = (
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
    """Return a function that draws a pattern over the whole image.

    Args:
        concept: name of the texture.
        pattern: signed distance to the pattern, one of `patterns`.
        ink: lowest and highest share of ink, then lowest and highest number of periods across the
            image, such as (0.38, 0.62, 3.0, 7.0).
        turn: mean rotation of the pattern in radians.
        tilt: largest deviation from `turn` in radians.
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
    """Draw fish scales over the whole image: rims, and often a coloured centre in each scale."""
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
    """Draw a tartan over the whole image: translucent bands and thin lines in two directions."""
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


def textured_shape(
    p: Painter,
    concept: str,
    shape: Distance,
    fill: Array,
    reach: float = 1.0,
    corners: tuple[Point, ...] = (),
) -> None:
    """Draw a simple shape with a shadow, sometimes with a texture at a random angle inside.

    The parameters are those of `Painter.part`.
    """
    if not p.chance(TEXTURED_SHARE):
        p.part(concept, shape, fill, reach=reach, shadow=True, corners=corners)
        return
    name, pattern, share = SHAPE_TEXTURES[p.integer(0, len(SHAPE_TEXTURES) - 1)]
    period, angle = p.uniform(0.26, 0.42), p.uniform(-math.pi, math.pi)
    across, down = math.cos(angle) / period, math.sin(angle) / period

    def rotated(u: Array, v: Array) -> Array:
        return pattern(u * across + v * down, v * across - u * down, share) * period

    p.part(
        concept,
        shape,
        fill,
        reach=reach,
        shadow=True,
        pattern=rotated,
        ink=distinct(p.palette.second, fill, INK_GAP, LUMA_GAP / 2),
        also=(name,),
        corners=corners,
    )
