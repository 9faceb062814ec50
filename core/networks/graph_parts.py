"""The graph of a network in two parts: up to a layer, and what is computed from it."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import fx

from core.networks.layers import Layer
from core.networks.tracing import Trace, ancestors


@dataclass(frozen=True, eq=False)
class GraphParts:
    """Two modules that together compute what the network computes.

    Attributes:
        before: takes a normalised image, and returns a tuple: the output of the layer, and every
            other value that the second part reads, such as the input of a residual sum.
        behind: takes these values, and returns activations ``[N, C, ...]`` by layer name.
    """

    before: fx.GraphModule
    behind: fx.GraphModule


def divide(traced: Trace, layer: Layer, outputs: Iterable[Layer]) -> GraphParts:
    """Divide a network at a layer.

    Args:
        traced: the network; it is not changed.
        layer: the layer, whose output is in the first part.
        outputs: the layers whose activations the second part returns. Those that do not depend on
            ``layer`` are computed in the first part.
    """
    by_name = {name: node for node, name in traced.names.items()}
    start = by_name[layer.node]
    results = {it: by_name[it.node] for it in outputs}
    needed = ancestors(traced.graph, {start, *results.values()})
    behind = _descendants(start) & needed
    passed = [start, *_passed(traced.graph, needed - behind, behind, set(results.values()))]
    passed = list(dict.fromkeys(passed))
    return GraphParts(
        traced.assemble(_first(traced.graph, needed - behind, passed)),
        traced.assemble(_second(traced.graph, behind, passed, results)),
    )


def _descendants(node: fx.Node) -> set[fx.Node]:
    """Return all nodes that depend on a node, without itself."""
    found: set[fx.Node] = set()
    waiting = list(node.users)
    while waiting:
        reader = waiting.pop()
        if reader not in found:
            found.add(reader)
            waiting += reader.users
    return found


def _passed(
    graph: fx.Graph, before: set[fx.Node], behind: set[fx.Node], results: set[fx.Node]
) -> list[fx.Node]:
    """Return the nodes of the first part that the second reads or returns; not parameters."""
    return [
        node
        for node in graph.nodes
        if node in before
        and node.op != "get_attr"
        and (node in results or any(it in behind for it in node.users))
    ]


def _first(graph: fx.Graph, before: set[fx.Node], passed: list[fx.Node]) -> fx.Graph:
    first, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    for node in graph.nodes:
        if node in before or node.op == "placeholder":
            copies[node] = first.node_copy(node, copies.__getitem__)
    first.output(tuple(copies[node] for node in passed))
    return first


def _second(
    graph: fx.Graph,
    behind: set[fx.Node],
    passed: list[fx.Node],
    results: dict[Layer, fx.Node],
) -> fx.Graph:
    second, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    for count, node in enumerate(passed):
        copies[node] = second.placeholder(f"kept_{count}")
    for node in graph.nodes:
        read = node.op == "get_attr" and any(it in behind for it in node.users)
        if node in behind or read:
            copies[node] = second.node_copy(node, copies.__getitem__)
    returned = {}
    for layer, node in results.items():
        value, axes = copies[node], (layer.batch_axis, layer.axis)
        if axes != (0, 1):
            value = second.call_function(torch.movedim, (value, axes, (0, 1)))
        returned[layer.name] = value
    second.output(returned)
    return second
