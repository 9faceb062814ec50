"""Folders of synthetic images for tests of collections and indexes."""

from pathlib import Path

import numpy as np
from PIL import Image

# Different sizes; some are wide, tall, small, or large enough to be decoded at half size.
SIZES = ((40, 52), (61, 37), (24, 20), (90, 130), (33, 33))


def photograph(seed: int) -> Image.Image:
    """Return an image of a few soft blobs and a little noise."""
    rng = np.random.default_rng(seed)
    height, width = SIZES[seed % len(SIZES)]
    rows, cols = np.mgrid[0:height, 0:width]
    pixels = rng.normal(110, 8, (height, width, 3))
    for _ in range(4):
        row, col, spread = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(3, 15)
        blob = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / spread**2)
        pixels += blob[..., None] * rng.uniform(-150, 150, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def fill(folder: Path, count: int, first: int = 0) -> Path:
    """Write images into a folder and its subfolders, half of them as JPEGs."""
    for number in range(first, first + count):
        subfolder = folder / ("cats", "dogs", "")[number % 3]
        subfolder.mkdir(parents=True, exist_ok=True)
        ending = ("jpg", "png")[number % 2]
        photograph(number).save(subfolder / f"{number:03}.{ending}")
    return folder
