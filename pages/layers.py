"""Layers: a network as a ladder, and what every neuron of a layer wants to see."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.errors import ExplorerError
from core.index.reader import Index
from core.networks.layers import Layer
from core.networks.network import Network
from core.neurons import render_neurons
from explorer import layer_pages
from explorer.charts import depth_colours
from explorer.jobs.job import Job
from explorer.jobs.job_queue import UNASKED
from explorer.library import indexes
from explorer.reports import crop_images, html_report
from explorer.text import formatting, layer_summary
from explorer.ui import (
    download_buttons,
    incremental,
    index_picker,
    job_status,
    network_picker,
    server_state,
    urls,
)
from explorer.ui.components import html_snippets
from explorer.ui.incremental import MadeSoFar
from explorer.ui.layers import neuron_grid, search

# The ladder fills itself no further than a layer that took longer: deeper ones take longer still.
FILL_SECONDS = 60.0
FILL_POLL_SECONDS = 2.0
# What can be shown of each neuron, by its word in the URL: its name, and what it means.
SHOWN = {
    "": ("What they want", "Each picture is what one neuron wants to see most."),
    urls.CROPS: (
        "What they find",
        "Each square has the nine crops of {} that excite one neuron most.",
    ),
    urls.BOTH: ("Both", "What each neuron wants to see, and what of {} excites it most."),
}
CLICK = "Click one to see it large."


def main() -> None:
    """Read the URL, and show the ladder and one layer's neurons, drawing what is missing."""
    if "unit" in st.query_params:
        # Links to a neuron led here once.
        st.switch_page(urls.NEURON, query_params=st.query_params.to_dict())
    problems: list[str] = []
    rail, room = st.columns([2, 5], gap="large")
    with rail, st.container(key="rail"):
        infos = server_state.network_infos()
        name = network_picker.network_selectbox(infos, problems)
        finder, ladder = st.empty(), st.empty()
    with room:
        network = network_picker.load_network(infos[name])
        if network is None:
            network_picker.show_problems(problems)
            return
        with finder.container():
            search.search_box(network)
        layer, page = place(network, problems)
        text = st.query_params.get("find", "").strip()[: search.TEXT_AT_MOST]
        if text:
            search.show_results(network, text)
            with ladder.container():
                show_ladder(network, layer, complete=False)
            return
        head = st.container(key="layer-head", horizontal=True, vertical_alignment="center")
        with head:
            html_snippets.heading(
                layer.name,
                layer_summary.describe_layer(layer),
                depth_colours.depth_colour(layer.depth),
            )
            show = choose_shown(problems)
        index = index_picker.chosen_index(network, problems) if show else None
        network_picker.show_problems(problems)
        if show and index is None:
            index_picker.show_missing_index(
                network, "layers", "the pictures that excite each neuron most"
            )
        if show:
            index_picker.index_selectbox(network)
        complete = show_neurons(network, layer, page, show if index else "", index)
        show_pager(layer, page, partial(urls.go_to, network=network.name, layer=layer.name))
        if complete:
            show_report(network, layer)
    with ladder.container():
        show_ladder(network, layer, complete)


def place(network: Network, problems: list[str]) -> tuple[Layer, int]:
    """Tell which layer and page the URL asks for; the usual where it is wrong."""
    layer, page = network_picker.first_layer(network), 1
    try:
        layer = network.layer(st.query_params.get("layer", layer.name))
        page = urls.number("page", (1, layer_pages.page_count(layer))) or page
    except ExplorerError as error:
        problems.append(str(error))
    return layer, page


def show_pager(layer: Layer, page: int, here: partial[None]) -> None:
    """Show where in a large layer the page is, with a step back and one on."""
    last = layer_pages.page_count(layer)
    if last == 1:
        return
    units = layer_pages.units_of(layer, page)
    steps = ("Previous", page - 1, page == 1), ("Next", page + 1, page == last)
    with st.container(key="pager", horizontal=True, vertical_alignment="center"):
        for label, to, stuck in steps:
            st.button(label, disabled=stuck, key=label, on_click=here, kwargs={"page": to})
        st.markdown(f"neurons {units[0]} to {units[-1]} of {layer.channels}")


def show_report(network: Network, layer: Layer) -> None:
    """Offer what is known of the layer as a file, and the Python that draws it."""
    recipe = render_neurons.plan(network, layer.name)

    def write() -> str:
        pages = range(1, layer_pages.page_count(layer) + 1)
        parts = [
            server_state.store().pictures(layer_pages.plan_page(network, layer, it)) for it in pages
        ]
        found = {unit: picture for part in parts for unit, picture in part.items()}
        return html_report.layer_report(network, layer, recipe, found)

    with st.container(key="layer-tools", horizontal=True):
        download_buttons.report_button(
            f"{network.name}-{layer.name}".replace(":", "-"), write, "layer"
        )
        download_buttons.python_button(recipe, None, "layer")


def choose_shown(problems: list[str]) -> str:
    """Let the visitor choose what is shown of each neuron."""
    show = ""
    try:
        show = urls.one_of("show", urls.SHOWN)
    except ExplorerError as error:
        problems.append(str(error))
    st.session_state["show"] = show
    st.segmented_control(
        "Show",
        list(SHOWN),
        format_func=lambda it: SHOWN[it][0],
        key="show",
        label_visibility="collapsed",
        required=True,
        on_change=lambda: urls.update_query(show=st.session_state["show"] or None),
    )
    return show


def show_neurons(network: Network, layer: Layer, page: int, show: str, index: Index | None) -> bool:
    """Show a page of neurons, follow those that are being drawn, and tell whether all are there.

    Args:
        network, layer, page: which neurons.
        show: what of each, a key of ``SHOWN``.
        index: what knows their crops, if these are shown.
    """
    recipe = layer_pages.plan_page(network, layer, page)
    store = server_state.store()
    keys = {part.key for part in recipe.parts()}
    complete = store.present(keys) == keys
    job = None if complete or show == urls.CROPS else job_status.request(recipe)
    hint = (
        SHOWN[show][1].format("" if index is None else indexes.describe_index(index)) + " " + CLICK
    )
    cut = cutter(index, layer, page)
    looked = [cut()]
    all_cut = looked[0].complete

    def body(now: Sequence[Job | str | None]) -> bool:
        (job,) = now
        found = store.pictures(recipe)
        crops = looked.pop() if looked else cut()
        with st.container(key="status"):
            if isinstance(job, Job) and len(found) < len(recipe.pictures):
                job_status.show_progress(job, partial(_so_many, len(recipe.units)), "page")
            elif crops.problem:
                st.caption(
                    f"Some pictures cannot be shown: {formatting.escape_markdown(crops.problem)}"
                )
            else:
                st.caption(job if isinstance(job, str) else hint)
        previews = {} if job is None else server_state.jobs().previews(recipe.key)
        opened = neuron_grid.show_tiles(network, layer, page, found, previews, show, crops.pictures)
        if opened:
            urls.open_neuron(network.name, layer.name, int(opened))
        return crops.complete

    interval = job_status.poll_interval(job) if all_cut else incremental.POLL_SECONDS
    job_status.follow([job], body, interval, all_cut)
    return complete


def cutter(index: Index | None, layer: Layer, page: int) -> Callable[[], MadeSoFar[int]]:
    """Give what cuts out the crops of a page's neurons, some more at every call."""
    if index is None or layer.name not in [it.name for it in index.plan.layers]:
        return lambda: MadeSoFar({}, True, "")
    units = layer_pages.units_of(layer, page)
    makers = {unit: partial(crop_images.crop_sheet, index, layer.name, unit) for unit in units}
    return lambda: incremental.make_in_time(makers)


def _so_many(total: int, fraction: float) -> str:
    """Say how many of some neurons are drawn."""
    return f"{int(total * fraction)} of {total} {'neuron' if total == 1 else 'neurons'}"


def show_ladder(network: Network, selected: Layer, complete: bool) -> None:
    """Show the ladder, and have samples drawn one rung after the other while nothing else is."""
    filling = fill_next(network) if complete else None

    def show(_: Sequence[object]) -> bool:
        picked = neuron_grid.show_ladder(
            network, selected, lambda it: urls.go_to(network=network.name, layer=it)
        )
        job = None if filling is None else server_state.jobs().get(filling)
        return picked is not None or (job is not None and not job.open)

    job_status.follow([], show, None if filling is None else FILL_POLL_SECONDS, False)


def fill_next(network: Network) -> str | None:
    """Have the first rung without samples drawn, and give its job's key; None if all is well."""
    jobs = server_state.jobs()
    for layer in network.shown:
        recipe = layer_pages.sample_recipe(network, layer)
        if server_state.store().present([recipe.key]):
            continue
        job = jobs.get(recipe.key)
        if job is None:
            job = job_status.request(recipe, UNASKED)
        if isinstance(job, str) or job.spent > FILL_SECONDS:
            return None
        if job.open:
            return job.key
    return None


main()
