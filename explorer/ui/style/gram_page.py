"""The parts of the view "Which neurons respond together" of the page Styles by layer.

It shows the Gram matrices of a layer for a style and a content image, and pairs of units.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import streamlit as st
from torch.nn import functional

from core.images import image_io
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from explorer.text.formatting import percent
from explorer.ui import chart, job_requests, job_status, link_problems, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.pair_matrix import TOGETHER, PairScale, difference_scale
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
    names = gram_view.unit_names(network, view.layer)
    pairs = gram_view.notable_pairs(view)
    units = {*pair, *(unit for some in pairs.values() for both in some for unit in both)}
    pictures = plan_small_pictures(network, view.layer, sorted(units))
    asked = requests.ask(pictures.recipes)
    html_snippets.section(
        "Style is which neurons respond together",
        f"The first two squares are Gram matrices of the {len(view.order)} most active neurons of "
        f"{view.layer.name}, with a row and a column for each. They are bright where two neurons "
        "respond at the same places, and the third square shows where they differ. Neurons that "
        "often respond together stand side by side. Click a cell to see its two neurons.",
    )
    order = list(view.order)
    painted, seen = (it.cosines[order][:, order].numpy() for it in (view.painted, view.seen))
    difference = painted - seen
    sides = (
        (f"Style: {view.style.title}", painted, TOGETHER),
        (f"Content: {view.content.title}", seen, TOGETHER),
        ("Difference", difference, difference_scale(difference, "the style", "the content")),
    )
    for column, (title, values, scale) in zip(st.columns(3), sides, strict=True):
        with column:
            html_snippets.side_heading(title)
            _show_matrix(view, values, names, pair, title, scale)

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


def choose_pair(pair: str) -> None:
    """Write a pair of units, such as ``3,17``, into the URL."""
    urls.update_query(pair=pair)


def _show_matrix(
    view: GramView,
    values: npt.NDArray[np.float32],
    names: Sequence[str],
    pair: Pair,
    title: str,
    scale: PairScale,
) -> None:
    """Show the values of all pairs of units; a click in a cell chooses its pair."""
    order = list(view.order)

    def pick(cell: str) -> None:
        one, other = (order[int(at)] for at in cell.split())
        choose_pair(f"{one},{other}")

    chart.show_square(
        values,
        [names[unit] for unit in order],
        f"{title} {view.layer.name} {view.style.name} {view.content.name}",
        f"{view.layer.name}-{title.split(':')[0].lower()}-together",
        f"Which neurons of {view.layer.name} respond together. {title}",
        SIDE,
        (order.index(pair[0]), order.index(pair[1])) if set(pair) <= set(order) else None,
        pick,
        scale,
    )


def _show_pair(
    network: Network, view: GramView, pair: Pair, names: Sequence[str], tile_of: TileOf
) -> None:
    """Show for each unit of a pair its feature visualization and where it is active in the images.

    Args:
        network: the network.
        view: the correlations of the units in the style and the content image.
        pair: numbers of both units.
        names: names of all units of the layer, from ``gram_view.unit_names``.
        tile_of: returns the tile of a unit's feature visualization.
    """
    layer = view.layer
    cosines = [float(it.cosines[pair]) for it in (view.painted, view.seen)]
    with st.container(key="pair"):
        html_snippets.heading(
            " and ".join(names[unit] for unit in pair).replace("neuron", "Neuron", 1),
            f"Together {cosines[0]:.2f} in the painting, {cosines[1]:.2f} in the picture "
            "(1: always in the same places; 0: never). The pairs below have the same two numbers.",
            layer.depth,
        )
        for column, unit in zip(st.columns(2), pair, strict=True):
            tiles = [replace(tile_of(unit), id=f"neuron {unit}", caption=f"neuron {unit}")]
            for image, where in ((view.style, "painting"), (view.content, "picture")):
                label = f"Where neuron {unit} responds in the {where}"
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
    return pictures.tile(unit, previews, TILE_PIXELS)


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
