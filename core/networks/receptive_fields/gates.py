"""Networks whose global gates are constants, so that gradients show local receptive fields."""

import torch
from torch import Tensor, fx, nn

from core.networks.receptive_fields.attention_blocks import find_blocks
from core.networks.receptive_fields.described_call import Value
from core.networks.receptive_fields.pointwise import POINTWISE
from core.networks.receptive_fields.propagation import known_name, propagate
from core.networks.receptive_fields.rules import CONCATENATIONS
from core.networks.receptive_fields.spans import is_gate
from core.networks.tracing import Trace, trace


def hold_gates(module: nn.Module, image: Tensor) -> Trace | None:
    """Trace a network, with a ``detach`` for the values that local descriptions ignore.

    The values of the network are the same, but no gradient passes through these gates. The
    statistics of normalisations such as ``nn.GroupNorm`` are not held.

    Args:
        module: the network, in evaluation mode; it is not changed.
        image: an image ``[1, 3, H, W]`` that it accepts.

    Returns:
        The changed graph, for ``tracing.truncate``; None if the network cannot be traced.
    """
    traced = trace(module)
    if traced is None:
        return None
    values = propagate(module, traced, image)
    for node in list(traced.graph.nodes):
        if known_name(node) in (*POINTWISE, *CONCATENATIONS):
            inputs = [(it, values.get(it)) for it in node.all_input_nodes]
            described = {it: value for it, value in inputs if isinstance(value, Value)}
            for gate in _gates(described):
                _hold(traced, gate, node)
    for block in find_blocks(module, traced).values():
        if block.windows is None and block.attention is not None:
            for reader in list(block.attention.users):
                _hold(traced, block.attention, reader)
    traced.graph.lint()
    return traced


def _gates(values: dict[fx.Node, Value]) -> list[fx.Node]:
    """Return the inputs of an operation that are gates of another input."""
    rank = max((len(it.shape) for it in values.values()), default=0)
    axes = {node: ((None,) * (rank - len(it.shape))) + it.local_axes for node, it in values.items()}
    held = [any(not is_gate(each[at]) for each in axes.values()) for at in range(rank)]
    return [
        node
        for node, each in axes.items()
        if any(is_gate(axis) and other for axis, other in zip(each, held, strict=True))
    ]


def _hold(traced: Trace, gate: fx.Node, reader: fx.Node) -> None:
    with traced.graph.inserting_before(reader):
        held = traced.graph.call_function(torch.detach, (gate,))
    reader.replace_input_with(gate, held)
