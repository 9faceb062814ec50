"""Batch normalisation computed by the convolution before it.

In evaluation mode a batch normalisation multiplies each channel by a constant and adds another. The
convolution before it does the same with other weights and biases, which saves one pass over the
activations forward and one backward.
"""

import copy
import inspect
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from core.devices import exact, like
from core.networks.tracing import operation_of

BATCH_NORM = inspect.signature(F.batch_norm)


@dataclass(frozen=True)
class FixedStatistics:
    """What a batch normalisation with fixed statistics computes with, each tensor ``[C]``."""

    running_mean: Tensor
    running_var: Tensor
    eps: float
    weight: Tensor | None
    bias: Tensor | None


def fold_batch_norm(network: fx.GraphModule) -> fx.GraphModule:
    """Fold the batch normalisations of a graph into convolutions, in place; return the graph.

    A batch normalisation, a module or a function, is folded if it directly follows a module that is
    a plain convolution, and nothing else reads the result of this convolution. The weights are
    computed in float64 and then rounded, so values agree with those before up to rounding. The
    convolution is replaced by a new one, because other graphs may share the original modules.
    """
    for count, node in enumerate(list(network.graph.nodes)):
        norm = _normalisation(network, node)
        if norm is None:
            continue
        source = node.all_input_nodes[0]
        convolution = operation_of(network, source)
        # Subclasses may compute otherwise.
        if type(convolution) is nn.Conv2d and len(source.users) == 1:
            source.target = f"folded_{count}"
            network.add_module(source.target, _folded(convolution, norm))
            node.replace_all_uses_with(source)
            network.graph.erase_node(node)
    # The parameters of functions are nodes, too.
    network.graph.eliminate_dead_code()
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def _normalisation(network: fx.GraphModule, node: fx.Node) -> FixedStatistics | None:
    """Return the settings of a node; None if it is no batch normalisation with fixed statistics."""
    operation = operation_of(network, node)
    if type(operation) is nn.BatchNorm2d:
        found = vars(operation) | operation._parameters | operation._buffers
    elif operation is F.batch_norm:
        bound = BATCH_NORM.bind(*node.args, **node.kwargs)
        bound.apply_defaults()
        found = {name: _constant(network, it) for name, it in bound.arguments.items()}
    else:
        return None
    settings = {it.name: found[it.name] for it in fields(FixedStatistics)}
    # In training, or without statistics of its own, it uses those of the batch.
    fixed = found["training"] is False and settings["running_mean"] is not None
    computed = any(isinstance(it, fx.Node) for it in settings.values())
    return FixedStatistics(**settings) if fixed and not computed else None


def _constant(network: fx.GraphModule, value: Any) -> Any:
    """Return the parameter or buffer that a node reads; any other argument as it is."""
    is_parameter = isinstance(value, fx.Node) and value.op == "get_attr"
    return attrgetter(str(value.target))(network) if is_parameter else value


def _folded(convolution: nn.Conv2d, norm: FixedStatistics) -> nn.Conv2d:
    """Return a convolution with weights of its own that also normalises its result."""

    def wide(values: Tensor | None) -> Tensor | None:
        return None if values is None else exact(values.detach())

    weight, bias = fuse_conv_bn_weights(
        exact(convolution.weight.detach()),
        wide(convolution.bias),
        exact(norm.running_mean),
        exact(norm.running_var),
        norm.eps,
        wide(norm.weight),
        wide(norm.bias),
    )
    folded = copy.copy(convolution)
    folded._parameters = {
        name: nn.Parameter(like(it.detach(), convolution.weight), requires_grad=False)
        for name, it in (("weight", weight), ("bias", bias))
    }
    return folded
