"""A painting of stained glass: coloured pieces with lead between them, like a rose window."""

import numpy as np

from core.paintings.pixel_math import Array, blur, mix, pixel_grid, smoothstep


def paint(rng: np.random.Generator, side: int) -> Array:
    """Draw pieces of coloured glass in rings around a centre, with lead between the pieces."""
    # Imported here, because it takes longer than opening all stored paintings.
    from scipy.spatial import KDTree

    row, col = pixel_grid(side)
    points = _ring_points(rng)
    distances, which = KDTree(points).query(np.stack([row, col], -1), k=2)
    distance, nearest = np.moveaxis(distances, -1, 0), which[..., 0]
    colours = np.array(
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
    probabilities = np.array([0.20, 0.24, 0.14, 0.14, 0.08, 0.10, 0.05, 0.05])
    chosen = colours[rng.choice(len(colours), len(points), p=probabilities)] * rng.uniform(
        0.8, 1.15, (len(points), 1)
    )
    colour = chosen[nearest]
    swirl = np.sin(60 * row + 14 * np.sin(25 * col) + 2.0 * nearest) * np.sin(
        50 * col + 11 * np.sin(31 * row) + nearest
    )
    bubbles = blur((rng.random((side, side)) < 0.0012).astype(np.float64), 3) * 6
    to_edge = distance[0] / (distance[0] + distance[1])
    light = 1.12 - 0.9 * to_edge**2 + 0.10 * swirl + bubbles.clip(0, 0.35)
    glow = colour * light[..., None] + 0.10 * (light[..., None] - 0.6).clip(0)
    gap = distance[1] - distance[0]
    lead = 1 - smoothstep(gap, 0.0075, 0.0105)
    shine = 0.10 + 0.22 * np.exp(-(((gap - 0.003) / 0.0018) ** 2))
    metal = shine[..., None] * np.array([0.55, 0.58, 0.64])
    return mix(glow, metal, lead)


def _ring_points(rng: np.random.Generator) -> Array:
    """Return the centres of the pieces of glass, rows and columns ``[K, 2]`` from about 0 to 1."""
    rings = [np.array([[0.46, 0.54]])]
    for ring in range(1, 13):
        count = (6, 8, 12, 16, 20, 24, 26, 30, 34, 38, 42, 46)[ring - 1]
        turn = 2 * np.pi * (np.arange(count) + 0.5 * (ring % 2)) / count + rng.normal(
            0, 0.05, count
        )
        radius = 0.066 * ring * (1 + 0.03 * ring / 4) + rng.normal(0, 0.005 + 0.001 * ring, count)
        rings.append(np.stack([0.46 + radius * np.sin(turn), 0.54 + radius * np.cos(turn)], 1))
    return np.concatenate(rings)
