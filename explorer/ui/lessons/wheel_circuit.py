"""Lesson 9: a neuron of wheels is built from neurons before it; a connection can be cut."""

from collections.abc import Sequence

import streamlit as st

from core.analysis import circuit_meter, unit_labels
from core.analysis.circuits import CircuitEdge
from core.errors import ExplorerError, of_sentence
from core.experiments import wheel_measures
from core.networks import Layer, Network, depth_sampling
from core.networks.unit_graph import UnitGraph, UnitRef
from explorer.charts.kernel_pictures import kernel_picture
from explorer.reports import html_report
from explorer.text import neuron_names
from explorer.text.formatting import percent
from explorer.ui import job_status, link_problems, page_list, server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.figure_row import CaptionedImage, figure_row
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.layers import small_pictures
from explorer.ui.layers.small_pictures import SmallPictures
from explorer.ui.lessons import feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import MeasuredAnswer

FIRST_DEPTH = 0.91
# Drawings of wheels that are shown, and the sides of pictures in pixels.
SHOWN, PIXELS = 3, 192
COLUMNS = 4
GUESSES = ("under 5%", "5 to 25%", "25 to 50%", "over 50%")
ENDS = (0.05, 0.25, 0.5)


def stage(context: LessonContext) -> None:
    """Show a neuron of wheels, the neurons that it reads, and wheels with one of them cut."""
    network = context.network
    layers = _readable_layers(network)
    layer = lesson_context.layer_slider(context, layers, _usual(layers))
    unit, edges = built_from(network, layer.name)
    cut = _chosen_cut(context, edges)
    units = list(dict.fromkeys([UnitRef(layer.name, unit), *(it.source for it in edges)]))
    by_layer = {
        name: [it.unit for it in units if it.layer == name]
        for name in dict.fromkeys(it.layer for it in units)
    }
    pictures = {
        name: small_pictures.plan_small_pictures(network, network.layer(name), some)
        for name, some in by_layer.items()
    }

    def show(previews: job_status.Previews) -> None:
        own = pictures[layer.name].tile(unit, previews, PIXELS)
        _show_neuron(context, layer, unit, own, None if cut is None else edges[cut])
        _show_inputs(network, pictures, edges, cut, previews)

    recipes = [recipe for it in pictures.values() for recipe in it.recipes]
    lesson_context.show_recipes(context, "wheel", recipes, show)
    query = {"network": network.name, "layer": layer.name, "unit": str(unit)}
    page_list.page_link(urls.NEURON, "Open this neuron", **query)


def layers_of(network: Network) -> list[Layer]:
    """Return the layers to choose from: those that read other layers, without the logits."""
    if network.trace is None:
        return []
    graph = UnitGraph(network.layers, network.trace)
    return [it for it in network.shown if it != network.class_layer and graph.layers_read(it)]


def _readable_layers(network: Network) -> list[Layer]:
    """Return the layers to choose from.

    Raises:
        ExplorerError: there is none.
    """
    layers = layers_of(network)
    if not layers:
        raise of_sentence(circuit_meter.unreadable(network))
    return layers


def _usual(layers: Sequence[Layer]) -> int:
    return depth_sampling.nearest_to_depth(layers, FIRST_DEPTH)


def chosen_layer(network: Network) -> Layer:
    """Return the layer that the URL names, or that at which the slider begins."""
    layers = _readable_layers(network)
    names = [it.name for it in layers]
    return layers[names.index(urls.one_of("layer", names, names[_usual(layers)], []))]


@server_state.cached(32, "Looking for the neuron of wheels ...")
def built_from(network: Network, layer: str) -> tuple[int, tuple[CircuitEdge, ...]]:
    """Return the unit of a layer that responds most to wheels, and its strongest inputs, cached.

    Raises:
        ExplorerError: the unit is connected to no other unit.
    """
    found = network.layer(layer)
    unit = wheel_measures.unit_of_wheels(network, found)
    edges = wheel_measures.strongest_inputs(network, found, unit)
    if not edges:
        raise ExplorerError(f"neuron {unit} of {layer} is connected to no other neuron")
    return unit, edges


def _chosen_cut(context: LessonContext, edges: Sequence[CircuitEdge]) -> int | None:
    """Return the number of the connection that the URL cuts; None for none."""
    with link_problems.collect(context.problems):
        named = urls.number("cut", (0, wheel_measures.INPUTS - 1))
        return None if named is None else min(named, len(edges) - 1)
    return None


def _show_neuron(
    context: LessonContext, layer: Layer, unit: int, tile: PictureTile, edge: CircuitEdge | None
) -> None:
    """Show the picture of a neuron beside wheels, with what it loses if a connection is cut.

    Args:
        context: the lesson.
        layer, unit: the neuron.
        tile: the tile of its picture.
        edge: the connection that is cut; None for none.
    """
    network = context.network
    name = _name(network, UnitRef(layer.name, unit))
    images = [CaptionedImage(name, tile.picture, (f"of {layer.name}",))]
    for at, url in enumerate(wheel_urls(network)):
        words = "with all connections"
        if edge is not None:
            words = change_text(cut_shares(network, layer.name, edge)[at])
        images.append(CaptionedImage("a wheel", url, (words,)))
    cut = "" if edge is None else f", with the connection to {_name(network, edge.source)} cut"
    html_snippets.side_heading(f"The neuron that responds most to wheels{cut}")
    figure_row(images)


def change_text(share: float) -> str:
    """Return in words how much weaker a unit responds, such as ``responds 19% weaker``."""
    if abs(share) < 0.005:
        return "responds as before"
    return f"responds {percent(abs(share))} {'weaker' if share > 0 else 'more strongly'}"


@server_state.cached(4)
def wheel_urls(network: Network) -> list[str]:
    """Return the URL of each wheel that the lesson shows, cached."""
    return lesson_context.picture_urls(wheel_measures.wheels(network, SHOWN), PIXELS)


@server_state.cached(128)
def cut_shares(network: Network, layer: str, edge: CircuitEdge) -> Sequence[float]:
    """Return for each wheel by which share the neuron responds weaker with an edge cut, cached.

    Args:
        network: the network.
        layer: name of the neuron's layer, by which results are told apart, too.
        edge: the connection.
    """
    pictures = wheel_measures.wheels(network, SHOWN)
    return wheel_measures.cut_for_each(network, edge, pictures)


def _show_inputs(
    network: Network,
    pictures: dict[str, SmallPictures],
    edges: Sequence[CircuitEdge],
    cut: int | None,
    previews: job_status.Previews,
) -> None:
    """Show the neurons that a neuron reads, each with the kernel of the connection."""
    layers = " and ".join(dict.fromkeys(it.source.layer for it in edges))
    html_snippets.side_heading(f"It reads these neurons of {layers}: choose one to cut it off")
    st.caption(
        "Beside each neuron are the weights of its connection, the kernel: orange excites, blue "
        "inhibits, pale is weak. Names come from drawings, and need not fit the pictures."
    )
    tiles = []
    for at, edge in enumerate(edges):
        name = _name(network, edge.source)
        tile = pictures[edge.source.layer].tile(edge.source.unit, previews, PIXELS)
        words = "not cut"
        if at == cut:
            words = f"cut: {change_text(edge.measured or 0.0)}"
        tiles.append(
            PictureTile(
                str(at),
                f"{name}, {words}",
                tile.picture,
                caption=name,
                detail=words,
                preview=tile.preview,
                chosen=at == cut,
                opens=True,
                beside=html_report.encode_png_url(kernel_picture(edge.kernel)),
            )
        )
    clicked = tile_grid(
        tiles,
        "wheel inputs",
        f"Neurons of {layers} that the neuron of wheels reads",
        lambda it: urls.update_query(cut=None if it == str(cut) else it),
        COLUMNS,
        pairs=True,
    )
    if clicked:
        st.rerun()


def _name(network: Network, unit: UnitRef) -> str:
    label = unit_labels.unit_name(network, network.layer(unit.layer), unit.unit)
    return neuron_names.short_name(unit.unit, label)


def choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all layers that the lesson offers."""
    return [{"layer": it.name} for it in layers_of(network)]


def options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: ranges of a share."""
    return GUESSES


def answer(context: LessonContext) -> MeasuredAnswer:
    """Measure how much weaker the neuron responds to wheels if its strongest input is cut."""
    network = context.network
    layer = chosen_layer(network)
    unit, edges = built_from(network, layer.name)
    measured = {_name(network, it.source): it.measured or 0.0 for it in edges}
    predicted = {_name(network, it.source): it.predicted for it in edges}
    first = max(measured, key=lambda name: measured[name])
    share = measured[first]
    others = sum(1 for it in measured.values() if it > 0) - 1
    return MeasuredAnswer(
        guess_of(share),
        f"Without {first}, neuron {unit} of {layer.name} responds {percent(share)} weaker to "
        f"wheels. {others} of the {len(edges) - 1} other strong inputs excite it, too; predicted "
        f"from the weights were {percent(predicted[first])}.",
        {"measured": measured, "predicted": predicted},
        percent,
        feedback.by_option(dict.fromkeys(GUESSES, f"Without {first}, it is {percent(share)}.")),
        "The reason: a wheel has a rim, spokes and a hub. Several neurons respond to each of them.",
    )


def guess_of(share: float) -> str:
    """Return the answer that fits a share, such as ``5 to 25%`` for 0.19."""
    return next((it for it, end in zip(GUESSES, ENDS, strict=False) if share < end), GUESSES[-1])
