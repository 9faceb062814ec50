"""Average pooling with a fast gradient (CPU).

Torch fills the gradient with zeros and adds each value to it. Where windows do not overlap, it is
enough to write each value once, which takes less time.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.module_parts import has_hooks
from core.networks.tracing import operation_of


class AveragePool(nn.Module):
    """Average pooling with windows that do not overlap and do not reach beyond the border."""

    def __init__(self, pool: nn.AvgPool2d) -> None:
        super().__init__()
        self.window = _pair(pool.kernel_size)

    def forward(self, image: Tensor) -> Tensor:
        """Pool ``[N, C, H, W]``; rows and columns beyond the last whole window are left out."""
        result: Tensor = _AverageFunction.apply(image, self.window)
        return result


class _AverageFunction(torch.autograd.Function):
    """The function of ``AveragePool``, and its gradient with the same bits as torch's."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, window: tuple[int, int]) -> Tensor:
        """Return the means of all windows."""
        ctx.shape, ctx.window = image.shape, window
        return F.avg_pool2d(image, window)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the image: each pixel has that of its mean, divided."""
        (height, width), (rows, cols) = ctx.window, gradient.shape[2:]
        result = torch.empty(
            ctx.shape,
            dtype=gradient.dtype,
            device=gradient.device,
            memory_format=torch.channels_last,
        )
        covered = result[..., : rows * height, : cols * width]
        windows = torch.unflatten(torch.unflatten(covered, 3, (cols, width)), 2, (rows, height))
        # Both as [N, C, H, h, W, w], with a size of 1 for h and w.
        windows.copy_((gradient / (height * width))[:, :, :, None, :, None])
        result[..., rows * height :, :] = 0
        result[..., cols * width :] = 0
        return result, None


def divide_gradients(network: fx.GraphModule) -> fx.GraphModule:
    """Replace the average pooling of a graph by ``AveragePool`` where it can be; return the graph.

    The graph is changed in place. Values and gradients have the same bits as before.
    """
    for count, node in enumerate(list(network.graph.nodes)):
        pool = operation_of(network, node)
        if node.op == "call_module" and _can_replace(pool):
            node.target = f"average_{count}"
            network.add_module(node.target, AveragePool(cast("nn.AvgPool2d", pool)))
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def _can_replace(part: object) -> bool:
    return (
        # Subclasses may compute otherwise.
        type(part) is nn.AvgPool2d
        and _pair(part.kernel_size) == _pair(part.stride)
        and _pair(part.padding) == (0, 0)
        and not part.ceil_mode
        and part.divisor_override is None
        and not has_hooks(part)
    )


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
