"""How neurons are wired: what feeds a unit, read from the network's graph and weights.

Between a layer that a person sees and the weights that make it stand activations, normalisations
and concatenations. Here one unit is followed back through them.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.receptive_fields.rules import ACTIVATIONS, is_activation
from core.networks.tracing import Trace, trace

# What leaves channels as they are, on the way from one layer's activations to the next's weights.
_PASSING = (
    nn.Dropout,
    nn.Dropout2d,
    nn.Identity,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Flatten,
)
_PASSING_FUNCTIONS = ("flatten", "dropout", "adaptive_avg_pool2d", "avg_pool2d", "max_pool2d")
_JOINING = (torch.cat, torch.concat)


@dataclass(frozen=True)
class UnitRef:
    """One unit of one layer.

    Attributes:
        layer: the layer's name.
        unit: its channel.
    """

    layer: str
    unit: int


@dataclass(frozen=True)
class Connection:
    """One unit that another one listens to.

    Attributes:
        layer, unit: the unit that is listened to.
        weight: how much: the length (L2 norm) of the weights that connect the two, with the sign of
            their sum; positive excites.
    """

    layer: str
    unit: int
    weight: float


def before_activation(network: Network, layer: Layer, unit: int) -> UnitRef:
    """Find the value that a unit's activation function is applied to.

    A ReLU says nothing of how much a picture displeases a neuron: all that is below 0 becomes 0.
    What is before it does.

    Returns:
        The place, through concatenations too; the unit itself where nothing is before it, or where
        the network cannot be traced.
    """
    traced = trace(network.module)
    found = None if traced is None else _Walk(network, traced).before(layer, unit)
    return UnitRef(layer.name, unit) if found is None else found[0]


def strongest_inputs(network: Network, layer: Layer, unit: int) -> tuple[Connection, ...]:
    """List what a unit listens to in the layer before, the strongest first.

    Returns:
        Every unit that it is connected to by a convolution or a fully connected layer; none where
        that cannot be read from the graph, or where the image itself is before it.
    """
    traced = trace(network.module)
    if traced is None:
        return ()
    walk = _Walk(network, traced)
    found = walk.before(layer, unit)
    if found is None:
        return ()
    place, node = found
    wired = walk.weights(node, place.unit)
    source = None if wired is None else walk.source(wired[1])
    if wired is None or source is None:
        return ()
    weights, _, first = wired
    if weights.ndim == 1:
        # A fully connected layer reads all places of a channel one after the other.
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


class _Walk:
    """Following one unit back through a graph."""

    def __init__(self, network: Network, traced: Trace) -> None:
        self.traced = traced
        self.by_node = {layer.node: layer for layer in network.layers}
        self.nodes = {name: node for node, name in traced.names.items()}

    def before(self, layer: Layer, unit: int) -> tuple[UnitRef, fx.Node] | None:
        """Go back through activation functions, pooling and concatenations."""
        node = self.nodes.get(layer.node)
        while node is not None:
            joined = node.op == "call_function" and node.target in _JOINING
            if joined:
                node, unit = self._branch(node, unit)
            elif self._activates(node) or self._passes(node):
                node = _only_input(node)
            else:
                break
        known = None if node is None else self.by_node.get(self.traced.names[node])
        if node is None or known is None:
            return None
        return UnitRef(known.name, unit), node

    def weights(self, node: fx.Node, unit: int) -> tuple[Tensor, fx.Node, int] | None:
        """Find the weights of a unit: ``[C, k, k]`` or ``[C]``, the node they read, and from which
        of its channels on."""
        part, scale = self._part(node), 1.0
        if isinstance(part, nn.BatchNorm2d):
            scale = 1.0 if part.weight is None else float(part.weight[unit])
            before = _only_input(node)
            if before is None:
                return None
            node, part = before, self._part(before)
        read = _only_input(node)
        if read is None or not isinstance(part, nn.Conv2d | nn.Linear):
            return None
        weight = part.weight.detach()[unit] * (-1.0 if scale < 0 else 1.0)
        first = 0
        if isinstance(part, nn.Conv2d):
            group = unit // (part.out_channels // part.groups)
            first = group * (part.in_channels // part.groups)
        return weight.float().cpu(), read, first

    def source(self, node: fx.Node) -> Layer | None:
        """Go back through pooling and the like to a layer's activations; None at the image."""
        at: fx.Node | None = node
        while at is not None and self._passes(at):
            at = _only_input(at)
        return None if at is None else self.by_node.get(self.traced.names[at])

    def _branch(self, node: fx.Node, unit: int) -> tuple[fx.Node | None, int]:
        """Tell from which branch of a concatenation of channels a unit comes, as which."""
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        if axis != 1:
            return None, unit
        for branch in node.all_input_nodes:
            known = self.by_node.get(self.traced.names[branch])
            if known is None:
                return None, unit
            if unit < known.channels:
                return branch, unit
            unit -= known.channels
        return None, unit

    def _part(self, node: fx.Node) -> Any:
        return self.traced.parts[str(node.target)] if node.op == "call_module" else None

    def _activates(self, node: fx.Node) -> bool:
        part = self._part(node)
        return is_activation(part) if part is not None else _function(node) in ACTIVATIONS

    def _passes(self, node: fx.Node) -> bool:
        part = self._part(node)
        if part is not None:
            return isinstance(part, _PASSING)
        return node.op in ("call_function", "call_method") and _function(node) in _PASSING_FUNCTIONS


def _function(node: fx.Node) -> str:
    target: Any = node.target
    return target if isinstance(target, str) else str(getattr(target, "__name__", ""))


def _only_input(node: fx.Node) -> fx.Node | None:
    found = node.all_input_nodes
    return found[0] if len(found) == 1 and found[0].op != "placeholder" else None
