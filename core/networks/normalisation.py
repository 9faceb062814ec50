"""Normalisation of images by a network's mean and standard deviation, with its gradient."""

from typing import Any

import torch
from torch import Tensor

from core.devices import memory_format


class Normalisation(torch.autograd.Function):
    """``(image - mean) / std`` in the device's memory layout, with a gradient in contiguous memory.

    Convolutions are fastest with channels-last images on CPUs and CUDA, but the optimisation of an
    image (``core.optim.canvases``) is fastest with contiguous gradients. Without a conversion here,
    the gradient would stay channels-last: each of several later operations on the gradient would
    take as long as a copy, and the gradient would be copied in the end anyway.
    """

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, shift: Tensor, scale: Tensor, precision: torch.dtype
    ) -> Tensor:
        """Return ``image * scale + shift``, ``[N, C, H, W]``."""
        ctx.save_for_backward(scale)
        ctx.precision = image.dtype
        normalised = torch.addcmul(shift, image, scale).to(precision)
        return normalised.contiguous(memory_format=memory_format(image.device))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient with respect to ``image``, contiguous and in the image dtype."""
        (scale,) = ctx.saved_tensors
        (gradient,) = gradients
        contiguous = torch.empty(gradient.shape, dtype=ctx.precision, device=gradient.device)
        return contiguous.copy_(gradient).mul_(scale), None, None, None
