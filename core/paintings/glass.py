"""Stained glass: a rose of pieces in lead, lit from behind."""

import numpy as np
from scipy.spatial import KDTree

from core.paintings.pixel_math import Array, between, blurred, plane, smooth


def paint(chance: np.random.Generator, side: int) -> Array:
    """Set pieces of coloured glass in lead, in rings around a rose, lit from behind."""
    row, col = plane(side)
    points = _rose(chance)
    found, which = KDTree(points).query(np.stack([row, col], -1), k=2)
    away, nearest = np.moveaxis(found, -1, 0), which[..., 0]
    jewels = np.array(
        [
            (0.78, 0.07, 0.13),
            (0.06, 0.20, 0.66),
            (0.95, 0.64, 0.10),
            (0.05, 0.48, 0.32),
            (0.42, 0.10, 0.52),
            (0.20, 0.58, 0.82),
            (0.95, 0.86, 0.55),
            (0.90, 0.32, 0.10),
        ]
    )
    likely = np.array([0.20, 0.24, 0.14, 0.14, 0.08, 0.10, 0.05, 0.05])
    chosen = jewels[chance.choice(len(jewels), len(points), p=likely)] * chance.uniform(
        0.8, 1.15, (len(points), 1)
    )
    colour = chosen[nearest]
    swirl = np.sin(60 * row + 14 * np.sin(25 * col) + 2.0 * nearest) * np.sin(
        50 * col + 11 * np.sin(31 * row) + nearest
    )
    seeds = blurred((chance.random((side, side)) < 0.0012).astype(np.float64), 3) * 6
    light = 1.12 - 0.9 * (away[0] / (away[0] + away[1])) ** 2 + 0.10 * swirl + seeds.clip(0, 0.35)
    glow = colour * light[..., None] + 0.10 * (light[..., None] - 0.6).clip(0)
    gap = away[1] - away[0]
    lead = 1 - smooth(gap, 0.0075, 0.0105)
    shine = 0.10 + 0.22 * np.exp(-(((gap - 0.003) / 0.0018) ** 2))
    metal = shine[..., None] * np.array([0.55, 0.58, 0.64])
    return between(glow, metal, lead[..., None])


def _rose(chance: np.random.Generator) -> Array:
    """Place pieces of glass: rings of a rose off the middle, as ``[K, 2]`` rows and columns."""
    found = [np.array([[0.46, 0.54]])]
    for ring in range(1, 13):
        count = (6, 8, 12, 16, 20, 24, 26, 30, 34, 38, 42, 46)[ring - 1]
        turn = 2 * np.pi * (np.arange(count) + 0.5 * (ring % 2)) / count + chance.normal(
            0, 0.05, count
        )
        reach = 0.066 * ring * (1 + 0.03 * ring / 4) + chance.normal(0, 0.005 + 0.001 * ring, count)
        found.append(np.stack([0.46 + reach * np.sin(turn), 0.54 + reach * np.cos(turn)], 1))
    return np.concatenate(found)
