"""Convolutions and the ReLUs behind them in one go, for whoever needs their gradient often.

On a processor, ReLUs read and write what the convolution has just written. Here a convolution cuts
off what is below 0 before it writes. Kernels are brought into the order that the processor wants
once for a size of images, not twice a step, and the gradient is a convolution too where it can be.
``python -m benchmarks.neurons`` and ``benchmarks.retrieval`` show what it gives.
"""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from core.networks.graph_passes.fold_stride import FoldedConvolution
from core.networks.tracing import operation_of, relu_ceiling


class FusedConvolution(nn.Module):
    """A convolution with the ReLU behind it or without.

    Values and gradients are those of the two by themselves, up to the rounding of another order of
    summation.
    """

    def __init__(self, convolution: nn.Conv2d, relu: bool) -> None:
        super().__init__()
        self.relu = relu
        self.plain = convolution
        self.forwards = _Kernel(convolution, convolution.weight.detach(), convolution.padding)
        self.backwards = _turned(convolution) if _can_turn(convolution) else None

    def forward(self, image: Tensor) -> Tensor:
        """Convolve ``[N, C, H, W]`` to ``[N, K, H', W']``."""
        image = image.to(self.plain.weight.dtype)
        if not torch.is_grad_enabled():
            return self.compute(image)
        result: Tensor = _Fused.apply(image, self)
        return result

    def compute(self, image: Tensor) -> Tensor:
        """Convolve, with no thought of gradients."""
        return self.forwards.convolve(image, self.plain.bias, self.relu)

    def slope(self, gradient: Tensor, image: Tensor) -> Tensor:
        """Give the gradient with respect to an image by that with respect to the convolution."""
        if self.backwards is not None:
            return self.backwards.convolve(gradient)
        own = self.plain
        own_way = (own.stride, own.padding, own.dilation, False, (0, 0), own.groups)
        found: Tensor = torch.ops.aten.convolution_backward(
            gradient, image, own.weight, None, *own_way, (True, False, False)
        )[0]
        return found


class _Kernel:
    """A kernel in the order in which oneDNN, torch's library for processors, wants it.

    Which one depends on the size of images. In the order of another size most kernels are as fast,
    and some are seven times as slow; so it is found anew whenever images have another size.
    """

    def __init__(
        self, convolution: nn.Conv2d, weight: Tensor, padding: Sequence[int | str]
    ) -> None:
        groups = convolution.groups
        self.way = ([*padding], [*convolution.stride], [*convolution.dilation], groups)
        self.plain = weight.contiguous(memory_format=torch.channels_last)
        self._ordered: tuple[torch.Size, Tensor] | None = None

    def convolve(self, image: Tensor, bias: Tensor | None = None, relu: bool = False) -> Tensor:
        """Convolve ``[N, C, H, W]`` to ``[N, K, H', W']``."""
        then = "relu" if relu else "none"
        weight = self._ordered_for(image.shape)
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            image, weight, bias, *self.way, then, [], ""
        )
        return result

    def _ordered_for(self, shape: torch.Size) -> Tensor:
        known = self._ordered  # read once: several threads may look at once
        if known is None or known[0] != shape:
            weight = torch.ops.mkldnn._reorder_convolution_weight(self.plain, *self.way, [*shape])
            known = self._ordered = (shape, weight)
        return known[1]


def _can_turn(convolution: nn.Conv2d) -> bool:
    """Tell whether the gradient with respect to the image is a convolution of its own."""
    return (
        convolution.stride == convolution.dilation == (1, 1)
        and convolution.groups == 1
        # Else there are places that see nothing but padding, and pull at nothing.
        and all(around >= 0 for around in _around(convolution))
    )


def _turned(convolution: nn.Conv2d) -> _Kernel:
    """Make the kernel with which places pull at the pixels that they see.

    Seen from a pixel, these places lie in the kernel's order turned round, and beyond the border
    where the kernel hung over it.
    """
    weight = convolution.weight.detach()  # [K, C, h, w]
    turned = weight.flip(2, 3).transpose(0, 1).contiguous()
    return _Kernel(convolution, turned, _around(convolution))


def _around(convolution: nn.Conv2d) -> list[int]:
    """Tell how far beyond the border of its places a kernel turned round hangs over."""
    padding = cast("tuple[int, int]", convolution.padding)  # no text, see can_fuse
    return [side - 1 - own for side, own in zip(convolution.kernel_size, padding, strict=True)]


class _Fused(torch.autograd.Function):
    """What ``FusedConvolution`` does, and its gradient with respect to the image."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, own: FusedConvolution) -> Tensor:
        result = own.compute(image)
        ctx.own = own
        ctx.save_for_backward(image, result if own.relu else None)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        image, result = ctx.saved_tensors
        (gradient,) = gradients
        if result is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, result, 0.0)
        return ctx.own.slope(gradient, image), None


def can_fuse(part: object) -> bool:
    """Tell whether a module is a convolution that can be fused."""
    return (
        isinstance(part, nn.Conv2d)
        and part.weight.device.type == "cpu"
        and part.weight.dtype in (torch.bfloat16, torch.float32)
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and part.padding_mode == "zeros"
        and not isinstance(part.padding, str)
    )


def fuse_conv_relu(network: fx.GraphModule) -> fx.GraphModule:
    """Replace every convolution in a graph, which is changed, but no module in it.

    A ReLU goes with it if it alone reads the convolution.
    """
    for count, node in enumerate(list(network.graph.nodes)):
        part = operation_of(network, node)
        folded = isinstance(part, FoldedConvolution)
        convolution = part.convolution if folded else part
        if node.op != "call_module" or not can_fuse(convolution):
            continue
        (reader, *others) = node.users
        relu = not others and _is_relu(operation_of(network, reader))
        fused = FusedConvolution(convolution, relu)
        node.target = f"fused_{count}"
        network.add_module(node.target, part.around(fused) if folded else fused)
        if relu:
            reader.replace_all_uses_with(node)
            network.graph.erase_node(reader)
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def _is_relu(operation: Any) -> bool:
    return relu_ceiling(operation) == math.inf
