"""What a graph computes from its parameters alone, computed once, and parameters in bfloat16.

A transformer computes the biases of relative positions from a table at every step. It adds
parameters, such as embeddings of positions, to activations: if they are float32, so is what the
following layers read, twice as much memory.
"""

from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, fx

from core.networks.tracing import function_name, operation_of

# Functions and methods that compute with parameters as with activations.
ARITHMETIC = ("add", "mul", "cat", "expand")
# torchvision's attention in Swin transformers. It is one operation of a graph.
WINDOW_ATTENTION = "shifted_window_attention"
# It is the logarithm of a factor, so that rounding it would change the factor too much.
LOGARITHM = "logit_scale"


def fold_constants(network: fx.GraphModule) -> fx.GraphModule:
    """Replace what depends on parameters and buffers only by its value, in place; return the graph.

    Values have the same bits as before.
    """
    for count, node in enumerate(list(network.graph.nodes)):
        sources = node.all_input_nodes
        if (
            node.op == "output"
            or not sources
            or any(_tensor(network, it) is None for it in sources)
        ):
            continue
        value = _computed(network, node)
        if isinstance(value, Tensor):
            _replace(network, node, f"constant_{count}", value)
    network.graph.eliminate_dead_code()
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def constants_to_bfloat16(network: fx.GraphModule) -> fx.GraphModule:
    """Convert parameters that a graph uses like activations to bfloat16, in place; return it.

    The parameters of modules, and those of functions that normalise, stay as they are.
    """
    for count, node in enumerate(list(network.graph.nodes)):
        value = _tensor(network, node)
        if value is None or str(node.target).rpartition(".")[2] == LOGARITHM:
            continue
        used = {function_name(it) for it in node.users}
        if value.dtype == torch.float32 and used <= {*ARITHMETIC, WINDOW_ATTENTION}:
            _replace(network, node, f"half_{count}", value.bfloat16())
    network.recompile()
    return network


def _tensor(network: fx.GraphModule, node: fx.Node) -> Tensor | None:
    """Return the parameter or buffer that a node reads; None for any other node."""
    value = attrgetter(str(node.target))(network) if node.op == "get_attr" else None
    return value.detach() if isinstance(value, Tensor) else None


def _computed(network: fx.GraphModule, node: fx.Node) -> Any:
    """Return the value of a node that reads parameters and buffers only; None if it has hooks."""
    operation = operation_of(network, node)
    if operation is None:
        return None
    args, kwargs = fx.node.map_arg((node.args, dict(node.kwargs)), lambda it: _tensor(network, it))
    with torch.no_grad():
        if node.op == "call_method":
            return getattr(args[0], operation)(*args[1:], **kwargs)
        return operation(*args, **kwargs)


def _replace(network: fx.GraphModule, node: fx.Node, name: str, value: Tensor) -> None:
    """Replace a node by a buffer."""
    network.register_buffer(name, value)
    with network.graph.inserting_before(node):
        constant = network.graph.get_attr(name)
    node.replace_all_uses_with(constant)
    network.graph.erase_node(node)
