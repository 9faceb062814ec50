"""The same network in a form that costs less, for whoever needs its gradient often.

What comes out is equal to the last bit, and so are gradients.
"""

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from core.networks.tracing import operation_of, relu_ceiling


def pool_before_relu(network: fx.GraphModule) -> fx.GraphModule:
    """Let maximum pooling come before the ReLUs that it follows, in a graph, which is changed.

    The maximum of what is cut off at 0 is the maximum, cut off at 0; of the gradient, too, all goes
    to a window's first largest value, or nothing where that is not above 0. What is cut off then
    has a fourth of the places. A ReLU whose result is wanted elsewhere too stays where it is.
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
                later = network.graph.call_function(torch.relu, (pool,))
            pool.replace_all_uses_with(later)
            later.args = (pool,)
    network.recompile()
    return network


def weights_to_bfloat16(network: fx.GraphModule) -> fx.GraphModule:
    """Keep the weights of convolutions and linear layers as autocast will want them, in bfloat16.

    It would cast them anew at every step. The graph is changed, but not the modules in it, which
    may be another's too.
    """
    for path, part in list(network.named_modules()):
        casts = isinstance(part, nn.Conv2d | nn.Linear)
        if casts and part.weight.dtype == torch.float32:
            parent, _, name = path.rpartition(".")
            setattr(network.get_submodule(parent), name, copy.deepcopy(part).bfloat16())
    return network


def _relus_before(network: fx.GraphModule, pool: fx.Node) -> list[fx.Node]:
    """Find the ReLUs that a pool reads, also those joined to one, if nothing else reads them."""
    (source,) = pool.all_input_nodes
    relus = source.all_input_nodes if source.target is torch.cat else [source]
    alone = all(len(node.users) == 1 for node in (source, *relus))
    plain = all(relu_ceiling(operation_of(network, node)) == math.inf for node in relus)
    return list(relus) if alone and plain else []


def _is_max_pool(operation: Any) -> bool:
    # Functions that also return indices have other names.
    if isinstance(operation, nn.MaxPool2d):
        return not operation.return_indices
    return operation in (F.max_pool2d, torch.max_pool2d)
