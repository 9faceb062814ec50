"""Linear operations between two activation layers, and the weights that they make together.

Between the outputs of two activation functions lie convolutions, folded or separate batch
normalisations, pooling, concatenations and sums of branches. All of them are linear, so that
together they are one convolution, whose weights are the *expanded weights* (Voss et al.,
"Visualizing Weights", Distill 2021). They are computed backwards from a unit, operation by
operation, like a gradient.

Maximum pooling is the exception. It counts as mean pooling over the same window, its linear
counterpart: both give the same for a map that is constant within a window.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.layers import Layer
from core.networks.receptive_fields.pointwise import ACTIVATIONS, is_activation
from core.networks.tracing import Trace, function_name

CONCATENATIONS = ("cat", "concat")
SUMS = ("add", "iadd")
POOLING = (nn.MaxPool2d, nn.AvgPool2d)
ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
UNCHANGED = (nn.Dropout, nn.Dropout2d, nn.Identity)
UNCHANGED_FUNCTIONS = ("dropout", "contiguous", "stochastic_depth")
# Axes of ``mean`` that are all rows and columns.
ALL_POSITIONS = ([2, 3], [-2, -1], [-1, -2], [3, 2])

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights between units of one layer and units of an earlier layer.

    Position (row, col) of the later layer reads position ``(row * step[0] + start[0] + r,
    col * step[1] + start[1] + c)`` of the earlier one with ``weights[..., r, c]``.

    Attributes:
        weights: ``[U, C, h, w]`` for U units of the later layer, and C channels of the earlier.
        start, step: see above, in (rows, columns).
        rows: for an identity with gains, the only channel that each unit reads; else None.
    """

    weights: Tensor
    start: Pair = (0, 0)
    step: Pair = (1, 1)
    rows: tuple[int, ...] | None = None

    def plus(self, other: "Kernel") -> "Kernel":
        """Return the sum of two kernels between the same layers."""
        start = _pair(map(min, self.start, other.start))
        ends = [
            max(it.start[axis] + it.weights.shape[2 + axis] for it in (self, other))
            for axis in (0, 1)
        ]
        total = self.weights.new_zeros(
            *self.weights.shape[:2], ends[0] - start[0], ends[1] - start[1]
        )
        for it in (self, other):
            top, left = it.start[0] - start[0], it.start[1] - start[1]
            height, width = it.weights.shape[2:]
            total[..., top : top + height, left : left + width] += it.weights
        return Kernel(total, start, self.step)

    def of_channels(self, channels: Sequence[int]) -> "Kernel":
        """Return the kernel for some of the earlier layer's channels."""
        return Kernel(self.weights[:, list(channels)], self.start, self.step)


def identity(units: Sequence[int], channels: int) -> Kernel:
    """Return the kernel between some units of a layer and all channels of the same layer."""
    weights = torch.zeros(len(units), channels, 1, 1)
    weights[range(len(units)), list(units)] = 1
    return Kernel(weights, rows=tuple(units))


def signed_norms(weights: Tensor) -> Tensor:
    """Return the L2 norm of each kernel of ``[N, h, w]``, with the sign of its sum, ``[N]``."""
    flat = weights.flatten(1)
    norms: Tensor = flat.norm(dim=1) * torch.where(flat.sum(1) < 0, -1.0, 1.0)
    return norms


class LinearSteps:
    """Which operations of a network are linear, and what they do to kernels."""

    def __init__(self, traced: Trace, layers: Mapping[fx.Node, Layer]) -> None:
        """Prepare a network.

        Args:
            traced: its operations.
            layers: by node, its layer; nodes without channels have none.
        """
        self.traced, self.layers = traced, layers

    def part(self, node: fx.Node) -> Any:
        """Return the module of a node; None if it calls a function."""
        return self.traced.parts[str(node.target)] if node.op == "call_module" else None

    def is_activation(self, node: fx.Node) -> bool:
        """Whether an operation is an elementwise activation function, such as ReLU."""
        part = self.part(node)
        return is_activation(part) if part is not None else function_name(node) in ACTIVATIONS

    def is_concatenation(self, node: fx.Node) -> bool:
        """Whether an operation concatenates channels of layers that are known."""
        if node.op != "call_function" or function_name(node) not in CONCATENATIONS:
            return False
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        return bool(axis == 1) and all(it in self.layers for it in node.all_input_nodes)

    def joins_activations(self, node: fx.Node) -> bool:
        """Whether an operation concatenates outputs of activation functions and nothing else.

        Such a concatenation is one layer of activations, as in a fire module.
        """
        return self.is_concatenation(node) and all(
            self.is_activation(it) or self.joins_activations(it) for it in node.all_input_nodes
        )

    def is_linear(self, node: fx.Node) -> bool:
        """Whether an operation is linear and can be traced back."""
        return not self.joins_activations(node) and self._rule(node) is not None

    def back(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]] | None:
        """Return what a kernel over an operation's output is over each of its inputs.

        Returns:
            By input that is a layer or the image, its kernel; None if the operation is not linear,
            or does not divide its input evenly.
        """
        rule = self._rule(node)
        return None if rule is None else rule(node, kernel)

    def _rule(
        self, node: fx.Node
    ) -> Callable[[fx.Node, Kernel], list[tuple[fx.Node, Kernel]] | None] | None:
        layer = self.layers.get(node)
        if layer is None or layer.axis != 1 or not node.all_input_nodes:
            return None
        part, name = self.part(node), function_name(node)
        if part is None:
            rules = {
                **dict.fromkeys(UNCHANGED_FUNCTIONS, self._unchanged),
                **dict.fromkeys(SUMS, self._sum),
                **dict.fromkeys(("max_pool2d", "avg_pool2d"), self._pooling),
                "adaptive_avg_pool2d": self._resizing,
                "mean": self._mean,
                "flatten": self._flatten,
            }
            return self._concatenation if self.is_concatenation(node) else rules.get(name)
        kinds: tuple[tuple[Any, Any], ...] = (
            (nn.Conv2d, self._convolution),
            (nn.Linear, self._linear),
            (nn.BatchNorm2d, self._normalisation),
            (POOLING, self._pooling),
            (ADAPTIVE, self._resizing),
            (UNCHANGED, self._unchanged),
            (nn.Flatten, self._flatten),
        )
        return next((rule for kind, rule in kinds if isinstance(part, kind)), None)

    def _convolution(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]]:
        part = self.part(node)
        stride, dilation = _pair(part.stride), _pair(part.dilation)
        left, top = part._reversed_padding_repeated_twice[::2]
        if kernel.rows is not None and part.groups == 1:
            # The gain of each unit times its weights; a product of matrices would take longer.
            gains = kernel.weights[range(len(kernel.rows)), list(kernel.rows)]
            weights = _values(part.weight)[list(kernel.rows)] * gains[:, None]
            if dilation != (1, 1):
                weights = _spread(weights, dilation)
        else:
            weights = F.conv_transpose2d(
                kernel.weights,
                _values(part.weight),
                stride=stride,
                groups=part.groups,
                dilation=dilation,
            )
        return [(node.all_input_nodes[0], _moved(kernel, weights, stride, (top, left)))]

    def _linear(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]] | None:
        if kernel.weights.shape[2:] != (1, 1):
            return None
        matrix, own = _values(self.part(node).weight), kernel.weights[..., 0, 0]
        if kernel.rows is not None:
            gains = own[range(len(kernel.rows)), list(kernel.rows)]
            weights = matrix[list(kernel.rows)] * gains[:, None]
        else:
            weights = own @ matrix
        return [(node.all_input_nodes[0], Kernel(weights[..., None, None]))]

    def _normalisation(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]] | None:
        part = self.part(node)
        if part.running_var is None:
            return None
        scale = (_values(part.running_var) + part.eps).rsqrt()
        if part.weight is not None:
            scale = scale * _values(part.weight)
        weights = kernel.weights * scale[:, None, None]
        changed = Kernel(weights, kernel.start, kernel.step, kernel.rows)
        return [(node.all_input_nodes[0], changed)]

    def _pooling(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]]:
        part = self.part(node)
        if part is None:
            names = ("kernel_size", "stride", "padding")
            found = dict(zip(names, node.args[1:], strict=False)) | dict(node.kwargs)
            size = _pair(found["kernel_size"])
            stride, padding = _pair(found.get("stride") or size), _pair(found.get("padding") or 0)
        else:
            size, stride = _pair(part.kernel_size), _pair(part.stride)
            padding = _pair(part.padding)
        return [(node.all_input_nodes[0], _pooled(kernel, size, stride, padding))]

    def _resizing(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]] | None:
        source = node.all_input_nodes[0]
        before, after = self.layers.get(source), self.layers[node].size
        if before is None or before.size is None or after is None:
            return None
        if before.size[0] % after[0] or before.size[1] % after[1]:
            return None
        size = before.size[0] // after[0], before.size[1] // after[1]
        return [(source, _pooled(kernel, size, size, (0, 0)))]

    def _mean(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]] | None:
        source = node.all_input_nodes[0]
        before = self.layers.get(source)
        axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        if before is None or before.size is None or not isinstance(axes, list | tuple):
            return None
        if list(axes) not in ALL_POSITIONS or kernel.weights.shape[2:] != (1, 1):
            return None
        return [(source, _pooled(kernel, before.size, before.size, (0, 0)))]

    def _flatten(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]] | None:
        source = node.all_input_nodes[0]
        before = self.layers.get(source)
        if before is None or kernel.weights.shape[2:] != (1, 1):
            return None
        # The values of a fully connected layer are ordered by channel, then by position.
        height, width = before.size or (1, 1)
        if before.channels * height * width != kernel.weights.shape[1]:
            return None
        weights = kernel.weights.view(-1, before.channels, height, width)
        return [(source, Kernel(weights, rows=kernel.rows if height * width == 1 else None))]

    def _sum(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]] | None:
        own = self.layers[node]
        found = []
        for it in node.all_input_nodes:
            layer = self.layers.get(it)
            if layer is not None and (layer.channels, layer.size) != (own.channels, own.size):
                return None
            if layer is not None:
                found.append((it, kernel))
        # A tensor that is added to itself counts twice.
        twice = len([it for it in node.args if isinstance(it, fx.Node)]) - len(node.all_input_nodes)
        return [(it, both.plus(both) if twice else both) for it, both in found]

    def _concatenation(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]]:
        found, first = [], 0
        for it in node.all_input_nodes:
            count = self.layers[it].channels
            found.append((it, kernel.of_channels(range(first, first + count))))
            first += count
        return found

    def _unchanged(self, node: fx.Node, kernel: Kernel) -> list[tuple[fx.Node, Kernel]]:
        return [(node.all_input_nodes[0], kernel)]


def _pooled(kernel: Kernel, size: Pair, stride: Pair, padding: Pair) -> Kernel:
    """Return a kernel over the input of a mean pooling."""
    if size == (1, 1) == stride:
        return kernel
    weights = kernel.weights
    if size == stride:
        weights = weights.repeat_interleave(size[0], 2).repeat_interleave(size[1], 3)
        weights = weights / (size[0] * size[1])
    else:
        window = torch.full((1, 1, *size), 1 / (size[0] * size[1]))
        flat = F.conv_transpose2d(weights.flatten(0, 1)[:, None], window, stride=stride)
        weights = flat.view(*weights.shape[:2], *flat.shape[2:])
    return _moved(kernel, weights, stride, padding)


def _moved(kernel: Kernel, weights: Tensor, stride: Pair, padding: Pair) -> Kernel:
    start = _pair(
        step * at - pad for step, at, pad in zip(stride, kernel.start, padding, strict=True)
    )
    return Kernel(
        weights, start, _pair(one * two for one, two in zip(stride, kernel.step, strict=True))
    )


def _spread(weights: Tensor, dilation: Pair) -> Tensor:
    """Return a kernel with zeros between its weights."""
    height, width = (
        (length - 1) * step + 1 for length, step in zip(weights.shape[2:], dilation, strict=True)
    )
    spread = weights.new_zeros(*weights.shape[:2], height, width)
    spread[..., :: dilation[0], :: dilation[1]] = weights
    return spread


def _values(parameter: Tensor) -> Tensor:
    return parameter.detach().float().cpu()


def _pair(value: Any) -> Pair:
    if isinstance(value, int):
        return value, value
    first, second = value
    return int(first), int(second)
