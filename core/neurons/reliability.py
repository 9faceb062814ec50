"""Measures of how reliable a feature visualization is."""

import torch
from torch import Tensor

# Waves of more than this many cycles per pixel, that is shorter than 4 pixels, count as high
# frequencies: people see no shapes in them.
HIGH_FREQUENCY = 0.25
# A larger share of high frequencies counts as grainy. Of 100 photographs, as squares of 64 to 256
# pixels, 98 have a smaller share.
GRAINY = 0.2
# Thresholds of ``agreement``. The agreement of images of one unit from different noise is mostly
# above the first; that of images of different units of a layer is hardly ever above the second.
ALIKE, RELATED = 0.8, 0.5


def high_frequency_share(image: Tensor) -> Tensor:
    """Return the share of each image's variance in high frequencies.

    These have more than ``HIGH_FREQUENCY`` cycles per pixel along rows or columns. The share is a
    few percent in photographs and 75% in white noise. An image with a much higher share than
    photographs shows patterns that the network responds to but people cannot see.

    Args:
        image: ``[N, 3, H, W]``.

    Returns:
        ``[N]`` in ``0 .. 1``; 0 for an image of one colour.
    """
    centred = image - image.mean((2, 3), keepdim=True)
    power = torch.fft.fft2(centred).abs().square().sum(1)  # [N, H, W]
    rows = torch.fft.fftfreq(image.shape[2], device=image.device).abs()[:, None]
    cols = torch.fft.fftfreq(image.shape[3], device=image.device).abs()[None]
    high = (power * (torch.maximum(rows, cols) > HIGH_FREQUENCY)).sum((1, 2))
    share: Tensor = high / power.sum((1, 2)).clamp(min=torch.finfo(power.dtype).tiny)
    return share


def mean_activation(activations: Tensor) -> Tensor:
    """Return the mean of each channel over positions: ``[N, C, ...]`` to ``[N, C]``."""
    means: Tensor = activations.reshape(*activations.shape[:2], -1).float().mean(2)
    return means


def agreement(means: Tensor) -> float:
    """Return how similar the network's activations for several images of one unit are.

    Args:
        means: ``[K, C]``, the mean activations of a layer for K images, minus their average over
            the images of all units.

    Returns:
        The mean cosine between two of them, ``-1 .. 1``; 1 for a single image.
    """
    normalised = torch.nn.functional.normalize(means, dim=1)
    count = len(normalised)
    if count < 2:
        return 1.0
    cosines = normalised @ normalised.T
    return float(cosines.sum() - normalised.square().sum()) / (count * (count - 1))


def verdict(dead: bool, fineness: float, agreement: float) -> str:
    """Return a word for how reliable a unit's image is.

    Args:
        dead: whether the unit stays at zero.
        fineness: ``high_frequency_share`` of its image.
        agreement: ``agreement`` of images of the unit from different noise.

    Returns:
        ``dead``, ``grainy``, or how well the images agree: ``alike``, ``related`` or ``unlike``.
    """
    if dead:
        return "dead"
    if fineness > GRAINY:
        return "grainy"
    if agreement >= ALIKE:
        return "alike"
    return "related" if agreement >= RELATED else "unlike"
