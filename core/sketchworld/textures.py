"""Textures of SketchWorld: patterns over the whole image, and inside simple shapes."""

import math
from typing import Any

import numpy as np

from core.sketchworld import patterns
from core.sketchworld.marks import Painter
from core.sketchworld.palette import INK_GAP, LUMA_GAP, distinct
from core.sketchworld.shapes import Array, Distance

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
    p: Painter,
    concept: str,
    pattern: patterns.Pattern,
    ink: tuple[float, float, float, float],
    turn: float = 0.0,
    tilt: float = 0.12,
) -> None:
    """Draw a pattern over the whole image.

    Args:
        p: the drawing.
        concept: name of the texture.
        pattern: signed distance to the pattern, one of `patterns`.
        ink: lowest and highest share of ink, then lowest and highest number of periods across the
            image, such as (0.38, 0.62, 3.0, 7.0).
        turn: mean rotation of the pattern in radians.
        tilt: largest deviation from `turn` in radians.
    """
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

    p.cover(concept, shape, p.palette.main, at=phase, turn=angle, shade=1.5)


def scales(p: Painter) -> None:
    """Draw fish scales over the whole image: rims, and often a coloured centre in each scale."""
    period = 2.0 / p.uniform(2.6, 5.0)
    rim = p.uniform(0.10, 0.20)
    tip = p.uniform(0.45, 0.7)
    angle, at = p.uniform(-0.12, 0.12), (p.uniform(0.0, period), p.uniform(0.0, period))
    if p.chance(0.6):
        tips = patterns.tiled(patterns.scale_tips, period, tip)
        centre = distinct(p.palette.second, p.palette.ground, INK_GAP)
        p.cover("scales", tips, centre, at=at, turn=angle)
    rims = patterns.tiled(patterns.scales, period, rim)
    p.cover("scales", rims, p.palette.main, at=at, turn=angle)


def plaid(p: Painter) -> None:
    """Draw a tartan over the whole image: translucent bands and thin lines in two directions."""
    period = 2.0 / p.uniform(2.2, 4.5)
    band = p.uniform(0.4, 0.55)
    angle, at = p.uniform(-0.12, 0.12), (p.uniform(0.0, period), p.uniform(0.0, period))
    thread = distinct(p.palette.accent, p.palette.ground, INK_GAP, LUMA_GAP)

    def bands(u: Array, v: Array) -> Array:
        return patterns.stripes(u / period, v, band) * period

    def lines(u: Array, v: Array) -> Array:
        return patterns.stripes(u / period + 0.5, v, 0.10) * period

    for shape, fill, alpha in ((bands, p.palette.main, 0.6), (lines, thread, 1.0)):
        for turn in (angle, angle + math.pi / 2):
            p.cover("plaid", shape, fill, at=at, turn=turn, alpha=alpha)


def textured_shape(p: Painter, concept: str, shape: Distance, fill: Array, **options: Any) -> None:
    """Draw a simple shape with a shadow, sometimes with a texture at a random angle inside.

    The parameters are those of `Painter.part`.
    """
    if p.chance(TEXTURED_SHARE):
        name, pattern, share = SHAPE_TEXTURES[p.integer(0, len(SHAPE_TEXTURES) - 1)]
        period, angle = p.uniform(0.26, 0.42), p.uniform(-math.pi, math.pi)
        across, down = math.cos(angle) / period, math.sin(angle) / period

        def rotated(u: Array, v: Array) -> Array:
            return pattern(u * across + v * down, v * across - u * down, share) * period

        ink = distinct(p.palette.second, fill, INK_GAP, LUMA_GAP / 2)
        options |= {"pattern": rotated, "ink": ink, "also": (name,)}
    p.part(concept, shape, fill, shadow=True, **options)
