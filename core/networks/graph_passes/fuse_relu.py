"""Fused convolution and ReLU modules with a fast gradient with respect to the input (CPU).

On a CPU, a separate ReLU reads and writes again what the convolution has just written. The fused
module clamps values at 0 before it writes them. Kernels are converted to the CPU's memory layout
once for each input size, not twice per step. The gradient with respect to the input is computed by
a convolution too, where possible. ``python -m benchmarks.neurons`` and ``benchmarks.retrieval``
measure the gain.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from core.networks.graph_passes.fold_stride import FoldedConvolution
from core.networks.redirected_relu import relu_ceiling
from core.networks.tracing import operation_of


class FusedConvolution(nn.Module):
    """A convolution, with or without the ReLU that follows it.

    Values and gradients agree with those of a separate convolution and ReLU up to rounding, because
    the order of summation differs.
    """

    def __init__(self, convolution: nn.Conv2d, relu: bool) -> None:
        super().__init__()
        self.relu = relu
        self.plain = convolution
        self.forward_kernel = _ReorderedKernel(convolution, convolution.padding)

    @functools.cached_property
    def backward_kernel(self) -> "_ReorderedKernel | None":
        """The kernel that computes the gradient with respect to the input, if there is one."""
        return _transposed(self.plain) if _can_transpose(self.plain) else None

    @functools.cached_property
    def backward_weight(self) -> Tensor:
        """The weights with which torch computes this gradient if there is no such kernel."""
        weight = self.plain.weight.detach()
        return weight.float() if is_strided_by_channel(self.plain) else weight

    @property
    def kernel_bytes(self) -> int:
        """How many bytes the reordered kernels take, besides the weights of ``plain``."""
        kernels = (self.forward_kernel, self.backward_kernel)
        return sum(it.bytes for it in kernels if it is not None)

    def forward(self, image: Tensor) -> Tensor:
        """Convolve ``[N, C, H, W]`` to ``[N, K, H', W']``."""
        image = image.to(self.plain.weight.dtype)
        if not torch.is_grad_enabled():
            return self.compute(image)
        result: Tensor = _FusedFunction.apply(image, self)
        return result

    def compute(self, image: Tensor) -> Tensor:
        """Compute the result of ``forward`` without recording operations for autograd."""
        return self.forward_kernel.convolve(image, self.plain.bias, self.relu)

    def input_gradient(self, gradient: Tensor, image: Tensor) -> Tensor:
        """Return the gradient with respect to the convolution's input.

        Args:
            gradient: the gradient with respect to the convolution's output, before the ReLU.
            image: the convolution's input, ``[N, C, H, W]``.
        """
        if self.backward_kernel is not None:
            return self.backward_kernel.convolve(gradient)
        conv, weight = self.plain, self.backward_weight
        settings = (conv.stride, conv.padding, conv.dilation, False, (0, 0), conv.groups)
        # Only the shape of the image is read.
        like_image = torch.empty_like(image, dtype=weight.dtype)
        input_gradient: Tensor = torch.ops.aten.convolution_backward(
            gradient.to(weight.dtype), like_image, weight, None, *settings, (True, False, False)
        )[0]
        return input_gradient.to(image.dtype)


class _ReorderedKernel:
    """A kernel in the memory layout of oneDNN, torch's convolution library for CPUs.

    The best layout depends on the size of the convolution's input. With the layout for a different
    input size, most convolutions are as fast, but some are seven times slower. So the kernel is
    reordered whenever the input size changes.
    """

    def __init__(
        self, convolution: nn.Conv2d, padding: Sequence[int | str], transposed: bool = False
    ) -> None:
        self._groups = convolution.groups
        self.settings = ([*padding], [*convolution.stride], [*convolution.dilation], self._groups)
        self._weight, self._transposed = convolution.weight.detach(), transposed
        self._reordered: tuple[torch.Size, Tensor] | None = None

    @property
    def bytes(self) -> int:
        """How many bytes the reordered kernel takes; 0 before the first convolution."""
        cached = self._reordered
        return 0 if cached is None else cached[1].numel() * cached[1].element_size()

    def convolve(self, image: Tensor, bias: Tensor | None = None, relu: bool = False) -> Tensor:
        """Convolve ``[N, C, H, W]`` to ``[N, K, H', W']``."""
        activation = "relu" if relu else "none"
        weight = self._reordered_for(image.shape)
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            image, weight, bias, *self.settings, activation, [], ""
        )
        return result

    def _reordered_for(self, shape: torch.Size) -> Tensor:
        # Read the attribute once, because another thread may replace it.
        cached = self._reordered
        if cached is None or cached[0] != shape:
            # The plain kernel is not kept: it would take as much memory again.
            plain = self._weight  # [K, C / groups, h, w]
            if self._transposed:
                # [groups, K / groups, C / groups, h, w]
                grouped = plain.view(self._groups, -1, *plain.shape[1:])
                plain = grouped.transpose(1, 2).flatten(0, 1).flip(2, 3).contiguous()
            weight = torch.ops.mkldnn._reorder_convolution_weight(
                plain.contiguous(memory_format=torch.channels_last), *self.settings, [*shape]
            )
            cached = self._reordered = (shape, weight)
        return cached[1]


def is_strided_by_channel(part: object) -> bool:
    """Whether a module is a convolution with a stride that computes each channel from one channel.

    In bfloat16, oneDNN computes the gradient of these with a kernel for dense convolutions, which
    takes 10 to 150 times as long as the one for float32.
    """
    return (
        isinstance(part, nn.Conv2d)
        and part.groups == part.in_channels > 1
        and part.stride != (1, 1)
    )


def _can_transpose(convolution: nn.Conv2d) -> bool:
    """Whether a convolution with stride 1 can compute the gradient with respect to the input."""
    return (
        convolution.stride == convolution.dilation == (1, 1)
        # Otherwise some output positions depend on padding only, and contribute nothing to the
        # gradient.
        and all(padding >= 0 for padding in _transposed_padding(convolution))
    )


def _transposed(convolution: nn.Conv2d) -> _ReorderedKernel:
    """Return the kernel for the gradient with respect to the input.

    Convolving the gradient with respect to the output with this kernel gives that gradient. It is
    the original kernel flipped in both directions, with input and output channels of each group
    swapped. It is applied with padding, because an input pixel near the border contributes to fewer
    output positions.
    """
    return _ReorderedKernel(convolution, _transposed_padding(convolution), transposed=True)


def _transposed_padding(convolution: nn.Conv2d) -> list[int]:
    """Return the padding for the kernel of ``_transposed``, (rows, columns)."""
    # `can_fuse` excludes convolutions whose padding is a text, such as ``"same"``.
    padding = cast("tuple[int, int]", convolution.padding)
    return [side - 1 - pad for side, pad in zip(convolution.kernel_size, padding, strict=True)]


class _FusedFunction(torch.autograd.Function):
    """The forward pass of ``FusedConvolution``, and its gradient with respect to the input."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, module: FusedConvolution) -> Tensor:
        result = module.compute(image)
        ctx.module = module
        ctx.save_for_backward(image, result if module.relu else None)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        image, result = ctx.saved_tensors
        (gradient,) = gradients
        if result is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, result, 0.0)
        return ctx.module.input_gradient(gradient, image), None


def can_fuse(part: object) -> bool:
    """Whether a module is a convolution that ``FusedConvolution`` can replace."""
    return (
        # Subclasses may compute otherwise.
        type(part) is nn.Conv2d
        and part.weight.device.type == "cpu"
        and part.weight.dtype in (torch.bfloat16, torch.float32)
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and part.padding_mode == "zeros"
        and not isinstance(part.padding, str)
    )


def fuse_conv_relu(network: fx.GraphModule) -> fx.GraphModule:
    """Replace the convolutions of a graph by ``FusedConvolution`` where ``can_fuse`` allows it.

    The graph is changed in place and returned; the original modules stay unchanged. The ReLU after
    a convolution becomes part of the fused module if no other node reads the convolution's result.
    """
    for count, node in enumerate(list(network.graph.nodes)):
        part = operation_of(network, node)
        folded = isinstance(part, FoldedConvolution)
        convolution = part.convolution if folded else part
        if node.op != "call_module" or not can_fuse(convolution):
            continue
        (reader, *others) = node.users
        relu = not others and relu_ceiling(operation_of(network, reader)) == math.inf
        fused = FusedConvolution(convolution, relu)
        node.target = f"fused_{count}"
        network.add_module(node.target, part.with_convolution(fused) if folded else fused)
        if relu:
            reader.replace_all_uses_with(node)
            network.graph.erase_node(reader)
    network.delete_all_unused_submodules()
    network.recompile()
    return network
