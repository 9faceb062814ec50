"""Connections between units, read from the network's graph and weights.

Activation functions, normalisations and concatenations lie between a layer's output and the weights
that compute it. The functions here trace one unit back through these operations.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.receptive_fields.pointwise import ACTIVATIONS, is_activation
from core.networks.redirected_relu import relu_ceiling
from core.networks.tracing import COUNTED, Trace, function_name

# Modules and functions that do not mix channels and lie between a layer's activations and the next
# layer's weights.
_TRANSPARENT = (
    nn.Dropout,
    nn.Dropout2d,
    nn.Identity,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Flatten,
)
_TRANSPARENT_FUNCTIONS = ("flatten", "dropout", "adaptive_avg_pool2d", "avg_pool2d", "max_pool2d")
_CONCATENATIONS = (torch.cat, torch.concat)


@dataclass(frozen=True)
class UnitRef:
    """One unit of one layer.

    Attributes:
        layer: the layer's name.
        unit: channel of the unit in the layer.
    """

    layer: str
    unit: int


@dataclass(frozen=True)
class Connection(UnitRef):
    """The connection of a unit to one unit of the previous layer, which it names.

    Attributes:
        weight: L2 norm of the weights that connect the two units, with the sign of their sum;
            positive weights are excitatory.
    """

    weight: float


def before_activation(network: Network, layer: Layer, unit: int) -> UnitRef:
    """Return the pre-activation of a unit: the value before its activation function.

    A ReLU maps all negative values to 0, so it hides how strongly a unit is inhibited. The
    pre-activation shows this inhibition.

    Returns:
        The unit of the layer before the activation function, also if a concatenation lies between
        them. If there is no such layer, or if the network cannot be traced, the given unit.
    """
    traced = network.trace
    origin = None if traced is None else _Backtrace(network, traced).origin(layer, unit)
    return UnitRef(layer.name, unit) if origin is None else origin[0]


def is_rectified(network: Network, layer: Layer) -> bool:
    """Whether a layer is the output of a ReLU, so that its activations are never below zero."""
    traced = network.trace
    if traced is None:
        parts = dict(network.module.named_modules())
        # The name of a later call of a shared module has a counter at its end.
        part = parts.get(layer.node) or parts.get(COUNTED.sub("", layer.node))
        return relu_ceiling(part) is not None
    (node,) = (it for it, name in traced.names.items() if name == layer.node)
    part = traced.parts[str(node.target)] if node.op == "call_module" else node.target
    return relu_ceiling(part) is not None


def strongest_inputs(network: Network, layer: Layer, unit: int) -> tuple[Connection, ...]:
    """Return the units of the previous layer that a unit is connected to, the strongest first.

    Returns:
        A connection to every unit that the given unit reads by a convolution or a fully connected
        layer. Empty if the graph does not show these units, or if the given unit reads the image
        directly.
    """
    traced = network.trace
    if traced is None:
        return ()
    backtrace = _Backtrace(network, traced)
    origin = backtrace.origin(layer, unit)
    if origin is None:
        return ()
    pre_activation, node = origin
    connected = backtrace.weights(node, pre_activation.unit)
    source = None if connected is None else backtrace.source(connected[1])
    if connected is None or source is None:
        return ()
    weights, _, first = connected
    if weights.ndim == 1:
        # The inputs of a fully connected layer are ordered by channel, then by position.
        if weights.shape[0] % source.channels:
            return ()
        weights = weights.view(source.channels, -1)
    by_unit = weights.flatten(1)
    strength = by_unit.norm(dim=1) * torch.where(by_unit.sum(1) < 0, -1.0, 1.0)
    order = strength.abs().argsort(descending=True, stable=True)
    return tuple(
        Connection(source.name, first + int(index), float(strength[index]))
        for index in order.tolist()
    )


class _Backtrace:
    """Traces one unit back through a network's graph."""

    def __init__(self, network: Network, traced: Trace) -> None:
        self.traced = traced
        self.by_node = {layer.node: layer for layer in network.layers}
        self.nodes = {name: node for node, name in traced.names.items()}

    def origin(self, layer: Layer, unit: int) -> tuple[UnitRef, fx.Node] | None:
        """Trace a unit back through activation functions, pooling and concatenations.

        Returns:
            The unit of the layer that comes before these operations, and the node of this layer;
            None if ``Network.layers`` does not contain the node.
        """
        node = self.nodes.get(layer.node)
        while node is not None:
            if node.op == "call_function" and node.target in _CONCATENATIONS:
                node, unit = self._branch(node, unit)
            elif self._is_activation(node) or is_transparent(self.traced, node):
                node = _only_input(node)
            else:
                break
        origin = None if node is None else self.by_node.get(self.traced.names[node])
        if node is None or origin is None:
            return None
        return UnitRef(origin.name, unit), node

    def weights(self, node: fx.Node, unit: int) -> tuple[Tensor, fx.Node, int] | None:
        """Return a unit's weights, the node that they multiply, and the first channel read.

        The weights are ``[C, k, k]`` for a convolution, or ``[C]`` for a fully connected layer.
        They are negated if batch normalisation multiplies their result by a negative number. The
        first channel is above 0 only in convolutions with groups.
        """
        part, scale = self._part(node), 1.0
        if isinstance(part, nn.BatchNorm2d):
            scale = 1.0 if part.weight is None else float(part.weight[unit])
            normalised_node = _only_input(node)
            if normalised_node is None:
                return None
            node, part = normalised_node, self._part(normalised_node)
        input_node = _only_input(node)
        if input_node is None or not isinstance(part, nn.Conv2d | nn.Linear):
            return None
        weight = part.weight.detach()[unit] * (-1.0 if scale < 0 else 1.0)
        first = 0
        if isinstance(part, nn.Conv2d):
            group = unit // (part.out_channels // part.groups)
            first = group * (part.in_channels // part.groups)
        return weight.float().cpu(), input_node, first

    def source(self, node: fx.Node) -> Layer | None:
        """Return the layer whose activations a node reads, before pooling; None for the image."""
        current: fx.Node | None = node
        while current is not None and is_transparent(self.traced, current):
            current = _only_input(current)
        return None if current is None else self.by_node.get(self.traced.names[current])

    def _branch(self, node: fx.Node, unit: int) -> tuple[fx.Node | None, int]:
        """Return the branch of a concatenation that a unit comes from, and its channel there."""
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        if axis != 1:
            return None, unit
        for branch in node.all_input_nodes:
            layer = self.by_node.get(self.traced.names[branch])
            if layer is None:
                return None, unit
            if unit < layer.channels:
                return branch, unit
            unit -= layer.channels
        return None, unit

    def _part(self, node: fx.Node) -> Any:
        return self.traced.parts[str(node.target)] if node.op == "call_module" else None

    def _is_activation(self, node: fx.Node) -> bool:
        part = self._part(node)
        return is_activation(part) if part is not None else function_name(node) in ACTIVATIONS


def is_transparent(traced: Trace, node: fx.Node) -> bool:
    """Whether an operation does not mix channels: pooling, dropout or flattening."""
    if node.op == "call_module":
        return isinstance(traced.parts[str(node.target)], _TRANSPARENT)
    return (
        node.op in ("call_function", "call_method")
        and function_name(node) in _TRANSPARENT_FUNCTIONS
    )


def _only_input(node: fx.Node) -> fx.Node | None:
    inputs = node.all_input_nodes
    return inputs[0] if len(inputs) == 1 and inputs[0].op != "placeholder" else None
