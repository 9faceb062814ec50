"""What climbs: images as functions of free parameters, always within ``[0, 1]``.

How an image is written down decides which pictures an ascent finds. Gradients of networks are rich
in high frequencies and correlated between colours; a canvas that decorrelates both gives clear
pictures where raw pixels give noise (Olah, Mordvintsev and Schubert, "Feature Visualization",
Distill 2017; Lucid). Fixing how much there is of every frequency goes further still: then only the
phase is free, that is, where things are (Fel et al., "Unlocking Feature Visualization for Deeper
Networks with MAgnitude Constrained Optimization", NeurIPS 2023).
"""

import math
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
# A picture's black and white lie infinitely far out behind the sigmoid; these values stand in.
DARKEST, LIGHTEST = 0.02, 0.98


class Canvas(nn.Module):
    """Free parameters that draw a batch of images.

    Attributes:
        learning_rate: the step size of Adam that suits its parameters, for gradients whose root
            mean square is 1.
        damping: the epsilon of Adam that suits them, see ``ascent.AscentSettings``.
    """

    learning_rate: float = 0.25
    damping: float = 1.0

    def forward(self) -> Tensor:
        """Draw the images, float32 ``[N, 3, H, W]``, RGB in ``[0, 1]``."""
        raise NotImplementedError

    def copy(self, image: Tensor) -> None:
        """Take on the look of a picture, so that the ascent starts from it.

        Args:
            image: ``[1, 3, H, W]`` in ``[0, 1]``, for all images, or ``[N, 3, H, W]``. What is
                nearly black or white comes out a little softer.
        """
        raise NotImplementedError

    def optimiser(self, learning_rate: float, damping: float) -> torch.optim.Optimizer:
        """Make what moves its parameters along their gradients: Adam, its epsilon the damping."""
        return torch.optim.Adam(self.parameters(), lr=learning_rate, eps=damping, fused=True)

    def refine_gradients(self) -> None:
        """Give each image's gradient a root mean square of 1; one that is zero stays zero."""
        for parameter in self.parameters():
            gradient = parameter.grad
            if gradient is not None:
                axes = tuple(range(1, gradient.ndim))
                length = torch.linalg.vector_norm(gradient, dim=axes, keepdim=True)
                size = length / math.sqrt(gradient[0].numel())
                gradient.div_(size.clamp(min=torch.finfo(size.dtype).tiny))

    def settle(self) -> None:
        """Put right, after each step, what the step must not have moved; here nothing."""


class Pixels(Canvas):
    """The plain canvas: one free number behind each colour value, squashed by a sigmoid."""

    def __init__(self, size: tuple[int, int], seeds: Sequence[int], device: torch.device) -> None:
        super().__init__()
        noise = INITIAL_DEVIATION * _normal((3, *size), seeds)
        self.values = nn.Parameter(noise.to(device))  # [N, 3, H, W]

    def forward(self) -> Tensor:
        """Draw the images, ``[N, 3, H, W]`` in ``[0, 1]``."""
        return torch.sigmoid(self.values)

    def copy(self, image: Tensor) -> None:
        """Take on the look of a picture ``[1 or N, 3, H, W]``."""
        with torch.no_grad():
            self.values.copy_(_behind_sigmoid(image))


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
        self.register_buffer("scale", inverse_frequency(size).to(device))
        self.register_buffer("colours", colour_matrix().to(device))

    def forward(self) -> Tensor:
        """Draw the images, ``[N, 3, H, W]`` in ``[0, 1]``."""
        spectrum = torch.view_as_complex(self.spectrum) * self.scale
        return _develop(spectrum, self.size, self.colours)

    def copy(self, image: Tensor) -> None:
        """Take on the look of a picture ``[1 or N, 3, H, W]``."""
        with torch.no_grad():
            spectrum = spectrum_of(image) / self.scale
            self.spectrum.copy_(torch.view_as_real(spectrum))


class MagnitudeConstrained(Canvas):
    """The canvas of MACO: only the phase of each frequency is free, its magnitude is fixed.

    The image is ``sigmoid(C @ irfft2(magnitude * exp(i * phase)))``, in the decorrelated colours
    of ``Fourier``. However long it climbs, it holds as much of every frequency as the pictures do
    that the magnitude is the mean of (``core.optim.natural_spectrum``). Fel et al. standardise the
    picture before the sigmoid; here magnitudes are measured behind the sigmoid, so that there is
    nothing to standardise.
    """

    magnitude: Tensor
    colours: Tensor
    # Each phase counts alike, however little of its frequency there is: no damping.
    learning_rate = 0.2
    damping = 1e-8

    def __init__(self, magnitude: Tensor, width: int, seeds: Sequence[int]) -> None:
        """Set up a canvas.

        Args:
            magnitude: ``[3, H, W // 2 + 1]``, of an orthonormal transform; it says the device.
            width: W, which the magnitude leaves open.
            seeds: one for each image.
        """
        super().__init__()
        self.size = (magnitude.shape[1], width)
        turns = [
            torch.rand(magnitude.shape, generator=torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
        phase = 2 * torch.pi * torch.stack(turns)
        # The mean colour's phase is a sign; all start from what grey light there is.
        phase[..., 0, 0] = 0
        self.phase = nn.Parameter(phase.to(magnitude))  # [N, 3, H, W // 2 + 1]
        self.register_buffer("magnitude", magnitude.clone())
        self.register_buffer("colours", colour_matrix().to(magnitude))

    def forward(self) -> Tensor:
        """Draw the images, ``[N, 3, H, W]`` in ``[0, 1]``."""
        return _develop(torch.polar(self.magnitude, self.phase), self.size, self.colours)

    def copy(self, image: Tensor) -> None:
        """Take on phases and magnitudes of a picture ``[1 or N, 3, H, W]``.

        The ascent then accentuates in it what the network looks for (Hamblin et al., "Feature
        Accentuation", 2024).
        """
        with torch.no_grad():
            spectrum = spectrum_of(image)
            self.phase.copy_(spectrum.angle())
            self.magnitude = spectrum.abs()


def spectrum_of(image: Tensor) -> Tensor:
    """Find the spectrum in decorrelated colours that draws a picture.

    Args:
        image: ``[N, 3, H, W]`` in ``[0, 1]``.

    Returns:
        Complex ``[N, 3, H, W // 2 + 1]``, of an orthonormal transform.
    """
    apart = torch.linalg.inv(colour_matrix().double()).to(image)
    light = torch.einsum("ij,njhw->nihw", apart, _behind_sigmoid(image))
    spectrum: Tensor = torch.fft.rfft2(light, norm="ortho")
    return spectrum


def _develop(spectrum: Tensor, size: tuple[int, int], colours: Tensor) -> Tensor:
    """Draw images ``[N, 3, H, W]`` from complex spectra ``[N, 3, H, W // 2 + 1]``."""
    light = torch.fft.irfft2(spectrum, s=size, norm="ortho")  # [N, 3, H, W]
    mixed = colours @ light.flatten(2)  # [N, 3, H * W]
    return torch.sigmoid(mixed).view_as(light)


def _behind_sigmoid(image: Tensor) -> Tensor:
    """Find what a sigmoid turns into a picture, save for its blackest and whitest values."""
    return torch.logit(image.clamp(DARKEST, LIGHTEST))


def inverse_frequency(size: tuple[int, int]) -> Tensor:
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


def colour_matrix() -> Tensor:
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
