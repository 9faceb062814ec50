"""A painting of a woodcut: hills, a sun and clouds in lines that are thicker in dark areas."""

import numpy as np

from core.paintings.pixel_math import Array, mix, pixel_grid, smoothstep

# Lengths are in units of the side of the painting.
SUN_ROW, SUN_COL, SUN_RADIUS = 0.27, 0.66, 0.085
OUTLINE = 0.0035  # half of the width of outlines


def paint(rng: np.random.Generator, side: int) -> Array:
    """Draw hills, a sun and clouds in black lines on paper."""
    row, col = pixel_grid(side)
    to_sun = np.hypot(row - SUN_ROW, col - SUN_COL)
    grain = 0.004 * np.sin(37 * row + 5 * np.sin(9 * col)) + 0.003 * np.sin(61 * col + 13 * row)
    phase, tone = _sky(row, col, to_sun, grain)
    phase, tone, outlines = _hills(row, col, grain, phase, tone, rng)
    ink = np.maximum(outlines, _lines(phase, tone))
    ink = np.where(np.abs(to_sun - SUN_RADIUS) < OUTLINE, 1.0, ink)
    return mix(_paper(row, col, to_sun, rng), (0.09, 0.10, 0.16), ink)


def _sky(row: Array, col: Array, to_sun: Array, grain: Array) -> tuple[Array, Array]:
    """Return phases and tones, ``[S, S]`` each, of the sky with rays, clouds and the sun.

    The phase grows by 1 from one black line to the next. The tone is the share of the paper that
    stays white at a pixel.
    """
    ray = np.arctan2(row - SUN_ROW, col - SUN_COL)
    phase, tone = ray * 23 + 900 * grain * to_sun, 0.30 + 0.9 * np.exp(-to_sun * 2.6) - 0.20 * row
    cloud = sum(
        np.exp(-(((row - r) / 0.030) ** 2 + ((col - c) / w) ** 2))
        for r, c, w in (
            (0.13, 0.22, 0.16),
            (0.19, 0.33, 0.14),
            (0.36, 0.14, 0.13),
            (0.10, 0.90, 0.12),
        )
    )
    inside = cloud > 0.45
    phase, tone = (
        np.where(inside, (row + 0.03 * np.sin(20 * col)) * 70, phase),
        np.where(inside, 0.92 - 0.25 * (cloud < 0.6), tone),
    )
    disc = to_sun < SUN_RADIUS
    return np.where(disc, to_sun * 95, phase), np.where(disc, 0.96, tone)


def _hills(
    row: Array, col: Array, grain: Array, phase: Array, tone: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Add hills in front of the sky.

    Returns the phases and tones of the whole painting, and the ink of the hills' outlines (1 on an
    outline, else 0), ``[S, S]`` each.
    """
    ink = np.zeros_like(row)
    for number, level in enumerate((0.50, 0.60, 0.71, 0.83)):
        bumps = rng.uniform(0, 6.3, 3)
        ridge = (
            level
            - 0.075 * np.sin(3.1 * col * (1 + 0.25 * number) + bumps[0])
            - 0.03 * np.sin(8.3 * col + bumps[1])
            - 0.008 * np.sin(29 * col + bumps[2])
        )
        below = row > ridge
        deep = (row - ridge).clip(0)
        slope = 0.55 * np.sin(3.1 * col * (1 + 0.25 * number) + bumps[0]) + 0.9 * deep
        direction = row * np.cos(slope) + (col if number % 2 else -col) * np.sin(slope + 0.5)
        phase = np.where(below, (direction + grain) * (62 + 6 * number), phase)
        tone = np.where(
            below,
            0.80
            - 2.6 * deep * (1 - 0.12 * number)
            - 0.05 * number
            + 0.14 * np.sin(5 * col + bumps[1]),
            tone,
        )
        outline = np.abs(row - ridge) < OUTLINE
        ink = np.where(below, 0.0, ink)
        ink = np.where(outline, 1.0, ink)
    return phase, tone, ink


def _lines(phase: Array, tone: Array) -> Array:
    """Return the ink of the lines, 1 on a line, else 0; a higher ``tone`` makes lines thinner."""
    wave = np.abs((phase % 1) * 2 - 1)
    soft = np.abs(np.gradient(phase, axis=0)) + np.abs(np.gradient(phase, axis=1))
    width = np.minimum(soft, 1) * 1.2 + 0.02
    return smoothstep(wave - tone.clip(0.06, 0.97), -width, width)


def _paper(row: Array, col: Array, to_sun: Array, rng: np.random.Generator) -> Array:
    """Return the colours ``[S, S, 3]`` of paper with fibres: red at the sun, blue-grey below."""
    fibre = 0.02 * np.sin(240 * row + 9 * np.sin(7 * col)) + rng.normal(0, 0.012, row.shape)
    paper = np.array([0.95, 0.89, 0.76]) + fibre[..., None] * 0.6
    tinted = mix(paper, (0.86, 0.42, 0.20), 0.75 * np.exp(-((to_sun / 0.20) ** 2)) * (row < 0.62))
    return mix(tinted, (0.55, 0.66, 0.66), 0.35 * smoothstep(row, 0.45, 0.95))
