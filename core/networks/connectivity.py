"""Connections of a unit to the units that it reads, from the network's graph and weights."""

from dataclasses import dataclass

from core.networks.layers import Layer
from core.networks.linear_steps import signed_norms
from core.networks.network import Network
from core.networks.redirected_relu import relu_ceiling
from core.networks.tracing import COUNTED
from core.networks.unit_graph import UnitGraph, UnitRef


@dataclass(frozen=True)
class Connection(UnitRef):
    """The connection of a unit to one unit of the previous layer, which it names.

    Attributes:
        weight: L2 norm of the expanded weights that connect the two units, with the sign of their
            sum; positive weights are excitatory.
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
    origin = None if traced is None else UnitGraph(network.layers, traced).origin(layer, unit)
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
    """Return the units that a unit reads, the strongest connection first.

    Returns:
        A connection to every unit whose activations the given unit reads through linear operations
        only. Empty if the graph does not show these units, or if the given unit reads the image
        directly.
    """
    traced = network.trace
    if traced is None:
        return ()
    found = list[Connection]()
    for it in UnitGraph(network.layers, traced).inputs(layer, unit):
        if it.source is not None:
            weights = signed_norms(it.kernel.weights[0])
            found += [
                Connection(it.source.name, number, weight)
                for number, weight in enumerate(weights.tolist())
                if weight != 0
            ]
    return tuple(sorted(found, key=lambda it: -abs(it.weight)))
