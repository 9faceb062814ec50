"""ReLUs whose gradient does not vanish for inactive units, and which operations are ReLUs."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RELU6_CEILING = 6.0


def relu_ceiling(operation: Any) -> float | None:
    """Return the upper bound of a ReLU: infinity, or 6; None for any other operation."""
    if isinstance(operation, nn.ReLU) or operation in (torch.relu, F.relu, "relu"):
        return float("inf")
    if isinstance(operation, nn.ReLU6) or operation is F.relu6:
        return RELU6_CEILING
    return None


class RedirectedReLU(torch.autograd.Function):
    """ReLU with a gradient for inactive units, if the ordinary gradient is zero everywhere.

    The gradient is that of a loss that is minimised. Each image of the batch is treated separately.
    If the ordinary gradient of an image is not zero everywhere, this gradient is used. Otherwise
    the gradient with respect to the ReLU's output is used for the input as well, except where a
    step of gradient descent would move an input below 0 further down (or an input above the ceiling
    of a ReLU6 further up). After Lucid's ``misc/redirected_relu_grad.py`` (Olah et al.). At an
    input of exactly 0, the ordinary gradient is 0 as in torch; in Lucid it is not.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float) -> Tensor:
        """Clamp ``x: [N, ...]`` to the range from 0 to the ceiling."""
        ctx.save_for_backward(x)
        ctx.ceiling = ceiling
        return x.clamp(min=0.0) if ceiling == float("inf") else x.clamp(0.0, ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the redirected gradient of the loss with respect to ``x``."""
        (x,) = ctx.saved_tensors
        (gradient,) = gradients
        if ctx.ceiling == float("inf"):
            ordinary = torch.ops.aten.threshold_backward(gradient, x, 0.0)
        else:
            ordinary = torch.ops.aten.hardtanh_backward(gradient, x, 0.0, ctx.ceiling)
        # abs().amax() is several times faster than any() on a CPU.
        zero = ordinary.abs().amax(tuple(range(1, x.dim())), keepdim=True) == 0  # [N, 1, ...]
        # A CPU answers at once, which may save the rest. The host would have to wait for a GPU.
        if x.device.type == "cpu" and not bool(zero.any()):
            return ordinary, None
        blocked = ((x < 0) & (gradient > 0)) | ((x > ctx.ceiling) & (gradient < 0))
        redirected = torch.where(zero & ~blocked, gradient, ordinary)
        # Into the same memory layout; where it is blocked, the ordinary gradient is 0.
        return ordinary.copy_(redirected), None


def redirected_relu(x: Tensor, ceiling: float = float("inf")) -> Tensor:
    """Apply ReLU, or ReLU6 with a ceiling of 6, with the gradient of ``RedirectedReLU``."""
    result: Tensor = RedirectedReLU.apply(x, ceiling)
    return result
