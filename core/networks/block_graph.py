"""The graph of a network's blocks: what its diagram shows, and what each block reads.

A node is one layer and all operations since the layers that it reads, such as a convolution with
its normalisation and ReLU. Layers where the network forks or joins are nodes, so that branches and
skip connections are seen.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import fx, nn

from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.tracing import Trace, function_name
from core.networks.unit_graph import is_transparent

# Name of the node of the input image.
IMAGE = ""
# If a graph with all branches has more nodes than this, every block is one node.
NODES_AT_MOST = 80
# If a graph has more edges for each node than this, as DenseNet has, skip connections are left out.
EDGES_PER_NODE = 3
# Kinds of nodes, by the classes and functions of which one decides. If a node has operations of
# several kinds, the kind that comes first here is the node's.
KINDS: Mapping[str, tuple[str, ...]] = {
    "convolution": ("Conv2d", "conv2d"),
    "attention": (
        *("MultiheadAttention", "scaled_dot_product_attention", "shifted_window_attention"),
    ),
    "fully connected": ("Linear", "linear"),
    "concatenation": ("cat", "concat"),
    "sum": ("add", "iadd"),
    "product": ("mul", "imul"),
    "pooling": (
        *("MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d"),
        *("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "mean"),
    ),
}
# Kinds that are meant only if the operation reads several layers: ``x + 1`` is no sum of branches.
JOINING = ("concatenation", "sum", "product")


@dataclass(frozen=True)
class BlockNode:
    """A node of the graph.

    Attributes:
        name: name of the node's layer; ``IMAGE`` for the input image.
        kind: one of ``KINDS``; ``image`` for the input image, ``block`` for a whole block of
            several operations, and ``other``.
        kernels: (height, width) of the kernels of the node's convolutions, in order.
        layers: names of the layers that are computed in the node, in order, with ``name`` among
            them. Pooling and flattening after the node's layer are in the node too.
        shape: (channels, height, width) of the node's layer, or (channels,).
        block: path of the block that the node is in; "" for none.
        block_class: name of the class of this block, such as ``BasicBlock``.
    """

    name: str
    kind: str
    kernels: tuple[tuple[int, int], ...]
    layers: tuple[str, ...]
    shape: tuple[int, ...]
    block: str = ""
    block_class: str = ""


@dataclass(frozen=True)
class BlockEdge:
    """A connection: the node ``target`` reads the node ``source``.

    Attributes:
        source, target: names of the nodes.
        skip: whether it is a skip connection: another path leads from ``source`` to ``target``.
    """

    source: str
    target: str
    skip: bool = False


@dataclass(frozen=True)
class BlockGraph:
    """The blocks of a network, from the image to the logits; the edges form no circle.

    Attributes:
        nodes: the nodes in the order of execution, the image first.
        edges: the connections.
        left_out: number of skip connections that are left out because there are too many.
        traced: whether the graph is the network's. If the network cannot be traced, its layers are
            a chain in the order of execution.
    """

    nodes: tuple[BlockNode, ...]
    edges: tuple[BlockEdge, ...]
    left_out: int = 0
    traced: bool = True


def block_graph(network: Network, nodes_at_most: int = NODES_AT_MOST) -> BlockGraph:
    """Return the graph of a network's blocks.

    Args:
        network: the network.
        nodes_at_most: if the graph has more nodes, the branches inside blocks are not shown: every
            layer of ``network.shown`` is then one node.
    """
    traced = network.trace
    if traced is None:
        return _chain(network)
    reader = _GraphReader(network, traced)
    graph = reader.graph(detailed=True)
    if len(graph.nodes) > nodes_at_most:
        graph = reader.graph(detailed=False)
    if len(graph.edges) <= EDGES_PER_NODE * len(graph.nodes):
        return graph
    kept = tuple(edge for edge in graph.edges if not edge.skip)
    return replace(graph, edges=kept, left_out=len(graph.edges) - len(kept))


def _chain(network: Network) -> BlockGraph:
    """Return the shown layers of a network as a chain in the order of execution."""
    parts = dict(network.module.named_modules())
    nodes = [_image_node(network)]
    for layer in network.shown:
        kind, kernels = _kind_of([(parts.get(layer.node), False)])
        nodes.append(BlockNode(layer.name, kind, kernels, (layer.name,), _shape(layer)))
    names = [it.name for it in nodes]
    edges = map(BlockEdge, names, names[1:])
    return BlockGraph(tuple(nodes), tuple(edges), traced=False)


def _image_node(network: Network) -> BlockNode:
    return BlockNode(IMAGE, "image", (), (), (network.channels, *network.input_size))


def _shape(layer: Layer) -> tuple[int, ...]:
    return (layer.channels, *(layer.size or ()))


class _GraphReader:
    """Reads the graph of blocks from the traced operations of a network."""

    def __init__(self, network: Network, traced: Trace) -> None:
        self.network, self.traced = network, traced
        by_name = {layer.node: layer for layer in network.layers}
        self.layers: dict[fx.Node, Layer] = {
            node: by_name[name] for node, name in traced.names.items() if name in by_name
        }
        self.image = next(node for node in traced.graph.nodes if node.op == "placeholder")
        # For each operation, the nearest layers that it is computed from.
        self.inputs = _reads(traced.graph, {*self.layers, self.image})
        self.users: dict[fx.Node, list[fx.Node]] = {node: [] for node in self.inputs}
        for node in self.layers:
            for source in self.inputs[node]:
                self.users[source].append(node)
        # Layers whose blocks are modules with several operations, and these blocks.
        self.blocks = [it.name for it in network.shown if it.node.startswith(f"{it.name}.")]

    def graph(self, detailed: bool) -> BlockGraph:
        """Return the graph, with the branches inside blocks or with one node for each block."""
        chosen, folded = self._choose(detailed)
        reads = _reads(self.traced.graph, {*chosen, self.image})
        contents = self._contents(chosen, folded)
        nodes = [_image_node(self.network)]
        nodes += [self._node(node, contents[node], folded, detailed) for node in chosen]
        names = {node: self.layers[node].name for node in chosen} | {self.image: IMAGE}
        pairs = [(names[source], names[node]) for node in chosen for source in reads[node]]
        return BlockGraph(tuple(nodes), tuple(_edges(pairs)))

    def _choose(self, detailed: bool) -> tuple[list[fx.Node], dict[fx.Node, fx.Node]]:
        """Return the layers that are nodes, and by pooling layer the node that it follows."""
        chosen: list[fx.Node] = []
        folded: dict[fx.Node, fx.Node] = {}
        computed, learned = {self.image}, set[fx.Node]()
        for node, layer in self.layers.items():
            inputs, users = self.inputs[node], self.users[node]
            if not computed.intersection(inputs):
                continue  # computed from parameters only, such as the token of a transformer
            computed.add(node)
            if self._has_weights(node) or learned.intersection(inputs):
                learned.add(node)
            elif not layer.shown:
                continue  # preprocessing of the image
            if layer.shown:
                chosen.append(node)
            elif self._follows(node) and (inputs[0] in folded or inputs[0] in chosen):
                folded[node] = folded.get(inputs[0], inputs[0])
            elif detailed and users and self._ends_a_chain(node, users):
                chosen.append(node)
        return chosen, folded

    def _has_weights(self, node: fx.Node) -> bool:
        part = self._operation(node)
        if isinstance(part, nn.Module):
            return any(True for _ in part.parameters())
        return any(it.op == "get_attr" for it in node.all_input_nodes)

    def _follows(self, node: fx.Node) -> bool:
        """Whether a layer only pools or flattens a layer that nothing else reads."""
        inputs = self.inputs[node]
        alone = len(inputs) == 1 and len(self.users[inputs[0]]) == 1
        return alone and is_transparent(self.traced, node)

    def _ends_a_chain(self, node: fx.Node, users: Sequence[fx.Node]) -> bool:
        (first, *others) = users
        joined = len(self.inputs[first]) > 1
        return bool(others) or joined or self._block(node) != self._block(first)

    def _contents(
        self, chosen: Collection[fx.Node], folded: Mapping[fx.Node, fx.Node]
    ) -> dict[fx.Node, list[fx.Node]]:
        """Return, by chosen layer, the operations of its node in the order of execution."""
        owners: dict[fx.Node, fx.Node] = {}
        for node in reversed(self.traced.graph.nodes):
            if node in chosen:
                owners[node] = node
            elif node in folded:
                owners[node] = folded[node]
            else:
                owned = (owners[it] for it in node.users if it in owners and it not in folded)
                owners.update((node, it) for it in list(owned)[:1])
        contents: dict[fx.Node, list[fx.Node]] = {node: [] for node in chosen}
        for node in self.traced.graph.nodes:
            if node in owners:
                contents[owners[node]].append(node)
        return contents

    def _node(
        self,
        node: fx.Node,
        contents: Collection[fx.Node],
        folded: Collection[fx.Node],
        detailed: bool,
    ) -> BlockNode:
        layer, block = self.layers[node], self._block(node)
        own = [it for it in contents if it not in folded]
        operations = [(self._operation(it), len(self.inputs[it]) > 1) for it in own]
        kind, kernels = _kind_of(operations)
        if not detailed and block:
            kind, kernels = "block", ()
        inside = tuple(self.layers[it].name for it in contents if it in self.layers)
        part = self.network.module.get_submodule(block) if block else None
        class_name = "" if part is None else type(part).__name__
        return BlockNode(layer.name, kind, kernels, inside, _shape(layer), block, class_name)

    def _operation(self, node: fx.Node) -> Any:
        if node.op == "call_module":
            return self.traced.parts[str(node.target)]
        return function_name(node) if node.op in ("call_function", "call_method") else None

    def _block(self, node: fx.Node) -> str:
        """Return the path of the shown block that a layer is in; "" for none."""
        name = self.traced.names[node]
        return next((it for it in self.blocks if name.startswith(f"{it}.")), "")


def _reads(graph: fx.Graph, stops: Collection[fx.Node]) -> dict[fx.Node, tuple[fx.Node, ...]]:
    """Return, for each operation, the nearest of ``stops`` that its value is computed from.

    What only asks for the shape of a tensor does not read the tensor.
    """
    reads: dict[fx.Node, tuple[fx.Node, ...]] = {}
    for node in graph.nodes:
        found: dict[fx.Node, None] = {}
        if not _asks_shape(node):
            for source in node.all_input_nodes:
                found.update(dict.fromkeys((source,) if source in stops else reads[source]))
        reads[node] = tuple(found)
    return reads


def _asks_shape(node: fx.Node) -> bool:
    name = function_name(node)
    return name in ("size", "dim") or (name == "getattr" and node.args[1] in ("shape", "ndim"))


def _kind_of(
    operations: Iterable[tuple[Any, bool]],
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the kind of a node, and the kernels of its convolutions.

    Args:
        operations: for each operation of the node a module, or the name of a function, and whether
            it reads several layers.
    """
    kinds, kernels = set(), []
    for operation, joins in operations:
        name = operation if isinstance(operation, str) else type(operation).__name__
        kinds |= {
            kind
            for kind, names in KINDS.items()
            if name in names and (joins or kind not in JOINING)
        }
        if isinstance(operation, nn.Conv2d):
            height, width = operation.kernel_size
            kernels.append((height, width))
    return next((kind for kind in KINDS if kind in kinds), "other"), tuple(kernels)


def _edges(pairs: Sequence[tuple[str, str]]) -> list[BlockEdge]:
    """Return edges, and for each whether another path connects its ends.

    Args:
        pairs: (source, target) of the edges; every source is the target of an earlier pair, or the
            image.
    """
    before: dict[str, set[str]] = {IMAGE: set()}
    for source, target in pairs:
        before.setdefault(target, set()).update({source}, before[source])
    bypassed = {(far, target) for near, target in pairs for far in before[near]}
    return [BlockEdge(source, target, (source, target) in bypassed) for source, target in pairs]
