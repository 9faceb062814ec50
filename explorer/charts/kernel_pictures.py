"""Kernels as pictures: orange where a weight excites, blue where it inhibits."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

# Colours of positive and of negative weights. They differ in hue and in lightness, also for eyes
# that see no red or no green, and both are seen on white and on black.
EXCITES, INHIBITS = (224, 122, 31), (61, 122, 196)
# Side in pixels of the picture of a kernel, at least; each weight is a sharp square.
SIDE = 120
# Of the largest weight, the least that is drawn as more than nothing.
GAMMA = 0.8

Rows = Sequence[Sequence[float]]


def kernel_picture(rows: Rows, most: float | None = None) -> Image.Image:
    """Return a kernel as a picture, transparent where the weight is 0.

    Args:
        rows: the weights.
        most: the size of a weight that is opaque; None for the largest of the kernel.
    """
    weights = np.array(rows, np.float32)
    largest = most or float(np.abs(weights).max()) or 1.0
    alpha = np.minimum(np.abs(weights) / largest, 1.0) ** GAMMA
    colours = np.where(weights[..., None] < 0, INHIBITS, EXCITES)
    pixels = np.dstack([colours, np.round(255 * alpha)]).astype(np.uint8)
    return _enlarged(Image.fromarray(pixels, "RGBA"))


def image_kernel_picture(channels: Sequence[Rows]) -> Image.Image:
    """Return a kernel over an image as a picture: the pattern that it is strongest for.

    Args:
        channels: rows of weights for red, green and blue, or for one channel of grey. Weights of 0
            are medium grey.
    """
    weights = np.array(channels, np.float32)
    if len(weights) != 3:
        weights = np.repeat(weights.mean(0, keepdims=True), 3, 0)
    largest = float(np.abs(weights).max()) or 1.0
    pixels = np.round(127.5 + 127.5 * weights / largest).astype(np.uint8)
    return _enlarged(Image.fromarray(pixels.transpose(1, 2, 0).copy()))


def _enlarged(picture: Image.Image) -> Image.Image:
    """Return a picture whose pixels are squares, all of one size."""
    times = max(1, -(-SIDE // max(picture.size)))
    width, height = picture.size
    return picture.resize((width * times, height * times), Image.Resampling.NEAREST)
