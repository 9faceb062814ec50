"""Maximum pooling before ReLUs, and bfloat16 weights: faster gradients with equal results.

Values and gradients agree to the last bit.
"""

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from core.networks.tracing import operation_of, relu_ceiling


def pool_before_relu(network: fx.GraphModule) -> fx.GraphModule:
    """Move maximum pooling before the ReLUs that it follows, in a graph, in place.

    The maximum of values clamped at 0 is the maximum, clamped at 0. The gradient agrees too: all of
    it goes to the first largest value of a window, or none if that is not above 0. The ReLU then
    has a fourth of the positions. A ReLU whose result has other readers too is not moved.
    """
    for pool in list(network.graph.nodes):
        if not _is_max_pool(operation_of(network, pool)):
            continue
        relus = _relus_before(network, pool)
        for relu in relus:
            relu.replace_all_uses_with(relu.all_input_nodes[0])
            network.graph.erase_node(relu)
        if relus:
            with network.graph.inserting_after(pool):
                new_relu = network.graph.call_function(torch.relu, (pool,))
            pool.replace_all_uses_with(new_relu)
            new_relu.args = (pool,)
    network.recompile()
    return network


def weights_to_bfloat16(network: fx.GraphModule) -> fx.GraphModule:
    """Convert the weights of convolutions and linear layers to bfloat16, as autocast needs them.

    Autocast would convert them at every step. The graph is changed in place, but not its modules,
    which may be shared with other graphs.
    """
    for path, part in list(network.named_modules()):
        casts = isinstance(part, nn.Conv2d | nn.Linear)
        if casts and part.weight.dtype == torch.float32:
            parent, _, name = path.rpartition(".")
            setattr(network.get_submodule(parent), name, copy.deepcopy(part).bfloat16())
    return network


def _relus_before(network: fx.GraphModule, pool: fx.Node) -> list[fx.Node]:
    """Return the ReLUs that a pool reads, also via a concatenation, if nothing else reads them."""
    (source,) = pool.all_input_nodes
    relus = source.all_input_nodes if source.target is torch.cat else [source]
    alone = all(len(node.users) == 1 for node in (source, *relus))
    plain = all(relu_ceiling(operation_of(network, node)) == math.inf for node in relus)
    return list(relus) if alone and plain else []


def _is_max_pool(operation: Any) -> bool:
    # Pooling functions that also return indices have other names.
    if isinstance(operation, nn.MaxPool2d):
        return not operation.return_indices
    return operation in (F.max_pool2d, torch.max_pool2d)
