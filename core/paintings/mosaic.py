"""A painting of a mosaic: small stones in rows with grout between them."""

import numpy as np

from core.paintings.pixel_math import Array, mix, pixel_grid, smoothstep, spaced_points


def paint(rng: np.random.Generator, side: int) -> Array:
    """Draw small stones in curved rows around several centres, with grout between them."""
    row, col = pixel_grid(side)
    warp_row = row + 0.02 * np.sin(9 * col + 1) + 0.012 * np.sin(23 * col)
    warp_col = col + 0.02 * np.sin(8 * row + 2)
    centres = spaced_points(rng, 12)
    distances = np.stack(
        [np.hypot(warp_row - r, warp_col - c) - 0.06 * np.sin(17.0 * r) for r, c in centres]
    )
    region = distances.argmin(0)
    distance = np.take_along_axis(distances, region[None], 0)[0] + 0.2
    stone = 0.021
    band = np.floor(distance / stone)
    angle = np.arctan2(warp_row - centres[region, 0], warp_col - centres[region, 1])
    around = np.maximum(np.round(2 * np.pi * (band + 0.5 - 0.2 / stone).clip(1) * 0.92), 5)
    place = (angle / (2 * np.pi) + 0.5) * around + 0.37 * band
    within_row, within_col = distance / stone - band, place - np.floor(place)
    number = (
        region * 977 + band.astype(np.int64) * 131 + np.floor(place).astype(np.int64) * 17
    ) % 4093
    tint = rng.normal(0, 1, (4093, 3))[number] * 0.022 + rng.normal(0, 1, (4093, 1))[number] * 0.06
    palettes = _palettes()
    turn = (band + region) % 6
    colour = palettes[region % len(palettes), turn.astype(np.int64)] + tint
    tilt = rng.normal(0, 0.10, (4093, 2))[number]
    slant = 1 + tilt[..., 0] * (within_row - 0.5) + tilt[..., 1] * (within_col - 0.5)
    colour = colour * slant[..., None]
    edge = np.minimum(
        np.minimum(within_row, 1 - within_row), np.minimum(within_col, 1 - within_col)
    )
    rounded = smoothstep(edge, 0.05, 0.13)
    bevel = 1 + 0.16 * (1 - smoothstep(edge, 0.1, 0.32)) * np.sign(0.5 - within_row)
    return mix((0.27, 0.24, 0.22), colour * bevel[..., None], rounded * _seams(distances))


def _palettes() -> Array:
    """Return four palettes ``[4, 6, 3]`` of six colours each.

    Each region of the mosaic uses one palette. From the centre of the region outwards, each row of
    stones takes the next colour.
    """
    gold, ochre, rust = (0.90, 0.72, 0.28), (0.80, 0.52, 0.22), (0.62, 0.24, 0.16)
    ivory, sand = (0.93, 0.88, 0.76), (0.80, 0.70, 0.54)
    teal, sea = (0.10, 0.46, 0.48), (0.25, 0.62, 0.60)
    navy, sky = (0.09, 0.20, 0.40), (0.46, 0.66, 0.78)
    return np.array(
        [
            [gold, gold, ochre, rust, ivory, rust],
            [sky, sea, teal, navy, teal, ivory],
            [ivory, sand, ochre, sand, ivory, teal],
            [navy, navy, teal, sky, gold, navy],
        ]
    )


def _seams(distances: Array) -> Array:
    """Return a mask ``[S, S]``: 0 on the borders between regions, 1 elsewhere, smooth between them.

    ``distances`` ``[K, S, S]`` holds the distance of each pixel to the centre of each region.
    """
    first, second = np.partition(distances, 1, axis=0)[:2]
    return smoothstep(second - first, 0.004, 0.010)
