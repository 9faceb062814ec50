"""Maximum pooling before ReLUs, and bfloat16 weights: faster gradients with equal results.

Activations and gradients have exactly the same bits as before.
"""

import copy
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from core.networks.module_parts import has_hooks_inside
from core.networks.redirected_relu import relu_ceiling
from core.networks.tracing import operation_of


def pool_before_relu(network: fx.GraphModule) -> fx.GraphModule:
    """Move maximum pooling before the ReLUs that it follows, in a graph, in place.

    The values stay the same: ``max(relu(x))`` equals ``relu(max(x))``. The gradient stays the same
    too: it goes to the first of the largest values in a window, or nowhere if that value is not
    positive. After pooling with stride 2, the ReLU has a quarter of the positions. A ReLU that
    other nodes also read is not moved.
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

    Otherwise autocast would convert the weights at every step. The graph is changed in place. Its
    modules are replaced by converted copies, because other graphs may share the original modules.
    A module with others in it, such as the attention of a transformer, is copied as a whole. A
    module with hooks stays, because its hooks may read its weights.
    """
    for path in {str(node.target) for node in network.graph.nodes if node.op == "call_module"}:
        part = network.get_submodule(path)
        if any(map(_casts, part.modules())) and not has_hooks_inside(part):
            copied = copy.deepcopy(part)
            for inner in filter(_casts, copied.modules()):
                inner.bfloat16()
            network.set_submodule(path, copied)
    return network


def _casts(part: nn.Module) -> bool:
    """Whether autocast converts the weights of a module, which are float32, to bfloat16."""
    return type(part) in (nn.Conv2d, nn.Linear) and part.weight.dtype == torch.float32


def _relus_before(network: fx.GraphModule, pool: fx.Node) -> list[fx.Node]:
    """Return the ReLUs whose results a pooling node reads, directly or through a concatenation.

    The list is empty if another node reads one of them too, or if one is a ReLU6.
    """
    (source,) = pool.all_input_nodes
    relus = source.all_input_nodes if source.target is torch.cat else [source]
    alone = all(len(node.users) == 1 for node in (source, *relus))
    plain = all(relu_ceiling(operation_of(network, node)) == math.inf for node in relus)
    return list(relus) if alone and plain else []


def _is_max_pool(operation: Any) -> bool:
    # The functions below return no indices; torch has separate functions that do.
    if isinstance(operation, nn.MaxPool2d):
        return not operation.return_indices
    return operation in (F.max_pool2d, torch.max_pool2d)
