"""Replacement of the strided first convolution by one with stride 1, for a faster gradient (CPU).

On a CPU, the gradient of a strided convolution with respect to its input image is slow: libraries
are optimised for training, which does not need this gradient. If each square of ``s * s`` pixels
(``s`` is the stride) is folded into the channels of one position, a convolution with stride 1
computes the same sums, and its gradient is fast.
"""

import copy
from typing import TypeGuard

import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.module_parts import has_hooks

# Channels of an image; only the first convolution reads the image directly.
COLOURS = 3


class FoldedConvolution(nn.Module):
    """A convolution with stride ``s``, computed with stride 1 and ``s * s`` times as many channels.

    The kernel, ``[K, C, k, k]``, is padded with zeros to a multiple of the stride and folded in the
    same way as the image: ``[K, s * s * C, ceil(k / s), ceil(k / s)]``. The results agree with
    those of the original convolution up to rounding, because the order of summation differs.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.stride = convolution.stride[0]
        self.padding = (int(convolution.padding[0]), int(convolution.padding[1]))
        self.kernel_size = convolution.kernel_size
        weight = convolution.weight.detach()
        bottom, right = (-side % self.stride for side in self.kernel_size)
        folded = _fold(F.pad(weight, (0, right, 0, bottom)), self.stride)
        self.convolution = _plain_convolution(folded, convolution.bias)

    def with_convolution(self, convolution: nn.Module) -> "FoldedConvolution":
        """Return a copy that runs ``convolution``, such as a fused one, on the folded image."""
        copied = copy.copy(self)
        copied._modules = {"convolution": convolution}
        return copied

    def forward(self, image: Tensor) -> Tensor:
        """Convolve ``[N, C, H, W]`` to ``[N, K, H', W']``, as the original convolution does."""
        stride = self.stride
        paddings = []
        for side, kernel, padding in zip(
            image.shape[2:], self.kernel_size, self.padding, strict=True
        ):
            positions = (side + 2 * padding - kernel) // stride + 1
            # The kernel, padded with zeros, ends here at the last position. Pixels beyond it are
            # not needed.
            reach = stride * (positions - 1) + stride * -(-kernel // stride)
            paddings.append((padding, reach - side - padding))
        (top, bottom), (left, right) = paddings
        padded = F.pad(image, (left, right, top, bottom))
        result: Tensor = self.convolution(_fold(padded, stride))
        return result


def _fold(image: Tensor, stride: int) -> Tensor:
    """Fold each square of ``s * s`` pixels into channels, where ``s`` is the stride.

    ``[N, C, H, W]`` becomes ``[N, s * s * C, H / s, W / s]``. In channels-last memory, where the
    channels of neighbouring pixels in a row are contiguous, this takes half the time of
    ``pixel_unshuffle``, which orders the channels differently.
    """
    count, channels, height, width = image.shape
    rows, cols = height // stride, width // stride
    lines = image.permute(0, 2, 3, 1).reshape(count, rows, stride, cols, stride * channels)
    folded = lines.transpose(2, 3).reshape(count, rows, cols, stride * stride * channels)
    return folded.permute(0, 3, 1, 2)


def _plain_convolution(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Return a convolution with stride 1, without padding, with weights ``[K, C, h, w]``."""
    count, channels, height, width = weight.shape
    convolution = nn.Conv2d(channels, count, (height, width), bias=bias is not None, device="meta")
    convolution.weight = nn.Parameter(weight, requires_grad=False)
    convolution.bias = bias
    return convolution


def can_fold(part: object) -> TypeGuard[nn.Conv2d]:
    """Whether a module is a strided convolution of an RGB image that can be folded."""
    return (
        type(part) is nn.Conv2d
        and not has_hooks(part)
        and part.in_channels == COLOURS
        and part.stride[0] == part.stride[1] > 1
        and part.dilation == (1, 1)
        and part.groups == 1
        and part.padding_mode == "zeros"
        and not isinstance(part.padding, str)
    )


def fold_strided_conv(network: fx.GraphModule) -> fx.GraphModule:
    """Replace each module of a graph that can be folded, in place; return the graph."""
    for path in {str(node.target) for node in network.graph.nodes if node.op == "call_module"}:
        part = network.get_submodule(path)
        if can_fold(part):
            network.set_submodule(path, FoldedConvolution(part))
    return network
