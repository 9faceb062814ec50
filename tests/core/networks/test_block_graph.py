"""The graph of blocks, against hand-written graphs and networkx."""

import itertools

import networkx
import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from core.networks import block_graph, registry
from core.networks.block_graph import IMAGE, BlockGraph, BlockNode
from core.networks.network import Network
from tests.conftest import as_network


def arrows(graph: BlockGraph) -> dict[str, list[str]]:
    """Return, by the name of each node, the names of the nodes that it reads."""
    return {
        node.name: [edge.source for edge in graph.edges if edge.target == node.name]
        for node in graph.nodes
    }


def by_name(graph: BlockGraph) -> dict[str, BlockNode]:
    return {node.name: node for node in graph.nodes}


def torchvision(name: str, **settings: bool) -> Network:
    return as_network(models.get_model(name, weights=None, **settings).eval(), (64, 72))


def check(network: Network, graph: BlockGraph) -> None:
    """Check what is true of every graph of a traced network."""
    names = [node.name for node in graph.nodes]
    assert names[0] == IMAGE and len(set(names)) == len(names)
    assert {layer.name for layer in network.shown} <= set(names)
    inside = [layer for node in graph.nodes for layer in node.layers]
    assert len(set(inside)) == len(inside)
    assert all(node.name in node.layers for node in graph.nodes[1:])
    order = {name: place for place, name in enumerate(names)}
    assert all(order[edge.source] < order[edge.target] for edge in graph.edges)
    drawn = networkx.DiGraph([(edge.source, edge.target) for edge in graph.edges])
    needed = networkx.transitive_reduction(drawn).edges
    assert {(it.source, it.target) for it in graph.edges if not it.skip} == set(needed)
    assert networkx.descendants(drawn, IMAGE) == set(names[1:])


def test_sketchnet_is_a_chain_in_which_pooling_belongs_to_the_layer_before() -> None:
    network = registry.load(registry.SKETCHNET)
    graph = block_graph.block_graph(network)
    check(network, graph)
    names = [layer.name for layer in network.shown]
    before = dict(itertools.pairwise([IMAGE, *names]))
    assert arrows(graph) == {IMAGE: []} | {after: [it] for it, after in before.items()}
    assert graph.traced and not any(edge.skip or edge.source == "pool1" for edge in graph.edges)
    second = by_name(graph)["relu1b"]
    assert second == BlockNode(
        "relu1b", "convolution", ((3, 3),), ("conv1b", "relu1b", "pool1"), (24, 64, 64)
    )
    assert by_name(graph)["logits"].kind == "fully connected"
    assert by_name(graph)["logits"].shape == (72,)


def test_a_fire_module_has_two_branches() -> None:
    network = torchvision("squeezenet1_0")
    graph = block_graph.block_graph(network)
    check(network, graph)
    nodes, reads = by_name(graph), arrows(graph)
    branches = ["features.3.expand1x1_activation", "features.3.expand3x3_activation"]
    assert reads["features.3.squeeze_activation"] == ["features.1"]
    assert all(reads[it] == ["features.3.squeeze_activation"] for it in branches)
    assert reads["features.3"] == branches
    assert [nodes[it].kernels for it in branches] == [((1, 1),), ((3, 3),)]
    joined = nodes["features.3"]
    assert (joined.kind, joined.block) == ("concatenation", "features.3")
    assert joined.block_class == "Fire"
    size = network.layer("features.3").size
    assert size is not None and joined.shape == (128, *size)
    assert len(graph.nodes) == 4 + 8 * 4


def test_resnet_has_skip_connections_and_projections() -> None:
    network = torchvision("resnet18")
    graph = block_graph.block_graph(network)
    check(network, graph)
    reads = arrows(graph)
    skips = {(edge.source, edge.target) for edge in graph.edges if edge.skip}
    assert skips == {
        ("relu", "layer1.0"),
        *((f"layer{stage}.0", f"layer{stage}.1") for stage in (1, 2, 3, 4)),
    }
    for stage in (2, 3, 4):
        assert set(reads[f"layer{stage}.0"]) == {
            f"layer{stage}.0.bn2",
            f"layer{stage}.0.downsample.1",
        }
    assert by_name(graph)["layer1.0"].kind == "sum"
    assert by_name(graph)["layer1.0.bn2"].kernels == ((3, 3), (3, 3))
    assert by_name(graph)["relu"].layers == ("conv1", "bn1", "relu", "maxpool")


def test_an_inception_module_has_four_branches() -> None:
    network = torchvision("googlenet", init_weights=False, aux_logits=False, transform_input=True)
    graph = block_graph.block_graph(network)
    check(network, graph)
    reads, nodes = arrows(graph), by_name(graph)
    assert reads["conv1"] == [IMAGE]  # the network's own normalisation of the image is no node
    joined = [node.name for node in graph.nodes if node.kind == "concatenation"]
    assert len(joined) == 9
    for name in joined:
        assert len(reads[name]) == 4
        (source,) = {it for branch in reads[name] for it in reads[branch]}
        assert source in nodes
    kernels = [nodes[it].kernels for it in reads["inception4a"]]
    assert kernels == [((1, 1),), ((1, 1), (3, 3)), ((1, 1), (3, 3)), ((1, 1),)]
    pooled = nodes[reads["inception4a"][3]]
    assert pooled.layers[0] == "inception4a.branch4.0"


def test_a_large_graph_has_one_node_for_each_block() -> None:
    network = torchvision("resnet18")
    graph = block_graph.block_graph(network, nodes_at_most=21)
    check(network, graph)
    assert [node.name for node in graph.nodes[1:]] == [layer.name for layer in network.shown]
    block = by_name(graph)["layer2.0"]
    assert (block.kind, block.block_class) == ("block", "BasicBlock")
    assert {"layer2.0.conv1", "layer2.0.downsample.0"} <= set(block.layers)
    assert not any(edge.skip for edge in graph.edges)


class Fan(nn.Module):
    """One sum of many convolutions, each of which also reads the one before it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(count))

    def forward(self, image: Tensor) -> Tensor:
        seen = [image]
        for conv in self.convs:
            seen.append(torch.relu(conv(torch.stack(seen).sum(0))))
        return seen[-1]


def test_too_many_skip_connections_are_left_out_and_counted() -> None:
    network = as_network(Fan(9).eval())
    graph = block_graph.block_graph(network)
    assert len(graph.nodes) == 10
    assert graph.left_out == 10 * 9 // 2 - 9
    assert arrows(graph) == {
        node.name: [before.name] for before, node in itertools.pairwise(graph.nodes)
    } | {IMAGE: []}
    few = block_graph.block_graph(as_network(Fan(3).eval()))
    assert few.left_out == 0 and len(few.edges) == 6


class Undecided(nn.Module):
    """A network whose control flow depends on the image, so that it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)
        self.act = nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        seen = self.one(image)
        if seen.sum() > 1e9:
            seen = -seen
        return self.act(self.other(seen))  # type: ignore[no-any-return]


def test_a_network_that_cannot_be_traced_is_a_chain() -> None:
    network = as_network(Undecided().eval())
    graph = block_graph.block_graph(network)
    names = [IMAGE, *(layer.name for layer in network.shown)]
    assert not graph.traced
    assert [node.name for node in graph.nodes] == names
    assert [(it.source, it.target) for it in graph.edges] == list(itertools.pairwise(names))


def test_asking_for_a_shape_is_no_connection() -> None:
    class Reshaped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
            self.act = nn.ReLU()

        def forward(self, image: Tensor) -> Tensor:
            seen = self.act(self.one(image))
            later = torch.sigmoid(self.other(seen))
            return later.view(seen.size(0), seen.shape[1], -1).view(seen.shape).relu()

    graph = block_graph.block_graph(as_network(Reshaped().eval()))
    assert all(len(sources) <= 1 for sources in arrows(graph).values())


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "convnext_tiny"])
def test_other_networks(name: str) -> None:
    network = torchvision(name)
    check(network, block_graph.block_graph(network))
