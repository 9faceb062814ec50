"""A pointillist's dots: an evening at the water."""

import numpy as np
from PIL import Image, ImageDraw

from core.paintings.pixel_math import Array, between, ramp, rgb


def paint(chance: np.random.Generator, side: int) -> Array:
    """Paint an evening at the water in dots, complementary colours beside each other."""
    canvas = Image.new("RGB", (side, side), (236, 226, 204))
    draw = ImageDraw.Draw(canvas)
    for step, radius, loose in (
        (0.0125, 0.0078, 0.05),
        (0.0105, 0.0056, 0.13),
        (0.009, 0.0042, 0.20),
    ):
        grid = np.arange(0, 1 + step, step)
        places = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
        places = places + chance.uniform(-0.6, 0.6, places.shape) * step
        chance.shuffle(places)
        shades = _divided(_evening(places), loose, chance)
        sizes = radius * side * chance.uniform(0.72, 1.15, len(places))
        for (row, col), shade, size in zip(places * side, shades, sizes, strict=True):
            box = (col - size, row - size * 0.92, col + size, row + size * 0.92)
            draw.ellipse(box, fill=rgb(shade))
    return np.asarray(canvas) / 255


def _evening(places: Array) -> Array:
    """Give the colours of a sunset over water at ``[P, 2]`` places: ``[P, 3]`` in ``[0, 1]``."""
    row, col = places.T
    horizon = 0.52
    stops = [
        (0.0, (0.24, 0.38, 0.72)),
        (0.22, (0.52, 0.50, 0.80)),
        (0.38, (0.95, 0.60, 0.56)),
        (horizon, (1.0, 0.82, 0.42)),
    ]
    sky = ramp(row, stops)
    sun = np.hypot(row - 0.40, (col - 0.62)) / 0.075
    sky = between(sky, np.array([1.0, 0.93, 0.60]), np.exp(-(sun**4))[:, None])
    sky = between(sky, np.array([1.0, 0.70, 0.35]), (0.65 * np.exp(-((sun / 2.6) ** 2)))[:, None])
    mirrored = ramp(2 * horizon - row, stops) * np.array([0.55, 0.72, 0.98])
    ripple = 0.5 + 0.5 * np.sin(360 * (row - horizon).clip(0) ** 0.5 + 9 * np.sin(14 * col))
    water = between(mirrored, np.array([0.10, 0.30, 0.58]), (0.55 * ripple)[:, None])
    path = np.exp(-(((col - 0.62) / (0.03 + 0.16 * (row - horizon).clip(0))) ** 2)) * ripple
    water = between(water, np.array([1.0, 0.78, 0.36]), path[:, None])
    colour = np.where((row < horizon)[:, None], sky, water)
    far = horizon - 0.035 - 0.03 * np.sin(5 * col + 0.6) - 0.012 * np.sin(19 * col)
    shore = (row > far) & (row < horizon)
    colour = np.where(shore[:, None], np.array([0.36, 0.34, 0.62]), colour)
    bank = 0.86 + 0.06 * np.sin(3.4 * col + 2.2)
    grass = between(
        np.array([0.12, 0.36, 0.22]),
        np.array([0.62, 0.70, 0.22]),
        (0.5 + 0.5 * np.sin(31 * col + 23 * row))[:, None],
    )
    colour = np.where((row > bank)[:, None], grass, colour)
    crown = np.minimum(
        np.hypot((row - 0.30) / 0.20, (col - 0.17) / 0.15),
        np.hypot((row - 0.44) / 0.13, (col - 0.07) / 0.12),
    )
    leaf = between(
        np.array([0.10, 0.30, 0.26]),
        np.array([0.55, 0.62, 0.20]),
        (0.5 + 0.5 * np.sin(40 * row + 28 * col))[:, None],
    )
    trunk = (np.abs(col - 0.165 - 0.02 * np.sin(9 * row)) < 0.016) & (row > 0.42) & (row < 0.9)
    colour = np.where(trunk[:, None], np.array([0.26, 0.16, 0.30]), colour)
    painted: Array = np.where((crown < 1)[:, None], leaf, colour)
    return painted


def _divided(shades: Array, loose: float, chance: np.random.Generator) -> Array:
    """Divide colours ``[P, 3]`` into purer ones, of which one in eight is the opposite."""
    grey = shades.mean(1, keepdims=True)
    vivid = grey + (shades - grey) * 1.5
    opposite = chance.random((len(shades), 1)) < 0.13
    turned = grey + (grey - shades) * 0.9
    lean = chance.normal(0, loose, shades.shape)
    divided: Array = np.where(opposite & (loose > 0.1), turned, vivid) + lean
    return divided.clip(0, 1)
