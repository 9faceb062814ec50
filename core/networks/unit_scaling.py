"""Units multiplied by factors inside a network: in its graph, or by hooks if it has none."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import is_not

from torch import Tensor, nn

from core.networks.layers import Layer
from core.networks.tracing import Trace
from core.recipes.switched_units import SwitchedUnit

# Path of the modules that multiply units; no network has a module of this name.
PATH = "explorer_scaled_units"
# Ending of the name of a node whose value is multiplied; the product has the layer's name.
UNSCALED = " before scaling"


def scale_units(value: Tensor, axis: int, factors: Mapping[int, float]) -> Tensor:
    """Return a copy of activations with some channels multiplied by factors.

    Args:
        value: the activations, of any shape.
        axis: the axis of the channels.
        factors: by channel, its factor; other channels keep their bits.
    """
    scaled = value.clone()
    channels = scaled.movedim(axis, 0)
    for unit, factor in factors.items():
        # A product with 0 would keep what is infinite or no number.
        channels[unit] = channels[unit] * factor if factor else 0.0
    return scaled


class UnitScale(nn.Module):
    """Multiplies some channels of a layer's output, whose axes are those of the layer's node."""

    def __init__(self, axis: int, factors: Mapping[int, float]) -> None:
        super().__init__()
        self.axis, self.factors = axis, dict(factors)

    def forward(self, value: Tensor) -> Tensor:
        """Return ``scale_units`` of a layer's output."""
        return scale_units(value, self.axis, self.factors)


def unit_scales(layers: Iterable[Layer], switched: Iterable[SwitchedUnit]) -> dict[str, UnitScale]:
    """Return the modules that multiply units, by the node of their layer.

    Args:
        layers: all layers of the network.
        switched: the units; their layers must be among ``layers``.
    """
    by_name = {it.name: it for it in layers}
    scales = {}
    for name, units in groupby(sorted(switched), lambda it: it.layer):
        layer = by_name[name]
        scales[layer.node] = UnitScale(layer.axis, {it.unit: it.factor for it in units})
    return scales


def scale_trace(traced: Trace, scales: Mapping[str, nn.Module]) -> Trace:
    """Return a trace in which layers are multiplied, for everything that reads them.

    The node that multiplies gets the name of the layer's node, so the layer's activations are the
    multiplied ones. In a residual block or a concatenation, they are those that the sum or the
    concatenation has, whatever it is computed from.

    Args:
        traced: a trace that nothing else uses; its graph is changed.
        scales: modules that take the output of a node and return what replaces it, by the name of
            the node, such as ``unit_scales`` returns.
    """
    names, parts, outputs = dict(traced.names), dict(traced.parts), dict(traced.outputs)
    by_name = {name: node for node, name in names.items()}
    for name, scale in scales.items():
        # The number is another one for each part, also if a trace is scaled once more.
        node, path = by_name[name], f"{PATH}_{len(parts)}"
        with traced.graph.inserting_after(node):
            product = traced.graph.create_node("call_module", path, (node,))
        # The product itself goes on reading the node.
        node.replace_all_uses_with(product, delete_user_cb=partial(is_not, product))
        parts[path] = scale
        names[node], names[product] = f"{name}{UNSCALED}", name
        outputs = {at: product if it is node else it for at, it in outputs.items()}
    return replace(traced, parts=parts, names=names, outputs=outputs)
