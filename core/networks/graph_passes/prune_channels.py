"""Removal of unused channels from the last layers of a network.

When a batch of images visualises several units of a layer, each image uses one channel. The
computation of all other channels, above all in the last convolution, is removed; the results of the
remaining channels stay the same.
"""

import copy
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.devices import memory_format
from core.networks.redirected_relu import redirected_relu, relu_ceiling
from core.networks.tracing import operation_of

# Modules that process every channel independently and in the same way.
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
    """The inputs of a channel cannot be determined, or another node reads all channels."""


def prune_channels(network: fx.GraphModule, used: Mapping[str, Sequence[int]]) -> frozenset[str]:
    """Change a network so that it computes only some channels of its results, where possible.

    Args:
        network: a module that returns a dict by layer name, as ``tracing.truncate`` builds it. The
            graph of this module is changed, but none of the submodules.
        used: by layer name, the channels that are used, in the order in which they are returned.

    Returns:
        The names of the layers whose result now has only the channels in ``used``. The results of
        all other layers are complete.
    """
    (output,) = (node for node in network.graph.nodes if node.op == "output")
    result: dict[str, fx.Node] = dict(output.args[0])
    pruned: set[str] = set()
    for layer, channels in used.items():
        try:
            node = _Pruning(network, f"pruned_{len(pruned)}").apply(
                result[layer], output, list(channels)
            )
        except CannotPrune:
            continue
        result[layer] = node
        pruned.add(layer)
    output.args = (result,)
    network.graph.eliminate_dead_code()
    network.delete_all_unused_submodules()
    network.recompile()
    return frozenset(pruned)


class _Pruning:
    """Follows a graph backwards, and adds a copy of each node with the used channels only."""

    def __init__(self, network: fx.GraphModule, prefix: str) -> None:
        self._network = network
        self._prefix = prefix
        self._new_nodes: list[fx.Node] = []
        self._parts = 0

    def apply(self, node: fx.Node, reader: fx.Node, channels: list[int]) -> fx.Node:
        """Return a new node that computes only some channels of a node's result.

        Args:
            node: the node whose result is pruned.
            reader: the only node that reads this result.
            channels: the channels to keep.

        Raises:
            CannotPrune: the channels cannot be separated; the graph is then unchanged.
        """
        try:
            return self._follow(node, reader, channels)
        except CannotPrune:
            for new_node in reversed(self._new_nodes):
                self._network.graph.erase_node(new_node)
            raise

    def _follow(self, node: fx.Node, reader: fx.Node, channels: list[int]) -> fx.Node:
        only_reader = set(node.users) - set(self._new_nodes) == {reader}
        if not only_reader or not node.args:
            raise CannotPrune
        operation = operation_of(self._network, node)
        if isinstance(operation, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            part, args = self._add_module(_select_channels(operation, channels)), node.args
            if isinstance(operation, nn.BatchNorm2d):
                (source,) = node.all_input_nodes
                args = (self._follow(source, node, channels),)
            return self._copy_node(node, args, part)
        if operation is torch.cat:
            return self._concatenation(node, channels)
        if operation is F.batch_norm:
            return self._batch_norm(node, channels)
        if _is_channelwise(self._network, node, operation):
            (source,) = node.all_input_nodes
            return self._copy_node(node, (self._follow(source, node, channels), *node.args[1:]))
        raise CannotPrune

    def _concatenation(self, node: fx.Node, channels: list[int]) -> fx.Node:
        """Prune each concatenated tensor to its used channels; leave out tensors without any."""
        sources = node.all_input_nodes
        if node.args[1:] != (1,) and node.kwargs.get("dim") != 1:
            raise CannotPrune
        ends, end = [], 0
        for source in sources:
            end += self._width(source)
            ends.append((end - self._width(source), end))
        # A concatenation of pruned tensors keeps the order of channels, so they must be sorted.
        if channels != sorted(channels) or channels[-1] >= end:
            raise CannotPrune
        parts = []
        for source, (first, last) in zip(sources, ends, strict=True):
            used = [channel - first for channel in channels if first <= channel < last]
            if used:
                parts.append(self._follow(source, node, used))
        if len(parts) == 1:
            return parts[0]
        return self._copy_node(node, (parts, *node.args[1:]))

    def _batch_norm(self, node: fx.Node, channels: list[int]) -> fx.Node:
        """Prune the function ``batch_norm``, as in timm's ``BatchNormAct2d``."""
        source = node.args[0]
        if not isinstance(source, fx.Node):
            raise CannotPrune
        args = [self._follow(source, node, channels)]
        args += (self._select(node, it, channels) for it in node.args[1:])
        kwargs = {name: self._select(node, it, channels) for name, it in node.kwargs.items()}
        pruned = self._copy_node(node, args)
        pruned.kwargs = kwargs
        return pruned

    def _select(self, before: fx.Node, value: Any, channels: list[int]) -> Any:
        """Return a new node with some channels of a parameter or buffer; other values stay."""
        if not isinstance(value, fx.Node):
            return value
        if value.op != "get_attr":
            raise CannotPrune
        tensor: Tensor = attrgetter(str(value.target))(self._network)
        path = f"{self._prefix}_{self._parts}"
        self._parts += 1
        self._network.register_buffer(path, tensor.detach()[channels], persistent=False)
        return self._add_node(before, "get_attr", path, ())

    def _width(self, node: fx.Node) -> int:
        """Return the number of channels of a node."""
        operation = operation_of(self._network, node)
        if isinstance(operation, nn.Conv2d):
            return operation.out_channels
        if isinstance(operation, nn.BatchNorm2d):
            return operation.num_features
        if operation is F.batch_norm:
            return self._width(node.all_input_nodes[0])
        if operation is torch.cat:
            return sum(self._width(source) for source in node.all_input_nodes)
        if _is_channelwise(self._network, node, operation):
            return self._width(node.all_input_nodes[0])
        raise CannotPrune

    def _add_module(self, part: nn.Module) -> str:
        """Add a module to the network, and return its path."""
        path = f"{self._prefix}_{self._parts}"
        self._parts += 1
        self._network.add_module(path, part)
        return path

    def _copy_node(self, node: fx.Node, args: Any, target: str = "") -> fx.Node:
        """Insert a copy of a node before the original, with new arguments or a new module path."""
        return self._add_node(node, node.op, target or node.target, args)

    def _add_node(self, node: fx.Node, operation: str, target: Any, args: Any) -> fx.Node:
        """Insert a node before another one, with the keyword arguments of that one."""
        kwargs = dict(node.kwargs) if operation == node.op else {}
        with self._network.graph.inserting_before(node):
            new_node: fx.Node = self._network.graph.create_node(
                operation, target, tuple(args), kwargs
            )
        self._new_nodes.append(new_node)
        return new_node


def _is_channelwise(network: fx.GraphModule, node: fx.Node, operation: Any) -> bool:
    if operation in (torch.flatten, "flatten") or isinstance(operation, nn.Flatten):
        # Flattening keeps the channels if there is only one position.
        before = operation_of(network, node.all_input_nodes[0])
        return isinstance(before, nn.AdaptiveAvgPool2d) and before.output_size in (1, (1, 1))
    channelwise = isinstance(operation, CHANNELWISE) or operation in (F.max_pool2d, F.avg_pool2d)
    return channelwise or operation is redirected_relu or relu_ceiling(operation) is not None


def _select_channels(
    part: nn.Conv2d | nn.Linear | nn.BatchNorm2d, channels: list[int]
) -> nn.Module:
    """Return a copy of a module, in evaluation mode, with some of the output channels only."""
    if isinstance(part, nn.Conv2d) and part.groups != 1:
        raise CannotPrune
    selected = copy.copy(part)
    selected._parameters = {
        name: _select_rows(value, channels) for name, value in part._parameters.items()
    }
    if isinstance(selected, nn.BatchNorm2d):
        selected.num_features = len(channels)
        selected._buffers = {
            name: value if value is None or value.ndim == 0 else value[channels]
            for name, value in part._buffers.items()
        }
    elif isinstance(selected, nn.Conv2d):
        selected.out_channels = len(channels)
    else:
        selected.out_features = len(channels)
    return selected


def _select_rows(value: Tensor | None, channels: list[int]) -> nn.Parameter | None:
    if value is None:
        return None
    layout = memory_format(value.device) if value.ndim == 4 else torch.contiguous_format
    rows = value.detach()[channels].contiguous(memory_format=layout)
    return nn.Parameter(rows, requires_grad=False)
