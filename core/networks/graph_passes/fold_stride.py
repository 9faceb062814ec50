"""A faster way to compute the same first convolution, for whoever needs its gradient often.

On a processor, the gradient of a strided convolution with respect to its image is slow: libraries
are made for networks in training, where nobody asks for it. With the pixels of each stride folded
into channels, the same sums become a convolution without stride, for which they are fast.
"""

import copy

import torch.nn.functional as F
from torch import Tensor, fx, nn

# Colours of an image; only the first convolution reads it directly.
COLOURS = 3


class FoldedConvolution(nn.Module):
    """A convolution with stride ``s`` as one with stride 1 over ``s * s`` times as many channels.

    The kernel, ``[K, C, k, k]``, is filled up with zeros to a multiple of the stride and folded as
    the image is: ``[K, s * s * C, ceil(k / s), ceil(k / s)]``. Values agree up to the rounding of
    another order of summation.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.stride = convolution.stride[0]
        self.padding = (int(convolution.padding[0]), int(convolution.padding[1]))
        self.kernel_size = convolution.kernel_size
        weight = convolution.weight.detach()
        down, right = (-side % self.stride for side in self.kernel_size)
        folded = _folded(F.pad(weight, (0, right, 0, down)), self.stride)
        self.convolution = _with_weights(folded, convolution.bias)

    def around(self, convolution: nn.Module) -> "FoldedConvolution":
        """Copy it with another form of the convolution without stride in it."""
        other = copy.copy(self)
        other._modules = {"convolution": convolution}
        return other

    def forward(self, image: Tensor) -> Tensor:
        """Convolve ``[N, C, H, W]`` to ``[N, K, H', W']``, as the convolution does."""
        stride = self.stride
        around = []
        for side, kernel, padding in zip(
            image.shape[2:], self.kernel_size, self.padding, strict=True
        ):
            places = (side + 2 * padding - kernel) // stride + 1
            # So far the last place's kernel reaches, filled up; beyond it nothing is needed.
            reach = stride * (places - 1) + stride * -(-kernel // stride)
            around.append((padding, reach - side - padding))
        (above, below), (left, right) = around
        padded = F.pad(image, (left, right, above, below))
        result: Tensor = self.convolution(_folded(padded, stride))
        return result


def _folded(image: Tensor, stride: int) -> Tensor:
    """Fold the pixels of each stride into channels: ``[N, C, H, W]`` to ``[N, s * s * C, H', W']``.

    In channels-last memory, where neighbours in a row and their colours already stand in line, this
    is half as slow as ``pixel_unshuffle``, whose order of channels is another.
    """
    count, channels, height, width = image.shape
    rows, cols = height // stride, width // stride
    lines = image.permute(0, 2, 3, 1).reshape(count, rows, stride, cols, stride * channels)
    folded = lines.transpose(2, 3).reshape(count, rows, cols, stride * stride * channels)
    return folded.permute(0, 3, 1, 2)


def _with_weights(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    """Make a convolution without stride or padding of weights ``[K, C, h, w]``."""
    count, channels, height, width = weight.shape
    made = nn.Conv2d(channels, count, (height, width), bias=bias is not None, device="meta")
    made.weight = nn.Parameter(weight, requires_grad=False)
    made.bias = bias
    return made


def can_fold(part: object) -> bool:
    """Tell whether a module is a convolution of an image that is faster when folded."""
    return (
        isinstance(part, nn.Conv2d)
        and part.in_channels == COLOURS
        and part.stride[0] == part.stride[1] > 1
        and part.dilation == (1, 1)
        and part.groups == 1
        and part.padding_mode == "zeros"
        and not isinstance(part.padding, str)
    )


def fold_strided_conv(network: fx.GraphModule) -> fx.GraphModule:
    """Replace every strided convolution of the image in a graph, which is changed."""
    for path, part in list(network.named_modules()):
        if can_fold(part):
            parent, _, name = path.rpartition(".")
            folded = FoldedConvolution(part)
            setattr(network.get_submodule(parent), name, folded)
    return network
