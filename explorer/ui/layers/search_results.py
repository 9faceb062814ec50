"""The units that a search, a kind or an order shows on the Layers page."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from core.analysis import unit_labels
from core.analysis.unit_search import FoundUnit, UnitSearch
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from core.recipes.neuron import NeuronRecipe
from core.sketchnet.labels import CLEAR
from explorer import layer_pages
from explorer.text import formatting, glossary
from explorer.ui import index_picker, job_requests, job_status, link_problems, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile
from explorer.ui.layers import neuron_grid, search
from explorer.ui.layers.search import UnitQuery
from explorer.ui.layers.small_pictures import SmallPictures, plan_small_pictures
from explorer.ui.layers.unit_order import BY_PICTURE, NEEDS_INDEX, UnitOrder
from explorer.ui.url_controls import pager

# Tiles beside each other on a wide page: their captions are longer than those of a layer's grid.
ACROSS = 6
PER_PAGE = 60
# Of so many layers, pictures that are missing are drawn at the same time.
LAYERS_AT_ONCE = 4
BUTTONS_AT_MOST = 12


def show_results(network: Network, layer: Layer, query: UnitQuery, problems: list[str]) -> None:
    """Show the units that a query finds, and request the pictures that are missing.

    Args:
        network: the network.
        layer: the layer that the page shows without a query.
        query: what to find.
        problems: problems of the link; the first is shown.
    """
    index = index_picker.chosen_index(network, problems)
    found, order = search.find_units(network, layer.name, query, index)
    last, page = max(1, math.ceil(len(order.units) / PER_PAGE)), 1
    with link_problems.collect(problems):
        page = urls.number("results", (1, last)) or 1
    _show_head(network, layer, query, found)
    link_problems.show_problems(problems)
    if query.order in NEEDS_INDEX and index is None:
        st.caption("Not sorted yet: this order needs a collection of pictures.")
        index_picker.show_missing_index(network, "search", NEEDS_INDEX[query.order], ask=True)
    if query.order in NEEDS_INDEX:
        index_picker.index_selectbox(network)
    if not found.found:
        _show_ways_out(network, query)
        return
    units = order.units[(page - 1) * PER_PAGE : page * PER_PAGE]
    _show_notes(found, order, units, query)
    _show_units(network, query, order, units)
    if last > 1:
        first = (page - 1) * PER_PAGE + 1
        text = f"{first:,} to {first + len(units) - 1:,} of {len(order.units):,} neurons"
        pager("results", page, last, text, lambda to: urls.update_query(results=to))


def _show_head(network: Network, layer: Layer, query: UnitQuery, found: UnitSearch) -> None:
    """Show what was searched and how much was found, and a button back to the layer."""
    units = [it.named for it in found.found]
    layers = list(dict.fromkeys(it.layer for it in units))
    depths = [network.layer(it).depth for it in layers]
    neurons = "1 neuron" if len(units) == 1 else f"{len(units):,} neurons"
    where = layers[0] if len(layers) == 1 else f"{len(layers)} layers"
    title = query.text or layer.name
    if query.kind:
        title = f"{title}: {search.kind_title(query.kind).lower()}"
    problem = f"{found.problem[:1].upper()}{found.problem[1:]}."
    words = f"{neurons} in {where}." if units else problem
    with st.container(key="layer-head", horizontal=True, vertical_alignment="center"):
        html_snippets.heading(title, words, sum(depths) / len(depths) if depths else layer.depth)
        st.button(
            f"Back to {layer.name}",
            key="leave search",
            icon=":material/close:",
            type="tertiary",
            on_click=urls.go_to,
            kwargs={"network": network.name, "layer": layer.name},
        )
    if len(found.layers) > 1:
        with st.container(horizontal=True):
            for name in found.layers[:BUTTONS_AT_MOST]:
                go = {"network": network.name, "layer": name}
                st.button(name, key=f"open {name}", on_click=urls.go_to, kwargs=go)


def _show_ways_out(network: Network, query: UnitQuery) -> None:
    """Show searches that find something, for one that found nothing."""
    tries = [query.kind] if query.kind else search.examples(unit_labels.names_of(network))
    if not tries:
        return
    st.caption("Look in all layers:" if query.kind else "Try one of these:")
    with st.container(horizontal=True):
        for text in tries:
            go = {"network": network.name, "layer": st.query_params.get("layer"), "find": text}
            st.button(text, key=f"try {text}", on_click=urls.replace_query, kwargs=go)


def _show_notes(
    found: UnitSearch, order: UnitOrder, units: Sequence[FoundUnit], query: UnitQuery
) -> None:
    """Show what a visitor has to know to read the results."""
    notes, explained = [], None
    for typed, meant in found.respelled.items():
        notes.append(f'Nothing is called "{typed}"; this is spelled like it: {", ".join(meant)}.')
    if not found.complete:
        notes.append("No neuron fits all of these words; these fit some.")
    overlaps = [it.named.iou for it in found.found if it.named.iou is not None]
    if query.text and overlaps and max(overlaps) < CLEAR and len(overlaps) == len(found.found):
        notes.append("None picks this out clearly; these come nearest.")
    if order.words:
        notes.append(order.words)
    elif any(it.named.iou is not None for it in units):
        notes.append("The number is the IoU: how well a neuron picks out its name, from 0 to 1.")
        explained = glossary.help_text("IoU")
    if query.text:
        notes.append("Press Enter once more to open the first.")
    if notes:
        st.caption(formatting.escape_markdown(" ".join(notes)), help=explained)


def _show_units(
    network: Network, query: UnitQuery, order: UnitOrder, units: Sequence[FoundUnit]
) -> None:
    """Show units as grids, one for each reason why they were found; request missing pictures."""
    by_layer: dict[str, list[int]] = {}
    for it in units:
        by_layer.setdefault(it.named.layer, []).append(it.named.unit)
    planned = {name: network.layer(name) for name in by_layer}
    if query.order == BY_PICTURE:
        pictures = {name: SmallPictures(network, layer) for name, layer in planned.items()}
        recipes = _next_page(network, pictures, units)
    else:
        pictures = {
            name: plan_small_pictures(network, layer, by_layer[name])
            for name, layer in planned.items()
        }
        recipes = [recipe for it in pictures.values() for recipe in it.recipes][:LAYERS_AT_ONCE]
    requests = job_requests.JobRequests()
    grouped = [[*some] for _, some in itertools.groupby(units, key=lambda it: it.why)]
    if query.order or not query.text:
        grouped = [list(units)]
    columns = ACROSS if len(units) > ACROSS or len(grouped) > 1 else 0

    def show(previews: job_status.Previews) -> None:
        for number, some in enumerate(grouped):
            if query.text and not query.order:
                html_snippets.side_heading(f"{some[0].why[:1].upper()}{some[0].why[1:]}")
            tiles = [_tile(pictures, it, order.values, previews) for it in some]
            label = f"Neurons of {title_of(network.name)} that were found"
            sought = f"{query} {some[0].named}"
            neuron_grid.link_grid(network, tiles, f"found {number}", label, columns, sought)

    asked = requests.ask(recipes)
    job_status.show_while_running("found", asked, formatting.percent, show, stop=False)
    requests.settle()


def _next_page(
    network: Network, pictures: Mapping[str, SmallPictures], units: Sequence[FoundUnit]
) -> list[NeuronRecipe]:
    """Return the recipe of a page of the layer whose first missing picture is among some units.

    In the order of the pictures' activations, whole pages are drawn, which the layer's own grid
    shows as well.
    """
    for it in units:
        layer, unit = it.named.layer, it.named.unit
        if pictures[layer].find(unit) is None:
            page = layer_pages.page_of(unit)
            return [layer_pages.plan_page(network, network.layer(layer), page)]
    return []


def _tile(
    pictures: Mapping[str, SmallPictures],
    found: FoundUnit,
    values: Mapping[tuple[str, int], str],
    previews: job_status.Previews,
) -> PictureTile:
    """Return the tile of a unit, with its name, and beneath it its layer, number and value."""
    it = found.named
    tile = pictures[it.layer].tile(it.unit, previews)
    value = values.get((it.layer, it.unit))
    return replace(
        tile,
        label=f"{tile.label}, {it.layer}{f': {found.why}' if found.why else ''}",
        detail=it.layer if value is None else f"{it.layer} \N{MIDDLE DOT} {value}",
        opens=True,
    )
