"""The canvas of a dream: an image with free pixels whose change has a prescribed strength.

The change is the difference between the image and the unchanged image. The gradient is decomposed
into frequency bands that are scaled to the same strength (a Laplacian pyramid, Burt and Adelson
1983; Mordvintsev's DeepDream notebook of 2015). Without this, the highest frequencies dominate.
After every step the change is scaled to the prescribed strength. Otherwise dreams of layers whose
gradients hardly vary from step to step would be stronger than dreams of other layers.
"""

import torch
from torch import Tensor, nn

from core.devices import widest
from core.fixed_order import mean_per_image, norm
from core.images.colours import limit_chroma
from core.images.resize import enlarge_twice, halve
from core.optim.canvases import Canvas
from core.optim.optimisers import GradientDescent

# Number of frequency bands of a gradient. More are not needed, because an octave at a smaller size
# already changes the lower frequencies.
BANDS = 4
# Weight of each band relative to the next finer band. It is above 1 because natural images have
# more energy in coarse bands.
COARSER_GAIN = 1.4
# Root mean square of a step, relative to the prescribed growth per step of the change's root mean
# square. It is above 1 because steps do not all point in the same direction.
STEP_FACTOR = 1.5


class DreamCanvas(Canvas):
    """One image with free pixels, whose change has a prescribed root mean square.

    Attributes:
        values: the present image, ``[1, 3, H, W]`` in ``[0, 1]``.
    """

    damping = 0.0

    def __init__(
        self,
        base: Tensor,
        detail: Tensor | None,
        mask: Tensor | None,
        strengths: tuple[float, float],
        steps: int,
    ) -> None:
        """Create a canvas.

        Args:
            base: the unchanged image, ``[1, 3, H, W]`` in ``[0, 1]``.
            detail: initial change of the image, in the same shape; None for no change.
            mask: where the image may change, ``[1, 1, H, W]`` in ``[0, 1]``; None for everywhere.
            strengths: prescribed strength of the change, as ``root_mean_square`` measures it with
                the mask: the value before the first step and the value after the last step.
            steps: number of optimiser steps.
        """
        super().__init__()
        self.base = base
        self.mask = mask
        initial = base.clone() if detail is None else (base + detail).clamp_(0, 1)
        self.values = nn.Parameter(initial)
        self.strengths, self.steps, self.steps_done = strengths, steps, 0
        self.learning_rate = STEP_FACTOR * abs(strengths[1] - strengths[0]) / steps

    def forward(self) -> Tensor:
        """Return the image, ``[1, 3, H, W]`` in ``[0, 1]``."""
        return self.values

    @property
    def detail(self) -> Tensor:
        """Change of the image, ``[1, 3, H, W]`` in ``[-1, 1]``."""
        return self.values.detach() - self.base

    def optimiser(self, learning_rate: float, damping: float) -> torch.optim.Optimizer:
        """Return plain gradient ascent, which needs no memory besides the gradient."""
        return GradientDescent(self.parameters(), lr=learning_rate)

    def refine_gradients(self) -> None:
        """Scale the gradient's bands to equal strength, limit its chroma, and apply the mask."""
        if self.values.grad is not None:
            equalise_bands(self.values.grad)
            limit_chroma(self.values.grad)
            if self.mask is not None:
                self.values.grad.mul_(self.mask)

    def finish_step(self) -> None:
        """Scale the change to its prescribed strength, and clamp the image to ``[0, 1]``."""
        self.steps_done += 1
        first, last = self.strengths
        strength = first + (last - first) * self.steps_done / self.steps
        with torch.no_grad():
            self.values.sub_(self.base)
            current = root_mean_square(self.values, self.mask)
            factor = torch.full_like(current, strength) / current
            self.values.mul_(torch.where(current > 0, factor, 1.0))
            self.values.add_(self.base).clamp_(0, 1)


def root_mean_square(detail: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the root mean square of a change, divided by the root mean square of its mask.

    The result is a scalar on the device of the change: the host need not wait for it.

    Args:
        detail: the change, ``[1, 3, H, W]``; it is 0 where the mask is 0.
        mask: where the image may change, ``[1, 1, H, W]`` in ``[0, 1]``; None for everywhere.
    """
    mean: Tensor = norm(detail) ** 2 / detail.numel()
    if mask is None:
        return mean.sqrt()
    share = widest(mean_per_image(mask.square())[0])
    return torch.where(share > 0, mean / share, 0.0).sqrt()


def equalise_bands(gradient: Tensor, bands: int = BANDS) -> None:
    """Scale each frequency band of a gradient ``[1, 3, H, W]`` to the same strength, in place.

    Write ``g_0`` for the gradient, and ``g_{k+1} = down(g_k)`` for the means of two by two pixels
    of ``g_k``. Band ``k`` is ``b_k = g_k - up(g_{k+1})``; the last band is the last ``g_k``. Each
    band is divided by its root mean square, enlarged to full size, and multiplied by
    ``COARSER_GAIN ** k``. The result is the sum of these bands.
    """
    if bands == 1 or min(gradient.shape[2:]) < 2:
        _normalise(gradient)
        return
    coarser = halve(gradient)
    size = (gradient.shape[2], gradient.shape[3])
    gradient.sub_(enlarge_twice(coarser, size))
    _normalise(gradient)
    equalise_bands(coarser, bands - 1)
    gradient.add_(enlarge_twice(coarser.mul_(COARSER_GAIN), size))


def _normalise(values: Tensor) -> None:
    """Scale values to a root mean square of 1, in place; zeros stay zero."""
    size = norm(values) / values.numel() ** 0.5
    values.div_(torch.where(size > 0, size, 1.0))
