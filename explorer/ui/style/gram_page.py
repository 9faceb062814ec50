"""The parts of the view "Which neurons fire together" of the page Styles by layer.

It shows the Gram matrices of a layer for a style and a content image, and pairs of units.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial

import streamlit as st
from torch.nn import functional

from core.analysis import unit_labels
from core.images import image_io
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from core.style.gram_matrix import ChannelCorrelations
from explorer.text.formatting import percent
from explorer.ui import chart, job_requests, job_status, link_problems, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.layers import small_pictures
from explorer.ui.layers.small_pictures import SmallPictures, plan_small_pictures
from explorer.ui.probe import heatmaps
from explorer.ui.style import gram_view, style_view
from explorer.ui.style.gram_view import IMAGE_PIXELS, PAIRS, GramView, Pair

TILE_PIXELS = 160
# Side of a matrix in pixels.
SIDE = 420
# Exponent that is applied to activations in overlays. It is below 1, so that weak activations are
# visible, too.
GAMMA = 0.7

TileOf = Callable[[int], PictureTile]


def show_layer(
    network: Network, content: PickedImage, style: PickedImage, problems: list[str]
) -> None:
    """Show which units of a layer are active together; the URL names the layer."""
    layer = gram_view.layer_of(network, problems)
    view = gram_view.read_view(network, layer, content, style)
    pair = gram_view.pair_of(view, problems)
    link_problems.show_problems(problems)
    show_layer_slider(network, layer)
    requests = job_requests.JobRequests()
    show_pairs(network, view, pair, requests)
    small_pictures.request_examples(requests, network, style_view.style_layers(network))
    requests.settle()


def show_layer_slider(network: Network, selected: Layer) -> None:
    """Show a slider that chooses the layer.

    Args:
        network: the network.
        selected: the layer that is selected now.
    """
    layers = style_view.style_layers(network)
    if selected not in layers:
        layers = [it for it in network.layers if it in (*layers, selected)]

    def pick(layer: str) -> None:
        urls.update_query(layer=layer, pair=None)

    if small_pictures.example_slider(network, layers, selected, "together slider", pick):
        st.rerun()


def show_pairs(
    network: Network, view: GramView, pair: Pair, requests: job_requests.JobRequests
) -> None:
    """Show both Gram matrices, the selected pair of units, and ``gram_view.notable_pairs``."""
    names = unit_names(network, view.layer)
    pairs = gram_view.notable_pairs(view)
    units = {*pair, *(unit for some in pairs.values() for both in some for unit in both)}
    pictures = plan_small_pictures(network, view.layer, sorted(units))
    asked = requests.ask(pictures.recipes)
    html_snippets.section(
        "Style is which neurons fire together",
        f"Each square is a Gram matrix of the {len(view.order)} most active neurons of "
        f"{view.layer.name}, with a row and a column for each neuron. It is bright where two of "
        "them fire at the same places. Neurons that often fire together stand side by side, in "
        "the same order in both squares. Click a place to see its two neurons.",
    )
    sides = (("Style", view.style, view.painted), ("Content", view.content, view.seen))
    for column, (part, picked, found) in zip(st.columns(2), sides, strict=True):
        with column:
            html_snippets.side_heading(f"{part}: {picked.title}")
            _show_matrix(view, found, names, pair, f"{part.lower()} square", picked.title)

    def show(previews: job_status.Previews) -> None:
        tile_of = partial(_tile, pictures, previews)
        _show_pair(network, view, pair, names, tile_of)
        for title, some in pairs.items():
            html_snippets.side_heading(title)
            tiles = [_pair_tile(view, it, names, tile_of, pair) for it in some]
            label = f"{title}, {view.layer.name} in {title_of(network.name)}"
            if tile_grid(tiles, f"pairs {title}", label, choose_pair, PAIRS, pairs=True):
                st.rerun()

    job_status.show_while_running("together", asked, percent, show, stop=False)


def unit_names(network: Network, layer: Layer) -> list[str]:
    """Return a name for every unit of a layer: ``12 (eye)``, or ``12`` without a label."""
    labels = (unit_labels.unit_name(network, layer, unit) for unit in range(layer.channels))
    return [f"{unit} ({it})" if it else str(unit) for unit, it in enumerate(labels)]


def choose_pair(pair: str) -> None:
    """Write a pair of units, such as ``3,17``, into the URL."""
    urls.update_query(pair=pair)


def _show_matrix(
    view: GramView,
    found: ChannelCorrelations,
    names: Sequence[str],
    pair: Pair,
    key: str,
    title: str,
) -> None:
    """Show the correlations in one image; a click in a cell chooses its pair."""
    order = list(view.order)

    def pick(cell: str) -> None:
        one, other = (order[int(at)] for at in cell.split())
        choose_pair(f"{one},{other}")

    chart.show_square(
        found.cosines[order][:, order].numpy(),
        [names[unit] for unit in order],
        f"{key} {view.layer.name} {view.style.name} {view.content.name}",
        f"{view.layer.name}-{key}-together".replace(" ", "-"),
        f"Which neurons of {view.layer.name} fire together in {title}",
        SIDE,
        (order.index(pair[0]), order.index(pair[1])) if set(pair) <= set(order) else None,
        pick,
    )


def _show_pair(
    network: Network, view: GramView, pair: Pair, names: Sequence[str], tile_of: TileOf
) -> None:
    """Show for each unit of a pair its feature visualization and where it is active in the images.

    Args:
        network: the network.
        view: the correlations of the units in the style and the content image.
        pair: numbers of both units.
        names: names of all units of the layer, from ``unit_names``.
        tile_of: returns the tile of a unit's feature visualization.
    """
    layer = view.layer
    cosines = [float(it.cosines[pair]) for it in (view.painted, view.seen)]
    with st.container(key="pair"):
        html_snippets.heading(
            f"Neurons {' and '.join(names[unit] for unit in pair)}",
            f"Together {cosines[0]:.2f} in the painting, {cosines[1]:.2f} in the picture "
            "(1: always in the same places; 0: never). The pairs below have the same two numbers.",
            layer.depth,
        )
        for column, unit in zip(st.columns(2), pair, strict=True):
            tiles = [replace(tile_of(unit), id=f"neuron {unit}", caption=f"neuron {unit}")]
            for image, where in ((view.style, "painting"), (view.content, "picture")):
                label = f"Where neuron {unit} fires in the {where}"
                url = activation_overlay(network, image, layer.name, unit)
                tiles.append(PictureTile(f"{where} {unit}", label, url, caption=f"in the {where}"))
            label = f"Neuron {unit} of {layer.name} in {title_of(network.name)}"
            with column:
                clicked = tile_grid(
                    tiles, f"of {unit}", label, columns=len(tiles), set_key=view.style.name
                )
            if clicked is not None:
                urls.open_neuron(network.name, layer.name, int(clicked.split()[1]))


def _tile(pictures: SmallPictures, previews: job_status.Previews, unit: int) -> PictureTile:
    """Return a tile with the feature visualization of a unit."""
    name = unit_labels.unit_name(pictures.network, pictures.layer, unit)
    tile = pictures.tile(unit, name, previews, TILE_PIXELS)
    return replace(tile, caption=f"{unit} {name}".strip())


def _pair_tile(
    view: GramView, pair: Pair, names: Sequence[str], tile_of: TileOf, selected: Pair
) -> PictureTile:
    """Return a tile with the feature visualizations of two units side by side."""
    one, other = (tile_of(unit) for unit in pair)
    cosines = " | ".join(f"{float(it.cosines[pair]):.2f}" for it in (view.painted, view.seen))
    label = " and ".join(names[unit] for unit in pair)
    return PictureTile(
        id=f"{pair[0]},{pair[1]}",
        label=f"{label}: together {cosines}",
        picture=one.picture,
        beside=other.picture,
        title=label,
        caption=f"{pair[0]} and {pair[1]}: {cosines}",
        chosen=set(pair) == set(selected),
    )


@lru_cache(maxsize=256)
def activation_overlay(network: Network, picked: PickedImage, layer: str, unit: int) -> str:
    """Return a small copy of an image as a URL; it is darker where a unit is less active."""
    image = image_io.resize_longer_side(picked.picture, IMAGE_PIXELS)
    activation = network.activations(image_io.to_tensor(image), [layer])[layer][:, [unit]]
    size = (image.height, image.width)
    heat = functional.interpolate(activation.float().cpu(), size, mode="bilinear")[0, 0]
    return heatmaps.encoded(heatmaps.overlay(image, heat.clamp(min=0).pow(GAMMA)))
