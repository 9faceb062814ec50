"""The diagram of a network on the Layers page: its blocks, with activation maps of a picture."""

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from core.analysis import activation_maps, probe, unit_labels
from core.analysis.activation_maps import ActivationMap
from core.images import image_io
from core.networks import Network
from core.networks.block_graph import IMAGE, BlockGraph, BlockNode, block_graph
from core.networks.known_networks import title_of
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.text import formatting, layer_summary, neuron_names
from explorer.ui import image_picker, link_problems, server_state, url_controls, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.node_graph import GraphEdge, GraphNode, node_graph
from explorer.ui.image_picker import PickedImage
from explorer.ui.page_opener import OpenPage

SAMPLE = "village"
# Word in the URL that opens the diagram, and the words for the maps that it shows.
OPEN = "open"
ONE = "one"
MAPS: Mapping[str, str] = {"": "All neurons", ONE: "One neuron"}
EXPLAINED: Mapping[str, str] = {
    "": "Each map shows where in the picture a layer responds: bright is strong (mean of all its "
    "neurons).",
    ONE: "Each map is that of one neuron: the one of its layer whose response differs most from "
    "place to place.",
}
# Longest side of a map in pixels, and of the input image; larger maps are reduced.
MAP_PIXELS, IMAGE_PIXELS = 96, 160
# Number of networks and pictures whose maps stay in memory.
DIAGRAMS_AT_MOST, GRAPHS_AT_MOST = 16, 8
# Colours of the least and the highest value of a map; the colour of the layer's depth is between.
DARK, BRIGHT = (18, 20, 28), (255, 252, 240)
# What a block does, in words for everybody.
WORDS: Mapping[str, str] = {
    "convolution": "convolution",
    "attention": "attention",
    "fully connected": "fully connected",
    "concatenation": "joined",
    "sum": "added",
    "product": "multiplied",
    "pooling": "pooled",
    "block": "block",
    "other": "other",
}


@dataclass(frozen=True)
class DrawnMap:
    """The activation map of one layer as a picture.

    Attributes:
        url: the picture.
        unit: the unit whose map it is; None for the mean over all units.
    """

    url: str
    unit: int | None


@dataclass(frozen=True)
class DrawnMaps:
    """What the diagram shows of a picture.

    Attributes:
        maps: the activation maps, by name of the layer; ``IMAGE`` for the network's input.
        answer: the likeliest class, and its probability in words; None without logits.
    """

    maps: Mapping[str, DrawnMap]
    answer: tuple[str, str] | None


def is_open() -> bool:
    """Whether the URL asks for the diagram rather than for a layer."""
    return st.query_params.get("diagram") == OPEN


def show_switch(network: Network) -> None:
    """Show the button that opens the diagram, or closes it again."""
    opened = is_open()
    place = {"network": network.name, "picture": st.query_params.get("picture")}
    st.button(
        "Back to the neurons" if opened else "See the whole network",
        key="diagram",
        icon=":material/arrow_back:" if opened else ":material/account_tree:",
        on_click=lambda: urls.go_to(**place, diagram=None if opened else OPEN),
        width="stretch",
    )


def show(page: OpenPage) -> None:
    """Show the diagram; in the sidebar, show the choice of a picture."""
    network, problems = page.network, page.problems
    graph = graph_of(network)
    with page.sidebar:
        picked = image_picker.pick_image("picture", SAMPLE, problems)
    with st.container(key="layer-head", horizontal=True, vertical_alignment="center"):
        html_snippets.heading(title_of(network.name), describe(graph))
        how = url_controls.word_control("maps", MAPS, problems, "Activation maps")
    link_problems.show_problems(problems)
    drawn = draw_maps(network, picked, how)
    sizes = "" if how == ONE else explain_sizes(graph)
    st.caption(f"{EXPLAINED[how]} {sizes} Click one to see its layer.")
    nodes = [graph_node(network, node, graph, drawn) for node in graph.nodes]
    edges = [GraphEdge(it.source, it.target, skip=it.skip) for it in graph.edges]

    def pick(layer: str) -> None:
        urls.go_to(network=network.name, layer=layer, picture=st.query_params.get("picture"))

    if node_graph(nodes, edges, "network graph", f"The network {title_of(network.name)}", pick):
        st.rerun()
    for words in remarks(network, graph):
        st.caption(words)


@server_state.cached(GRAPHS_AT_MOST)
def graph_of(network: Network) -> BlockGraph:
    """Return the graph of a network's blocks, cached."""
    return block_graph(network)


@server_state.cached(DIAGRAMS_AT_MOST, "The picture goes through the network ...")
def draw_maps(network: Network, picked: PickedImage, how: str) -> DrawnMaps:
    """Return the activation maps of a picture in all blocks of a network, cached.

    Args:
        network: the network.
        picked: the picture.
        how: a word of ``MAPS``.
    """
    layers = [it.name for it in graph_of(network).nodes if it.name != IMAGE]
    result = probe.probe_image(network, picked.picture, layers=layers)
    make = activation_maps.most_varied_map if how == ONE else activation_maps.mean_map
    maps = {
        name: colour_map(make(result.activations[name]), network.layer(name).depth)
        for name in layers
    }
    seen = image_io.resize_longer_side(image_io.to_picture(result.image), IMAGE_PIXELS)
    maps[IMAGE] = DrawnMap(thumbnails.encode_url(seen, thumbnails.THUMBNAIL_QUALITY), None)
    answers = [(name, formatting.probability(share)) for name, share in result.classes]
    return DrawnMaps(maps, next(iter(answers), None))


def colour_map(found: ActivationMap, depth: float) -> DrawnMap:
    """Return a map as a picture in the colour of its layer's depth: dark, coloured, bright."""
    picture = Image.fromarray(found.values.mul(255).round().byte().numpy())
    if max(picture.size) > MAP_PIXELS:
        picture.thumbnail((MAP_PIXELS, MAP_PIXELS), Image.Resampling.BOX)
    picture.putpalette(_palette(depth_colours.depth_colour(depth)))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return DrawnMap(thumbnails.data_url(buffer.getvalue(), "png"), found.unit)


@functools.cache
def _palette(colour: str) -> bytes:
    """Return 256 RGB colours from ``DARK`` through a colour to ``BRIGHT``."""
    middle = tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))
    ramp = [
        round(low + (high - low) * (step / 128 % 1))
        for step in range(256)
        for low, high in zip(*((DARK, middle) if step < 128 else (middle, BRIGHT)), strict=True)
    ]
    return bytes(ramp)


def graph_node(network: Network, node: BlockNode, graph: BlockGraph, drawn: DrawnMaps) -> GraphNode:
    """Return a block as a node of the drawing."""
    found = drawn.maps[node.name]
    if node.name == IMAGE:
        size = layer_summary.times((node.shape[1], node.shape[2]))
        label = f"the picture, {size} px"
        return GraphNode(IMAGE, label, "picture", size, found.url, fixed=True, smooth=True)
    layer = network.layer(node.name)
    alone = sum(it.block == node.block for it in graph.nodes) == 1
    boxed = bool(node.block) and not alone
    title, note = describe_kind(node) if boxed else node.name, describe_shape(node)
    if layer == network.class_layer and drawn.answer is not None:
        note = " ".join(drawn.answer)
    elif found.unit is not None:
        name = unit_labels.unit_name(network, layer, found.unit)
        note = neuron_names.short_name(found.unit, name)
    sources = [it.source or "the picture" for it in graph.edges if it.target == node.name]
    kind = f"convolution {describe_kind(node)}" if node.kernels else describe_kind(node)
    label = (
        f"{node.name}: {kind}, {describe_shape(node)}, from {' and '.join(sources)}; "
        f"computes {', '.join(node.layers)}"
    )
    return GraphNode(
        id=node.name,
        label=label,
        title=title,
        note=note,
        picture=found.url,
        colour=depth_colours.depth_colour(layer.depth),
        group=f"{node.block} \N{MIDDLE DOT} {node.block_class}" if boxed else "",
    )


def describe_kind(node: BlockNode) -> str:
    """Return what a block does, such as ``3 x 3, 3 x 3`` for two convolutions, or ``added``."""
    if node.kind == "convolution" and node.kernels:
        return ", ".join(map(layer_summary.times, node.kernels))
    return node.block_class if node.kind == "block" else WORDS[node.kind]


def describe_shape(node: BlockNode) -> str:
    """Return the number and the size of a block's maps, such as ``64 of 56 x 56``."""
    channels, *size = node.shape
    return (
        f"{channels} of {layer_summary.times((size[0], size[1]))}"
        if size
        else f"{channels} neurons"
    )


def describe(graph: BlockGraph) -> str:
    """Return a sentence on how a network is built."""
    skips = sum(edge.skip for edge in graph.edges)
    words = f"{len(graph.nodes) - 1} stages from the picture to the answer"
    how = "1 connection (orange) skips" if skips == 1 else f"{skips} connections (orange) skip"
    return f"{words}; {how} some of them." if skips else f"{words}."


def explain_sizes(graph: BlockGraph) -> str:
    """Return a sentence on the sizes beneath the maps, with those of the first layer."""
    node = next((it for it in graph.nodes[1:] if len(it.shape) == 3), None)
    if node is None:
        return ""
    channels, *size = node.shape
    values = layer_summary.times((size[0], size[1]))
    return f'"{describe_shape(node)}" means {channels} neurons with maps of {values} values each.'


def remarks(network: Network, graph: BlockGraph) -> list[str]:
    """Return sentences on what the drawing does not show."""
    found = []
    if not graph.traced:
        found.append(
            f"How the layers of {formatting.escape_markdown(network.name)} are connected cannot be "
            "read from its code; they are drawn in the order in which they are computed."
        )
    if graph.left_out:
        found.append(f"{graph.left_out} connections that skip layers are not drawn.")
    return found
