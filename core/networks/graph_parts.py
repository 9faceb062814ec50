"""The graph of a network in two parts: up to a layer, and what is computed from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import fx

from core.networks.layers import Layer
from core.networks.tracing import Trace, ancestors

# Key of the value that ``direct_part`` returns.
RESULT = "result"


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
    behind = descendants(start) & needed
    passed = [start, *_passed(traced.graph, needed - behind, behind, set(results.values()))]
    passed = list(dict.fromkeys(passed))
    return GraphParts(
        traced.assemble(_first(traced.graph, needed - behind, passed)),
        traced.assemble(_second(traced.graph, behind, passed, results)),
    )


def direct_part(traced: Trace, starts: Sequence[fx.Node], end: fx.Node) -> fx.GraphModule:
    """Build a module that computes the value of a node from those of some nodes before it.

    Args:
        traced: the network; it is not changed.
        starts: the nodes whose values the module takes, in this order. They are all that ``end`` is
            computed from besides parameters.
        end: the node. Its value is returned as a dict with the key ``RESULT``.
    """
    between, waiting = {end}, [end]
    while waiting:
        for source in waiting.pop().all_input_nodes:
            if source not in between and source not in starts and source.op != "get_attr":
                between.add(source)
                waiting.append(source)
    graph, copies = _behind(traced.graph, between, starts)
    graph.output({RESULT: copies[end]})
    return traced.assemble(graph)


def descendants(node: fx.Node) -> set[fx.Node]:
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
    second, copies = _behind(graph, behind, passed)
    returned = {}
    for layer, node in results.items():
        value, axes = copies[node], (layer.batch_axis, layer.axis)
        if axes != (0, 1):
            value = second.call_function(torch.movedim, (value, axes, (0, 1)))
        returned[layer.name] = value
    second.output(returned)
    return second


def _behind(
    graph: fx.Graph, behind: set[fx.Node], passed: Sequence[fx.Node]
) -> tuple[fx.Graph, dict[fx.Node, fx.Node]]:
    """Return a graph without output that computes some nodes from others, and by node its copy."""
    second, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    for count, node in enumerate(passed):
        copies[node] = second.placeholder(f"kept_{count}")
    for node in graph.nodes:
        read = node.op == "get_attr" and any(it in behind for it in node.users)
        if node in behind or read:
            copies[node] = second.node_copy(node, copies.__getitem__)
    return second, copies
