"""What climbs: images as functions of free parameters, always within ``[0, 1]``.

How an image is written down decides which pictures an ascent finds. Gradients of networks are rich
in high frequencies and correlated between colours; a canvas that decorrelates both gives clear
pictures where raw pixels give noise (Olah, Mordvintsev and Schubert, "Feature Visualization",
Distill 2017; Lucid).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Square root of the covariance of RGB values in natural pictures, as measured for Lucid on
# ImageNet; rows are R, G, B and columns uncorrelated directions (light, warm-cold, green-purple).
COLOUR_CORRELATION = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
# Where an image starts: nearly grey, with just enough to break the symmetry.
INITIAL_DEVIATION = 0.01
# Lucid's division of the inverse transform, which brings colours into the sigmoid's soft range.
FOURIER_GAIN = 0.25


class Canvas(nn.Module):
    """Free parameters that draw a batch of images."""

    def forward(self) -> Tensor:
        """Draw the images, float32 ``[N, 3, H, W]``, RGB in ``[0, 1]``."""
        raise NotImplementedError


class Pixels(Canvas):
    """The plain canvas: one free number behind each colour value, squashed by a sigmoid."""

    def __init__(self, size: tuple[int, int], seeds: Sequence[int], device: torch.device) -> None:
        super().__init__()
        noise = INITIAL_DEVIATION * _normal((3, *size), seeds)
        self.values = nn.Parameter(noise.to(device))  # [N, 3, H, W]

    def forward(self) -> Tensor:
        """Draw the images, ``[N, 3, H, W]`` in ``[0, 1]``."""
        return torch.sigmoid(self.values)


class Fourier(Canvas):
    """The good canvas: a spectrum scaled by 1 / frequency, in decorrelated colours.

    The image is ``sigmoid(C @ irfft2(spectrum / frequency))`` with ``C`` the normalised
    ``COLOUR_CORRELATION``. Equal steps on all parameters then move low frequencies and brightness
    most, as in natural pictures.
    """

    scale: Tensor
    colours: Tensor

    def __init__(self, size: tuple[int, int], seeds: Sequence[int], device: torch.device) -> None:
        super().__init__()
        height, width = size
        self.size = size
        noise = INITIAL_DEVIATION * _normal((3, height, width // 2 + 1, 2), seeds)
        self.spectrum = nn.Parameter(
            noise.to(device)
        )  # [N, 3, H, W // 2 + 1, 2], real and imaginary
        self.register_buffer("scale", _inverse_frequency(size).to(device))
        self.register_buffer("colours", _colour_matrix().to(device))

    def forward(self) -> Tensor:
        """Draw the images, ``[N, 3, H, W]`` in ``[0, 1]``."""
        spectrum = torch.view_as_complex(self.spectrum * self.scale[..., None])
        light = torch.fft.irfft2(spectrum, s=self.size, norm="ortho")  # [N, 3, H, W]
        return torch.sigmoid(torch.einsum("ij,njhw->nihw", self.colours, light))


def _inverse_frequency(size: tuple[int, int]) -> Tensor:
    """Scale each frequency of a real transform by what natural pictures hold of it.

    Returns:
        ``[H, W // 2 + 1]``: ``gain / max(frequency, lowest frequency)`` in cycles a pixel, so that
        the constant term weighs as much as one wave across the picture. With an orthonormal
        transform, equal spectra then give equal contrasts at every size.
    """
    height, width = size
    rows = torch.fft.fftfreq(height)[:, None]
    cols = torch.fft.rfftfreq(width)[None]
    frequency = torch.sqrt(rows**2 + cols**2)
    lowest = 1 / max(height, width)
    return FOURIER_GAIN / frequency.clamp(min=lowest)


def _colour_matrix() -> Tensor:
    """Turn uncorrelated directions into RGB, ``[3, 3]``, with a largest column norm of 1."""
    matrix = torch.tensor(COLOUR_CORRELATION)
    largest: Tensor = torch.linalg.vector_norm(matrix, dim=0).max()
    return matrix / largest


def _normal(shape: tuple[int, ...], seeds: Sequence[int]) -> Tensor:
    """Draw standard normal numbers ``[N, *shape]``, those of image ``n`` from ``seeds[n]`` alone.

    They are drawn on the CPU, so that a seed means the same start on every device.
    """
    draws = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(draws)
