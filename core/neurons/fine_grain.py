"""Fine grain: the share of a feature visualization that is too fine for people to see."""

import torch
from torch import Tensor

from core.fixed_order import sum_per_image

# Frequencies above this number of cycles per pixel (wavelengths below 4 pixels) count as high.
# People recognise no shapes in such fine patterns.
HIGH_FREQUENCY = 0.25
# An image with a larger share of high frequencies counts as grainy. Of 100 photographs, as squares
# with sides of 64 to 256 pixels, 98 have a smaller share.
GRAINY = 0.2


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
