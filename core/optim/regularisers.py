"""Regularisers: penalties on the image itself, to be subtracted from an objective.

They read the image before the transform (``activations.IMAGE``). Each penalty is a mean over
colours and pixels, so that its weight has the same effect at every image size.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.devices import like
from core.fixed_order import mean_per_image, squares_per_image
from core.images.resize import pad_by_reflection
from core.optim.activations import GREY, IMAGE, Activations
from core.optim.objectives import Objective

# Lucid's blur kernel, before normalisation.
BLUR_KERNEL = ((1, 2, 1), (2, 4, 2), (1, 2, 1))


def total_variation() -> Objective:
    """Return the total variation: mean absolute vertical plus horizontal pixel difference.

    The anisotropic total variation of Rudin, Osher and Fatemi (1992), per pixel.
    """

    def value(activations: Activations) -> Tensor:
        image = activations[IMAGE]
        means = [mean_per_image(image.diff(dim=axis).abs()) for axis in _axes(image)]
        return sum(means, image.new_zeros(len(image)))

    return Objective(frozenset({IMAGE}), value)


def squared_variation() -> Objective:
    """Return the mean squared vertical plus horizontal pixel difference.

    Compared with the total variation, the squared variation penalises edges more and faint noise
    less. Its gradient is small where the pixel differences are small. Large optimiser steps
    therefore do not overshoot there, which would add noise.
    """

    def value(activations: Activations) -> Tensor:
        result: Tensor = _SquaredVariation.apply(activations[IMAGE])
        return result

    return Objective(frozenset({IMAGE}), value)


def _axes(image: Tensor) -> list[int]:
    """Return the axes of pixels that have differences: more than one pixel."""
    return [axis for axis in (2, 3) if image.shape[axis] > 1]


class _SquaredVariation(torch.autograd.Function):
    """The value of ``squared_variation``, in half as many passes over the image as by autograd."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        """Return the variation of images ``[N, C, H, W]``: ``[N]``."""
        differences = [image.diff(dim=axis) for axis in _axes(image)]
        ctx.save_for_backward(*differences)
        ctx.shape = image.shape
        means = [squares_per_image(it) / it[0].numel() for it in differences]
        return sum(means, image.new_zeros(len(image)))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient for the images."""
        result = gradient.new_zeros(ctx.shape)
        factor = 2 * gradient.view(-1, 1, 1, 1)
        for axis, difference in zip(_axes(result), ctx.saved_tensors, strict=True):
            scaled = difference * (factor / difference[0].numel())
            result.narrow(axis, 1, difference.shape[axis]).add_(scaled)
            result.narrow(axis, 0, difference.shape[axis]).sub_(scaled)
        return result


def contrast() -> Objective:
    """Return the L2 penalty on contrast: the mean of ``(image - 0.5) ** 2``."""

    def value(activations: Activations) -> Tensor:
        return mean_per_image((activations[IMAGE] - GREY).square())

    return Objective(frozenset({IMAGE}), value)


def sharpness() -> Objective:
    """Return half the mean squared difference between the image and a blurred copy of it.

    The formula is ``mean((image - blurred) ** 2) / 2``. The blurred copy is treated as a constant
    in the backward pass, so a gradient step moves the image towards it (Lucid's
    ``blur_input_each_step``; Nguyen, Yosinski and Clune 2015 blur the image explicitly).
    """

    def value(activations: Activations) -> Tensor:
        image = activations[IMAGE]
        blurred = _blurred(image.detach())
        return mean_per_image((image - blurred).square()) / 2

    return Objective(frozenset({IMAGE}), value)


def _blurred(image: Tensor) -> Tensor:
    """Return the image with each colour blurred by ``BLUR_KERNEL``, with reflection padding."""
    kernel = like(torch.tensor(BLUR_KERNEL), image)
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, 3, 3)
    padded = pad_by_reflection(image, (1, 1), (1, 1))
    return F.conv2d(padded, kernel, groups=image.shape[1])
