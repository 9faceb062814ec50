"""Canvases: images as differentiable functions of free parameters, always within ``[0, 1]``.

The parametrisation decides which images an ascent finds. Gradients of networks have too much energy
in high frequencies, and their colours are correlated. If the parameters are scaled frequencies in
decorrelated colours, the images are clear where free pixels give noise (Olah, Mordvintsev and
Schubert, "Feature Visualization", Distill 2017; Lucid). MACO also fixes the magnitude of every
frequency. Then only the phases are free, which determine where edges and shapes are (Fel et al.,
"Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained Optimization",
NeurIPS 2023).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.devices import falls_back, like
from core.fixed_order import on_one_thread, one_thread
from core.images.channels import COLOUR
from core.optim.optimisers import Adam

# Square root of the covariance of RGB values in natural images, as measured for Lucid on ImageNet.
# Rows are R, G, B; columns are uncorrelated directions (light, warm-cold, green-purple).
COLOUR_CORRELATION = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
# Standard deviation of the initial parameters: images begin nearly grey, with just enough noise to
# break the symmetry.
INITIAL_DEVIATION = 0.01
# Factor of all frequencies, as in Lucid. It keeps the values before the sigmoid in the range where
# the sigmoid is not saturated.
FOURIER_GAIN = 0.25
# Pixel values are clamped to this range before the logit, which is infinite for black and white.
DARKEST, LIGHTEST = 0.02, 0.98


class Canvas(nn.Module):
    """Free parameters from which a batch of images is computed.

    Images have the number of channels C that the network takes: 3 for RGB.

    Attributes:
        learning_rate: default step size of the optimiser, for gradients whose root mean square
            is 1.
        damping: default epsilon of Adam, see ``ascent.AscentSettings``.
        betas: decay rates of Adam's first and second moment. With a first one of 0.9, as is usual,
            twice as many steps are needed (``python -m benchmarks.steps`` compares settings).
    """

    learning_rate: float = 0.5
    damping: float = 1.0
    betas: tuple[float, float] = (0.3, 0.99)

    def forward(self) -> Tensor:
        """Return the images, float32 ``[N, C, H, W]`` in ``[0, 1]``."""
        raise NotImplementedError

    def set_image(self, image: Tensor) -> None:
        """Set the parameters so that the ascent starts from an image.

        Args:
            image: ``[1, C, H, W]`` in ``[0, 1]``, for all images of the batch, or
                ``[N, C, H, W]``. Values are clamped to ``DARKEST .. LIGHTEST``.
        """
        raise NotImplementedError

    def optimiser(self, learning_rate: float, damping: float) -> torch.optim.Optimizer:
        """Return an optimiser of the parameters: Adam with the damping as its epsilon."""
        return Adam(self.parameters(), lr=learning_rate, betas=self.betas, eps=damping, fused=True)

    def refine_gradients(self) -> None:
        """Scale each image's gradient to a root mean square of 1; a gradient of 0 stays 0."""
        for parameter in self.parameters():
            gradient = parameter.grad
            if gradient is not None:
                axes = tuple(range(1, gradient.ndim))
                length = torch.linalg.vector_norm(gradient, dim=axes, keepdim=True)
                size = length / math.sqrt(gradient[0].numel())
                gradient.div_(size.clamp(min=torch.finfo(size.dtype).tiny))

    def finish_step(self) -> None:
        """Restore the constraints of the canvas after an optimiser step, such as a pixel range.

        By default there are no constraints.
        """


class Pixels(Canvas):
    """The baseline canvas: one free parameter for each colour value, followed by a sigmoid."""

    def __init__(
        self,
        size: tuple[int, int],
        seeds: Sequence[int],
        device: torch.device,
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        noise = INITIAL_DEVIATION * _normal((channels, *size), seeds)
        self.values = nn.Parameter(noise.to(device))  # [N, C, H, W]

    def forward(self) -> Tensor:
        """Return the images, ``[N, C, H, W]`` in ``[0, 1]``."""
        return on_one_thread(torch.sigmoid, self.values)

    def set_image(self, image: Tensor) -> None:
        """Set the parameters from an image ``[1 or N, C, H, W]``."""
        with torch.no_grad():
            self.values.copy_(_clamped_logit(image))


class Fourier(Canvas):
    """The default canvas: a spectrum scaled by 1 / frequency, in decorrelated colours.

    The image is ``sigmoid(C @ irfft2(spectrum / frequency))`` with ``C`` the normalised
    ``COLOUR_CORRELATION``. If all parameters change by the same amount, low frequencies and
    brightness therefore change most, as natural images have most energy in them.
    """

    scale: Tensor
    colours: Tensor

    def __init__(
        self,
        size: tuple[int, int],
        seeds: Sequence[int],
        device: torch.device,
        channels: int = COLOUR,
    ) -> None:
        super().__init__()
        height, width = size
        self.size = size
        noise = INITIAL_DEVIATION * _normal((channels, height, width // 2 + 1, 2), seeds)
        # [N, C, H, W // 2 + 1, 2], real and imaginary parts
        self.spectrum = nn.Parameter(noise.to(device))
        self.register_buffer("scale", inverse_frequency(size).to(device))
        self.register_buffer("colours", colour_matrix(channels).to(device))

    def forward(self) -> Tensor:
        """Return the images, ``[N, C, H, W]`` in ``[0, 1]``."""
        return _image_of_parts(self.spectrum * self.scale[..., None], self.colours, self.size)

    def set_image(self, image: Tensor) -> None:
        """Set the parameters from an image ``[1 or N, C, H, W]``."""
        with torch.no_grad():
            spectrum = spectrum_of(image) / self.scale.cpu()
            self.spectrum.copy_(torch.view_as_real(spectrum))


class MagnitudeConstrained(Canvas):
    """The canvas of MACO: the phase of each frequency is free, its magnitude is fixed.

    The image is ``sigmoid(C @ irfft2(magnitude * exp(i * phase)))``, in the decorrelated colours
    of ``Fourier``. The magnitudes stay the same throughout the ascent. By default they are the mean
    magnitudes of natural images (``core.optim.natural_spectrum``). Fel et al. standardise the image
    before the sigmoid. This is not needed here, because the magnitudes are measured on the logits
    of images, that is, on values before the sigmoid.
    """

    magnitude: Tensor
    colours: Tensor
    # No damping: phases of frequencies with a small magnitude have small gradients, and should
    # change as much as all other phases.
    learning_rate = 0.4
    damping = 1e-8

    def __init__(self, magnitude: Tensor, width: int, seeds: Sequence[int]) -> None:
        """Create a canvas with random phases.

        Args:
            magnitude: ``[C, H, W // 2 + 1]``, of an orthonormal transform. The parameters are
                created on the device of this tensor.
            width: W, which cannot be derived from ``W // 2 + 1``: 5 may belong to 8 or 9 pixels.
            seeds: seeds of the random phases, one for each image.
        """
        super().__init__()
        self.size = (magnitude.shape[1], width)
        turns = [
            torch.rand(magnitude.shape, generator=torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
        phase = 2 * torch.pi * torch.stack(turns)
        # The phase of frequency 0 only determines the sign of the mean colour. With a phase of 0,
        # all images have the same mean colour at the start.
        phase[..., 0, 0] = 0
        self.phase = nn.Parameter(phase.to(magnitude))  # [N, C, H, W // 2 + 1]
        self.register_buffer("magnitude", magnitude.clone())
        self.register_buffer("colours", colour_matrix(len(magnitude)).to(magnitude))

    def forward(self) -> Tensor:
        """Return the images, ``[N, C, H, W]`` in ``[0, 1]``."""
        return _image_of_waves(self.magnitude, self.phase, self.colours, self.size)

    def set_image(self, image: Tensor) -> None:
        """Set phases and magnitudes to those of an image ``[1 or N, C, H, W]``.

        An ascent from there strengthens those features of the image that the objective responds to
        (Hamblin et al., "Feature Accentuation", 2024).
        """
        with torch.no_grad():
            spectrum = spectrum_of(image)
            self.phase.copy_(spectrum.angle())
            self.magnitude = like(spectrum.abs(), self.magnitude)


def spectrum_of(image: Tensor) -> Tensor:
    """Compute the spectrum of the logits of images, in decorrelated colours.

    Args:
        image: ``[N, C, H, W]`` in ``[0, 1]``.

    Returns:
        Complex ``[N, C, H, W // 2 + 1]``, of an orthonormal transform, on the CPU.
    """
    image = image.cpu()
    decorrelate = torch.linalg.inv(colour_matrix(image.shape[1]).double()).to(image)
    with one_thread():
        decorrelated = torch.einsum("ij,njhw->nihw", decorrelate, _clamped_logit(image))
    spectrum: Tensor = torch.fft.rfft2(decorrelated, norm="ortho")
    return spectrum


@falls_back
def _image_of_parts(parts: Tensor, colours: Tensor, size: tuple[int, int]) -> Tensor:
    """Compute images from the real and imaginary parts of spectra, ``[N, C, H, W // 2 + 1, 2]``."""
    return _image_of(torch.view_as_complex(parts), size, colours)


@falls_back
def _image_of_waves(
    magnitude: Tensor, phase: Tensor, colours: Tensor, size: tuple[int, int]
) -> Tensor:
    """Compute images from magnitudes ``[C, H, F]`` and phases ``[N, C, H, F]``; F is W // 2 + 1."""
    return _image_of(on_one_thread(torch.polar, magnitude, phase), size, colours)


def _image_of(spectrum: Tensor, size: tuple[int, int], colours: Tensor) -> Tensor:
    """Compute images ``[N, C, H, W]`` from complex spectra ``[N, C, H, W // 2 + 1]``.

    The inverse of ``spectrum_of``, except for pixel values that ``spectrum_of`` has clamped.
    """
    decorrelated = torch.fft.irfft2(spectrum, s=size, norm="ortho")  # [N, C, H, W]

    def coloured(values: Tensor) -> Tensor:
        return torch.sigmoid(colours @ values.flatten(2)).view_as(values)  # [N, C, H * W] within

    return on_one_thread(coloured, decorrelated)


def _clamped_logit(image: Tensor) -> Tensor:
    """Return the inverse of the sigmoid for an image clamped to ``DARKEST .. LIGHTEST``."""
    return torch.logit(image.clamp(DARKEST, LIGHTEST))


def inverse_frequency(size: tuple[int, int]) -> Tensor:
    """Compute a factor for each frequency of ``torch.fft.rfft2``, in proportion to 1 / frequency.

    Magnitudes in natural images fall in this way.

    Returns:
        ``[H, W // 2 + 1]``: ``FOURIER_GAIN / max(frequency, lowest frequency)``, in cycles per
        pixel. The constant term thus has the same factor as a wave with one cycle across the image.
        If parameters of the same distribution are multiplied by these factors, and the transform is
        orthonormal, images of all sizes have the same contrast.
    """
    height, width = size
    rows = torch.fft.fftfreq(height)[:, None]
    cols = torch.fft.rfftfreq(width)[None]
    frequency = torch.sqrt(rows**2 + cols**2)
    lowest = 1 / max(height, width)
    return FOURIER_GAIN / frequency.clamp(min=lowest)


def colour_matrix(channels: int = COLOUR) -> Tensor:
    """Return the matrix from uncorrelated colour directions to the channels of images.

    It is ``[C, C]``. For RGB, the largest norm of its columns is 1. Channels of other images are
    taken as uncorrelated. Each is multiplied by the mean effect of light on red, green and blue, so
    that grey images get the same contrast as coloured ones.
    """
    matrix = torch.tensor(COLOUR_CORRELATION)
    largest: Tensor = torch.linalg.vector_norm(matrix, dim=0).max()
    matrix = matrix / largest
    return matrix if channels == COLOUR else torch.eye(channels) * matrix[:, 0].mean()


def _normal(shape: tuple[int, ...], seeds: Sequence[int]) -> Tensor:
    """Return standard normal noise, ``[N, *shape]``.

    The noise of image ``n`` depends on ``seeds[n]`` only. It is drawn on the CPU, so that a seed
    gives the same start on every device.
    """
    draws = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(draws)
