"""Replacement of convolutions with unusual padding by padding and a plain convolution.

These are timm's convolutions with the padding of TensorFlow, and those that pad with values of the
image, such as ``core.networks.variants.with_replicate_padding`` makes. The other passes know plain
convolutions only.
"""

import itertools
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.module_parts import has_hooks
from core.networks.tracing import operation_of


class SamePadding(nn.Module):
    """Zero padding with which a convolution has one position for each step of its stride.

    If the total padding is odd, the smaller half is in front.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.windows = tuple(
            zip(convolution.kernel_size, convolution.stride, convolution.dilation, strict=True)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Pad ``[N, C, H, W]`` with zeros."""
        pads = []
        for side, (kernel, stride, dilation) in zip(image.shape[2:], self.windows, strict=True):
            positions = -(-side // stride)
            total = max((positions - 1) * stride + dilation * (kernel - 1) + 1 - side, 0)
            pads.append((total // 2, total - total // 2))
        (top, bottom), (left, right) = pads
        return F.pad(image, (left, right, top, bottom))


class BorderPadding(nn.Module):
    """The padding of a convolution whose ``padding_mode`` is not ``zeros``."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        rows, cols = (int(it) for it in convolution.padding)
        self.padding, self.mode = (cols, cols, rows, rows), convolution.padding_mode

    def forward(self, image: Tensor) -> Tensor:
        """Pad ``[N, C, H, W]``."""
        if self.mode == "replicate" and min(image.shape[2:]) > 1:
            padded: Tensor = _ReplicatePadding.apply(image, self.padding)
            return padded
        return F.pad(image, self.padding, mode=self.mode)


class _ReplicatePadding(torch.autograd.Function):
    """Padding that repeats the border, in the precision of the image, with a fast gradient.

    Autocast would convert the image to float32 and back. Only the gradient of the border is a sum;
    it is computed in float32.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, padding: tuple[int, int, int, int]) -> Tensor:
        """Pad ``[N, C, H, W]``, two pixels or larger, by (left, right, top, bottom)."""
        ctx.size, ctx.padding = image.shape[2:], padding
        with torch.autocast(image.device.type, enabled=False):
            return F.pad(image, padding, mode="replicate")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the image: that of a border pixel adds up its copies."""
        (height, width), (left, _, top, _) = ctx.size, ctx.padding
        rows, cols = slice(top, top + height), slice(left, left + width)
        result = gradient[..., rows, cols].clone(memory_format=torch.channels_last)
        borders = [
            ((0, range(top + 1)), (-1, range(top + height - 1, gradient.shape[2]))),
            ((0, range(left + 1)), (-1, range(left + width - 1, gradient.shape[3]))),
        ]
        for row, lines in borders[0]:
            result[..., row, :] = _add_up(gradient[..., line, cols] for line in lines)
        for col, lines in borders[1]:
            result[..., col] = _add_up(gradient[..., rows, line] for line in lines)
        for (row, lines), (col, others) in itertools.product(*borders):
            corner = (gradient[..., line, other] for line in lines for other in others)
            result[..., row, col] = _add_up(corner)
        return result, None


def _add_up(parts: Iterable[Tensor]) -> Tensor:
    """Return the sum of tensors, which is at least in float32, in their order."""
    first, *others = parts
    total = first.to(torch.promote_types(first.dtype, torch.float32))
    for it in others:
        total = total + it
    return total


def is_same_convolution(part: object) -> bool:
    """Whether a module is timm's ``Conv2dSame``."""
    return isinstance(part, nn.Conv2d) and type(part).__name__ == "Conv2dSame"


def separate_padding(network: fx.GraphModule) -> fx.GraphModule:
    """Replace each convolution of a graph with unusual padding, in place; return the graph.

    Values and gradients have the same bits as before.
    """
    for count, node in enumerate(list(network.graph.nodes)):
        part = operation_of(network, node) if node.op == "call_module" else None
        separate = _padding_of(part)
        if separate is None or not isinstance(part, nn.Conv2d):
            continue
        padding, plain = f"padding_{count}", f"unpadded_{count}"
        network.add_module(padding, separate)
        network.add_module(plain, _without_padding(part))
        with network.graph.inserting_before(node):
            padded = network.graph.call_module(padding, node.args)
        node.target, node.args = plain, (padded,)
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def _padding_of(part: object) -> nn.Module | None:
    """Return a module that pads as a convolution does; None if the other passes know how."""
    if isinstance(part, nn.Conv2d) and is_same_convolution(part):
        return SamePadding(part)
    if (
        # Subclasses may compute otherwise.
        type(part) is nn.Conv2d
        and part.padding_mode != "zeros"
        and not isinstance(part.padding, str)
        and not has_hooks(part)
    ):
        return BorderPadding(part)
    return None


def _without_padding(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return a plain convolution, without padding, with the same weights."""
    sizes = (convolution.kernel_size, convolution.stride, 0, convolution.dilation)
    channels = (convolution.in_channels, convolution.out_channels)
    plain = nn.Conv2d(*channels, *sizes, convolution.groups, device="meta")  # type: ignore[arg-type]
    plain.weight, plain.bias = convolution.weight, convolution.bias
    return plain.eval()
