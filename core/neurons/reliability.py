"""How far a picture of a neuron can be trusted: measures that a reader can hold against it."""

import torch
from torch import Tensor

# Waves shorter than four pixels: too fine for a person to see a shape in them.
FINE = 0.25
# Of 100 photographs, as squares of 64 to 256 pixels, 98 have less than this in their finest grain.
GRAINY = 0.2
# Mean cosines: pictures of one neuron from different noise mostly agree above the first, those of
# different neurons of a layer hardly ever above the second.
ALIKE, RELATED = 0.8, 0.5


def high_frequency_share(image: Tensor) -> Tensor:
    """Tell how much of each image is in its finest grain.

    The share of the variance in waves of more than ``FINE`` cycles a pixel along rows or columns.
    Photographs have a few percent, white noise three quarters: a picture far above the
    photographs shows what only this network sees.

    Args:
        image: ``[N, 3, H, W]``.

    Returns:
        ``[N]`` in ``0 .. 1``; 0 for an image of one colour.
    """
    centred = image - image.mean((2, 3), keepdim=True)
    power = torch.fft.fft2(centred).abs().square().sum(1)  # [N, H, W]
    rows = torch.fft.fftfreq(image.shape[2], device=image.device).abs()[:, None]
    cols = torch.fft.fftfreq(image.shape[3], device=image.device).abs()[None]
    fine = (power * (torch.maximum(rows, cols) > FINE)).sum((1, 2))
    share: Tensor = fine / power.sum((1, 2)).clamp(min=torch.finfo(power.dtype).tiny)
    return share


def mean_activation(seen: Tensor) -> Tensor:
    """Summarise what a layer sees of each image: the mean of each channel over positions.

    Args:
        seen: activations ``[N, C, ...]``.

    Returns:
        ``[N, C]``.
    """
    means: Tensor = seen.reshape(*seen.shape[:2], -1).float().mean(2)
    return means


def agreement(signatures: Tensor) -> float:
    """Tell how alike several pictures of one neuron are to the network.

    Args:
        signatures: ``[K, C]``, what a layer sees of each of K pictures, centred on what it sees of
            all neurons' pictures.

    Returns:
        The mean cosine between two of them, ``-1 .. 1``; 1 for a single one.
    """
    unit = torch.nn.functional.normalize(signatures, dim=1)
    count = len(unit)
    if count < 2:
        return 1.0
    return float((unit @ unit.T).sum() - unit.square().sum()) / (count * (count - 1))


def verdict(dead: bool, grain: float, agreement: float) -> str:
    """Tell in a word how far a neuron's picture can be trusted.

    Args:
        dead: whether nothing excites the neuron.
        grain: ``fineness`` of its picture.
        agreement: of pictures of it that began as different noise.

    Returns:
        ``dead``, ``grainy``, or how much the pictures agree: ``alike``, ``related`` or ``unlike``.
    """
    if dead:
        return "dead"
    if grain > GRAINY:
        return "grainy"
    if agreement >= ALIKE:
        return "alike"
    return "related" if agreement >= RELATED else "unlike"
