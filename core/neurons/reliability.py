"""Measures of how reliable a feature visualization is."""

import torch
from torch import Tensor

from core.fixed_order import sum_per_image

# Frequencies above this number of cycles per pixel (wavelengths below 4 pixels) count as high.
# People recognise no shapes in such fine patterns.
HIGH_FREQUENCY = 0.25
# An image with a larger share of high frequencies counts as grainy. Of 100 photographs, as squares
# with sides of 64 to 256 pixels, 98 have a smaller share.
GRAINY = 0.2
# Thresholds of ``agreement``. Images of one unit that start from different noise mostly have an
# agreement above ALIKE. Images of different units of one layer hardly ever have an agreement above
# RELATED.
ALIKE, RELATED = 0.8, 0.5


def high_frequency_share(image: Tensor) -> Tensor:
    """Return the share of each image's variance in high frequencies.

    A frequency is high if it has more than ``HIGH_FREQUENCY`` cycles per pixel along rows or along
    columns. The share is a few percent in photographs and 75% in white noise. If it is much higher
    than in photographs, the image has fine patterns that the network responds to and that people
    do not recognise.

    Args:
        image: ``[N, 3, H, W]``.

    Returns:
        ``[N]`` in ``0 .. 1``; 0 for an image of one colour.
    """
    centred = image - image.mean((2, 3), keepdim=True)
    power = torch.fft.fft2(centred).abs().square().sum(1)  # [N, H, W]
    rows = torch.fft.fftfreq(image.shape[2], device=image.device).abs()[:, None]
    cols = torch.fft.fftfreq(image.shape[3], device=image.device).abs()[None]
    high = sum_per_image(power * (torch.maximum(rows, cols) > HIGH_FREQUENCY))
    share: Tensor = high / sum_per_image(power).clamp(min=torch.finfo(power.dtype).tiny)
    return share


def mean_activation(activations: Tensor) -> Tensor:
    """Return the mean of each channel over positions: ``[N, C, ...]`` to ``[N, C]``."""
    means: Tensor = activations.reshape(*activations.shape[:2], -1).float().mean(2)
    return means


def agreement(means: Tensor) -> float:
    """Return how similar the activations for several feature visualizations of one unit are.

    Args:
        means: ``[K, C]``, one row for each of K images of the unit: the mean activation of each
            channel of a layer (see ``mean_activation``), minus the average of this mean over the
            images of all units.

    Returns:
        The cosine between two rows, ``-1 .. 1``, averaged over all pairs; 1 for a single image.
    """
    normalised = torch.nn.functional.normalize(means, dim=1)
    count = len(normalised)
    if count < 2:
        return 1.0
    cosines = normalised @ normalised.T
    return float(cosines.sum() - normalised.square().sum()) / (count * (count - 1))


def verdict(dead: bool, fineness: float, agreement: float) -> str:
    """Return a word for how reliable the feature visualization of a unit is.

    Args:
        dead: whether the unit is zero at all positions of the image.
        fineness: ``high_frequency_share`` of the image.
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
