"""Layers: a network as a ladder, and what every neuron of a layer wants to see."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core import networks
from core.errors import ExplorerError, unknown
from core.layers import Layer
from core.networks import Network
from core.recipes import NeuronRecipe
from explorer import closeup, gallery, links, rendering, shared, widgets, words
from explorer.store import StoredPicture

# Visitors start past the middle, where neurons want textures and parts that can be named.
FIRST_DEPTH = 0.6
# The ladder fills itself no further than a layer that took longer: deeper ones take longer still.
FILL_SECONDS = 60.0
HINT = "Each picture is what one neuron wants to see most. Click one to see it large."


def main() -> None:
    """Read the URL, show the ladder and one layer's neurons, and draw what is missing."""
    problems: list[str] = []
    rail, room = st.columns([2, 5], gap="large")
    with rail, st.container(key="rail"):
        name = choose_network(problems)
        ladder = st.empty()
    with room:
        network = open_network(name)
        if network is None:
            tell(problems)
            return
        layer, page, unit = place(network, problems)
        with ladder:
            gallery.ladder(network, layer, lambda it: links.go(network=network.name, layer=it))
        widgets.heading(layer.name, words.describe(layer), widgets.depth_colour(layer.depth))
        tell(problems)
        with st.container(key="status"):
            status = st.empty()
        status.caption(HINT)
        here = partial(links.go, network=network.name, layer=layer.name)
        recipes = gallery.plan(network, layer, page)
        found = rendering.stored_neurons(shared.store(), recipes)
        gallery.grid(network, layer, page, found, lambda it: here(page=page, unit=it))
        show_pager(layer, page, here)
    if unit is not None:
        # An open neuron has the processor to itself; the rest goes on when it is closed.
        closeup.show(network, layer, unit, recipes)
    elif len(found) < len(gallery.units_of(layer, page)):
        draw_next(network, layer, recipes, found, status)
    else:
        fill_ladder(network, status)


def choose_network(problems: list[str]) -> str:
    """Let the visitor choose a network, and tell which one it is."""
    infos = shared.catalogue()
    name = st.query_params.get("network", networks.SKETCHNET)
    if name not in infos:
        problems.append(str(unknown("network", name, infos)))
        name = networks.SKETCHNET

    def caption(name: str) -> str:
        info = infos[name]
        return name if info.ready else f"{name} · {info.download_mb:.0f} MB download"

    st.session_state["network"] = name
    st.selectbox(
        "Network",
        list(infos),
        format_func=caption,
        key="network",
        label_visibility="collapsed",
        on_change=lambda: links.go(network=st.session_state["network"]),
    )
    return name


def open_network(name: str) -> Network | None:
    """Load the network, after a click where that means a download; None if it is not to be had."""
    info = shared.catalogue()[name]
    slot = st.empty()
    if not info.ready:
        with slot.container():
            st.markdown(f"**{name}** is not on this machine yet: {info.download_mb:.0f} MB, once.")
            if not st.button("Download it", type="primary", key="download"):
                return None
    if st.session_state.get("opened") != name:
        with slot:
            widgets.skeleton(f"Opening {name} ..." if info.ready else f"Fetching {name} ...")
    try:
        network = shared.network(name)
    except ExplorerError as error:
        slot.error(str(error))
        return None
    slot.empty()
    st.session_state["opened"] = name
    return network


def place(network: Network, problems: list[str]) -> tuple[Layer, int, int | None]:
    """Tell which layer, page and unit the URL asks for, with defaults for what does not exist."""
    layer = min(network.shown, key=lambda each: abs(each.depth - FIRST_DEPTH))
    page, unit = 1, None
    try:
        layer = network.layer(st.query_params.get("layer", layer.name))
        page = links.number("page", (1, gallery.pages_of(layer))) or page
        unit = links.number("unit", (0, layer.channels - 1))
    except ExplorerError as error:
        problems.append(str(error))
    return layer, page if unit is None else unit // gallery.PER_PAGE + 1, unit


def tell(problems: Sequence[str]) -> None:
    """Say what in the link does not exist, the first thing only."""
    for problem in problems[:1]:
        st.warning(f"This link does not fit: {problem}")


def show_pager(layer: Layer, page: int, here: partial[None]) -> None:
    """Show where in a large layer the page is, with a step back and one on."""
    last = gallery.pages_of(layer)
    if last == 1:
        return
    units = gallery.units_of(layer, page)
    steps = ("Previous", page - 1, page == 1), ("Next", page + 1, page == last)
    with st.container(key="pager", horizontal=True, vertical_alignment="center"):
        for label, to, stuck in steps:
            st.button(label, disabled=stuck, key=label, on_click=here, kwargs={"page": to})
        st.markdown(f"neurons {units[0]} to {units[-1]} of {layer.channels}")


def draw_next(
    network: Network,
    layer: Layer,
    recipes: Sequence[NeuronRecipe],
    found: Mapping[int, StoredPicture],
    status: DeltaGenerator,
) -> None:
    """Draw the first neurons that are missing, and run the page again, which shows them."""
    missing = next(recipe for recipe in recipes if not found.keys() >= set(recipe.units))
    total = sum(len(recipe.units) for recipe in recipes)
    pace = f"pace of {network.name} {layer.name}"
    meter = widgets.Meter(status, len(found), total, st.session_state.get(pace))
    try:
        gallery.draw(network, missing, meter)
    except ExplorerError as error:
        status.error(str(error))
        return
    st.session_state[pace] = meter.pace
    st.rerun()


def fill_ladder(network: Network, status: DeltaGenerator) -> None:
    """Draw samples for the first rung of the ladder that has none, and run the page again."""
    enough = f"enough of {network.name}"
    if st.session_state.get(enough):
        return
    for layer in network.shown:
        recipe = gallery.sample_recipe(network, layer)
        if shared.store().get(recipe.key) is not None:
            continue
        quiet = f"{HINT} Filling the ladder: {layer.name}"
        meter = widgets.Meter(status, 0, len(recipe.units), quiet=quiet)
        try:
            gallery.draw(network, recipe, meter)
            st.session_state[enough] = meter.seconds > FILL_SECONDS
        except ExplorerError:
            # Samples that nobody asked for; whoever opens the layer is told.
            st.session_state[enough] = True
        st.rerun()


main()
