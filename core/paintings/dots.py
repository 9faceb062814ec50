"""A painting in a pointillist's dots: a sunset over water."""

import numpy as np
from PIL import Image, ImageDraw

from core.paintings.pixel_math import Array, mix, ramp, rgb


def paint(rng: np.random.Generator, side: int) -> Array:
    """Draw a sunset over water in dots, with complementary colours beside each other."""
    canvas = Image.new("RGB", (side, side), (236, 226, 204))
    draw = ImageDraw.Draw(canvas)
    for step, radius, variation in (
        (0.0125, 0.0078, 0.05),
        (0.0105, 0.0056, 0.13),
        (0.009, 0.0042, 0.20),
    ):
        grid = np.arange(0, 1 + step, step)
        points = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
        points = points + rng.uniform(-0.6, 0.6, points.shape) * step
        rng.shuffle(points)
        colours = _divide_colours(_sunset(points), variation, rng)
        sizes = radius * side * rng.uniform(0.72, 1.15, len(points))
        for (row, col), colour, size in zip(points * side, colours, sizes, strict=True):
            box = (col - size, row - size * 0.92, col + size, row + size * 0.92)
            draw.ellipse(box, fill=rgb(colour))
    return np.asarray(canvas) / 255


def _sunset(points: Array) -> Array:
    """Return the colours ``[P, 3]`` in ``[0, 1]`` of a sunset over water at points ``[P, 2]``.

    A point is a row and a column, from 0 to 1.
    """
    row, col = points.T
    horizon = 0.52
    stops = [
        (0.0, (0.24, 0.38, 0.72)),
        (0.22, (0.52, 0.50, 0.80)),
        (0.38, (0.95, 0.60, 0.56)),
        (horizon, (1.0, 0.82, 0.42)),
    ]
    sky = ramp(row, stops)
    sun = np.hypot(row - 0.40, (col - 0.62)) / 0.075
    sky = mix(sky, (1.0, 0.93, 0.60), np.exp(-(sun**4)))
    sky = mix(sky, (1.0, 0.70, 0.35), 0.65 * np.exp(-((sun / 2.6) ** 2)))
    mirrored = ramp(2 * horizon - row, stops) * np.array([0.55, 0.72, 0.98])
    ripple = 0.5 + 0.5 * np.sin(360 * (row - horizon).clip(0) ** 0.5 + 9 * np.sin(14 * col))
    water = mix(mirrored, (0.10, 0.30, 0.58), 0.55 * ripple)
    path = np.exp(-(((col - 0.62) / (0.03 + 0.16 * (row - horizon).clip(0))) ** 2)) * ripple
    water = mix(water, (1.0, 0.78, 0.36), path)
    colour = np.where((row < horizon)[:, None], sky, water)
    far = horizon - 0.035 - 0.03 * np.sin(5 * col + 0.6) - 0.012 * np.sin(19 * col)
    shore = (row > far) & (row < horizon)
    colour = np.where(shore[:, None], np.array([0.36, 0.34, 0.62]), colour)
    bank = 0.86 + 0.06 * np.sin(3.4 * col + 2.2)
    grass = mix((0.12, 0.36, 0.22), (0.62, 0.70, 0.22), 0.5 + 0.5 * np.sin(31 * col + 23 * row))
    colour = np.where((row > bank)[:, None], grass, colour)
    crown = np.minimum(
        np.hypot((row - 0.30) / 0.20, (col - 0.17) / 0.15),
        np.hypot((row - 0.44) / 0.13, (col - 0.07) / 0.12),
    )
    leaf = mix((0.10, 0.30, 0.26), (0.55, 0.62, 0.20), 0.5 + 0.5 * np.sin(40 * row + 28 * col))
    trunk = (np.abs(col - 0.165 - 0.02 * np.sin(9 * row)) < 0.016) & (row > 0.42) & (row < 0.9)
    colour = np.where(trunk[:, None], np.array([0.26, 0.16, 0.30]), colour)
    painted: Array = np.where((crown < 1)[:, None], leaf, colour)
    return painted


def _divide_colours(colours: Array, variation: float, rng: np.random.Generator) -> Array:
    """Return random variations of colours ``[P, 3]``, with more saturation.

    ``variation`` is the standard deviation of the noise that is added. If it is above 0.1, one in
    eight colours is also replaced by its complementary colour.
    """
    grey = colours.mean(1, keepdims=True)
    vivid = grey + (colours - grey) * 1.5
    complementary = rng.random((len(colours), 1)) < 0.13
    opposite = grey + (grey - colours) * 0.9
    noise = rng.normal(0, variation, colours.shape)
    divided: Array = np.where(complementary & (variation > 0.1), opposite, vivid) + noise
    return divided.clip(0, 1)
