"""The same network without what nobody reads: of its last layers only some channels.

A batch of neurons reads one channel of a layer for each of its images. Whatever makes the others,
the last convolution above all, can be left out; the channels that remain are the same.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.tracing import operation_of, redirected_relu, relu_ceiling

# What treats every channel by itself, and all alike.
CHANNELWISE = (
    nn.ReLU,
    nn.ReLU6,
    nn.SiLU,
    nn.GELU,
    nn.Hardswish,
    nn.Sigmoid,
    nn.Dropout,
    nn.Identity,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
)


class CannotPrune(Exception):
    """Which channel comes from where cannot be told, or all of it is wanted elsewhere too."""


def prune_channels(network: fx.GraphModule, kept: Mapping[str, Sequence[int]]) -> frozenset[str]:
    """Let a network compute only some channels of what it returns, where that saves something.

    Args:
        network: returns a dict by layer name, as ``tracing.cut`` makes it. Its graph is changed,
            but no module in it.
        kept: by layer name the channels that are wanted, in the order in which they will stand.

    Returns:
        The layers that now hold these channels only; others are as they were.
    """
    (output,) = (node for node in network.graph.nodes if node.op == "output")
    result: dict[str, fx.Node] = dict(output.args[0])
    narrowed: set[str] = set()
    for layer, channels in kept.items():
        try:
            found = _Pruning(network, f"narrowed_{len(narrowed)}").apply(
                result[layer], output, list(channels)
            )
        except CannotPrune:
            continue
        result[layer] = found
        narrowed.add(layer)
    output.args = (result,)
    network.graph.eliminate_dead_code()
    network.delete_all_unused_submodules()
    network.recompile()
    return frozenset(narrowed)


class _Pruning:
    """Follows a graph backwards, and writes beside each node one with the wanted channels only."""

    def __init__(self, network: fx.GraphModule, prefix: str) -> None:
        self._network = network
        self._prefix = prefix
        self._made: list[fx.Node] = []
        self._parts = 0

    def apply(self, node: fx.Node, reader: fx.Node, channels: list[int]) -> fx.Node:
        """Narrow what a node gives to its only reader.

        Raises:
            CannotNarrow: the graph is then as it was.
        """
        try:
            return self._follow(node, reader, channels)
        except CannotPrune:
            for made in reversed(self._made):
                self._network.graph.erase_node(made)
            raise

    def _follow(self, node: fx.Node, reader: fx.Node, channels: list[int]) -> fx.Node:
        alone = set(node.users) - set(self._made) == {reader}
        if not alone or not node.args:
            raise CannotPrune
        operation = operation_of(self._network, node)
        if isinstance(operation, nn.Conv2d | nn.Linear):
            return self._write(node, node.args, self._part(_some(operation, channels)))
        if isinstance(operation, nn.BatchNorm2d):
            (source,) = node.all_input_nodes
            own = self._part(_some_normalised(operation, channels))
            return self._write(node, (self._follow(source, node, channels),), own)
        if operation is torch.cat:
            return self._joined(node, channels)
        if _is_channelwise(self._network, node, operation):
            (source,) = node.all_input_nodes
            return self._write(node, (self._follow(source, node, channels), *node.args[1:]))
        raise CannotPrune

    def _joined(self, node: fx.Node, channels: list[int]) -> fx.Node:
        """Take from each of the tensors that are joined what is wanted of it, if anything is."""
        sources = node.all_input_nodes
        if node.args[1:] != (1,) and node.kwargs.get("dim") != 1:
            raise CannotPrune
        ends, end = [], 0
        for source in sources:
            end += self._width(source)
            ends.append((end - self._width(source), end))
        # They stay in the order in which they are joined, so that must be the order asked for.
        if channels != sorted(channels) or channels[-1] >= end:
            raise CannotPrune
        parts = []
        for source, (first, last) in zip(sources, ends, strict=True):
            own = [channel - first for channel in channels if first <= channel < last]
            if own:
                parts.append(self._follow(source, node, own))
        if len(parts) == 1:
            return parts[0]
        return self._write(node, (parts, *node.args[1:]))

    def _width(self, node: fx.Node) -> int:
        """Tell how many channels a node gives."""
        operation = operation_of(self._network, node)
        if isinstance(operation, nn.Conv2d):
            return operation.out_channels
        if isinstance(operation, nn.BatchNorm2d):
            return operation.num_features
        if operation is torch.cat:
            return sum(self._width(source) for source in node.all_input_nodes)
        if _is_channelwise(self._network, node, operation):
            return self._width(node.all_input_nodes[0])
        raise CannotPrune

    def _part(self, part: nn.Module) -> str:
        """Add a module of one's own, and give its path."""
        path = f"{self._prefix}_{self._parts}"
        self._parts += 1
        self._network.add_module(path, part)
        return path

    def _write(self, node: fx.Node, args: Any, target: str = "") -> fx.Node:
        """Write the like of a node before it, with other arguments or another module."""
        with self._network.graph.inserting_before(node):
            made: fx.Node = self._network.graph.create_node(
                node.op, target or node.target, tuple(args), dict(node.kwargs)
            )
        self._made.append(made)
        return made


def _is_channelwise(network: fx.GraphModule, node: fx.Node, operation: Any) -> bool:
    if operation in (torch.flatten, "flatten") or isinstance(operation, nn.Flatten):
        # Where there is one place left, flattening leaves channels where they are.
        before = operation_of(network, node.all_input_nodes[0])
        return isinstance(before, nn.AdaptiveAvgPool2d) and before.output_size in (1, (1, 1))
    known = isinstance(operation, CHANNELWISE) or operation in (F.max_pool2d, F.avg_pool2d)
    return known or operation is redirected_relu or relu_ceiling(operation) is not None


def _some(part: nn.Conv2d | nn.Linear, channels: list[int]) -> nn.Module:
    """Copy a convolution or linear layer that computes some of its channels."""
    if isinstance(part, nn.Conv2d) and part.groups != 1:
        raise CannotPrune
    few = copy.copy(part)
    few._parameters = {name: _rows(value, channels) for name, value in part._parameters.items()}
    if isinstance(few, nn.Conv2d):
        few.out_channels = len(channels)
    else:
        few.out_features = len(channels)
    return few


def _some_normalised(part: nn.BatchNorm2d, channels: list[int]) -> nn.Module:
    """Copy a batch normalisation, in evaluation mode, of some of its channels."""
    few = copy.copy(part)
    few._parameters = {name: _rows(value, channels) for name, value in part._parameters.items()}
    few._buffers = {
        name: value if value is None or value.ndim == 0 else value[channels]
        for name, value in part._buffers.items()
    }
    few.num_features = len(channels)
    return few


def _rows(value: Tensor | None, channels: list[int]) -> nn.Parameter | None:
    if value is None:
        return None
    layout = torch.channels_last if value.ndim == 4 else torch.contiguous_format
    rows = value.detach()[channels].contiguous(memory_format=layout)
    return nn.Parameter(rows, requires_grad=False)
