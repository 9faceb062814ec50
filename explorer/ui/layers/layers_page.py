"""The parts of the Layers page: the units of a layer, the list of layers, and a layer's report.

A layer with more than 64 units is divided into pages of 64.
"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.index.reader import Index
from core.networks import Layer, Network
from core.neurons import render_neurons
from explorer import layer_pages
from explorer.jobs.job import Job
from explorer.jobs.queue_order import UNASKED
from explorer.library import indexes
from explorer.reports import crop_images, html_report
from explorer.text import formatting
from explorer.ui import (
    download_buttons,
    job_requests,
    job_status,
    network_picker,
    server_state,
    urls,
)
from explorer.ui.components.layer_pickers import layer_list
from explorer.ui.incremental import MadeSoFar, show_while_making
from explorer.ui.layers import neuron_grid
from explorer.ui.link_problems import collect
from explorer.ui.url_controls import pager, word_control

# Number of sample units that the list of layers shows of each layer. They are drawn layer by layer
# until a layer takes longer than this, in seconds, as deeper layers take even longer.
SAMPLES = 4
SAMPLE_SECONDS = 60.0
SAMPLE_POLL_SECONDS = 2.0
# What can be shown of each unit, by the word in the URL: the label in the control, and a sentence
# above the pictures.
SHOWN = {
    "": (
        "Computed pictures",
        "Each picture was computed so that one neuron responds strongly to it. A word names what "
        "the neuron singles out in drawings, if that is clear; the picture need not look like it.",
    ),
    urls.CROPS: (
        "Real pictures",
        "Each square has nine crops: the parts of {} that excite one neuron most.",
    ),
    urls.BOTH: (
        "Both",
        "Left: computed for one neuron. Right: what excites it most among {}.",
    ),
}
CLICK = "Click one to see it large."
GREY = "A grey picture does not excite its neuron."


def read_place(network: Network, problems: list[str]) -> tuple[Layer, int]:
    """Return the layer and the page number in the URL; defaults for what is missing or unknown.

    For what is unknown, a sentence is appended to ``problems``.
    """
    layer, page = network_picker.first_layer(network), 1
    with collect(problems):
        layer = network.layer(st.query_params.get("layer", layer.name))
        page = urls.number("page", (1, layer_pages.page_count(layer))) or page
    return layer, page


def show_pager(network: Network, layer: Layer, page: int) -> None:
    """Show buttons to the previous and the next page, if the layer has several pages."""
    last = layer_pages.page_count(layer)
    if last == 1:
        return
    units = layer_pages.units_of(layer, page)
    text = f"neurons {units[0]} to {units[-1]} of {layer.channels}"

    def go(to: int) -> None:
        urls.go_to(network=network.name, layer=layer.name, page=to)

    pager("", page, last, text, go)


def show_report(network: Network, layer: Layer) -> None:
    """Show buttons that save a report on a layer and that show the Python code of its pictures."""
    recipe = render_neurons.plan(network, layer.name)

    def write() -> str:
        pages = range(1, layer_pages.page_count(layer) + 1)
        parts = [
            server_state.store().pictures(layer_pages.plan_page(network, layer, it)) for it in pages
        ]
        found = {unit: picture for part in parts for unit, picture in part.items()}
        return html_report.layer_report(network, layer, recipe, found)

    with st.container(key="layer-tools", horizontal=True):
        name = f"{network.name}-{layer.name}".replace(":", "-")
        download_buttons.report_button(name, write, "layer")
        download_buttons.python_button(recipe, None, "layer")


def choose_shown(problems: list[str]) -> str:
    """Show the choice between visualizations, crops and both, and return the word in the URL."""
    words = {name: label for name, (label, _) in SHOWN.items()}
    return word_control("show", words, problems, "Show")


def show_units(network: Network, layer: Layer, page: int, shown: str, index: Index | None) -> bool:
    """Show a page of a layer's units, and update it while pictures are drawn.

    Args:
        network, layer, page: the page of the layer.
        shown: what is shown of each unit, a key of ``SHOWN``.
        index: the index from which crops are made; None if no crops are shown.

    Returns:
        Whether the feature visualizations of all units were there when this run began.
    """
    recipe = layer_pages.plan_page(network, layer, page)
    store = server_state.store()
    keys = {part.key for part in recipe.parts()}
    complete = store.present(keys) == keys
    job = None if complete or shown == urls.CROPS else job_requests.request(recipe)
    collection = "" if index is None else indexes.describe_index(index)
    hint = f"{SHOWN[shown][1].format(collection)} {CLICK}"
    makers = {}
    if index is not None and layer.name in [it.name for it in index.plan.layers]:
        units = layer_pages.units_of(layer, page)
        makers = {unit: partial(crop_images.crop_sheet, index, layer.name, unit) for unit in units}

    def show(crops: MadeSoFar[int], job: job_requests.Requested) -> None:
        found = store.pictures(recipe)
        with st.container(key="status"):
            if isinstance(job, Job) and len(found) < len(recipe.pictures):
                job_status.show_progress(job, partial(_progress_text, len(recipe.units)), "page")
            elif crops.problem:
                st.caption(
                    f"Some pictures cannot be shown: {formatting.escape_markdown(crops.problem)}"
                )
            else:
                grey = shown != urls.CROPS and any(it.silent for it in found.values())
                words = f"{hint} {GREY}" if grey else hint
                st.caption(job if isinstance(job, str) else words)
        previews = {} if job is None else server_state.jobs().previews(recipe.key)
        opened = neuron_grid.show_tiles(
            network, layer, page, found, previews, shown, crops.pictures
        )
        if opened:
            urls.open_neuron(network.name, layer.name, int(opened))

    show_while_making(makers, show, job)
    return complete


def _progress_text(total: int, fraction: float) -> str:
    """Return how many units are drawn, such as ``5 of 64 neurons``."""
    return f"{int(total * fraction)} of {total} {'neuron' if total == 1 else 'neurons'}"


def show_layer_list(network: Network, selected: Layer, complete: bool) -> None:
    """Show the list of layers, and request sample units for it, layer by layer.

    Args:
        network: the network.
        selected: the layer that is selected in the list.
        complete: whether the page of units is finished; only then are samples requested.
    """
    filling = fill_next(network) if complete else None

    def pick(layer: str) -> None:
        urls.go_to(network=network.name, layer=layer)

    def show(_: Sequence[object]) -> object:
        recipes = {it: layer_pages.sample_recipe(network, it) for it in network.shown}
        store = server_state.store()
        samples = {layer: store.samples(it.key, SAMPLES) for layer, it in recipes.items()}
        return layer_list(samples, selected.name, "layer list", network.name, pick)

    job_status.follow([filling], show, None if filling is None else SAMPLE_POLL_SECONDS)


def fill_next(network: Network) -> Job | None:
    """Request the sample units of the first layer that has none.

    Returns:
        The job; None if all layers have samples, if the job queue is full, or if a layer took
        longer than ``SAMPLE_SECONDS``.
    """
    for layer in network.shown:
        recipe = layer_pages.sample_recipe(network, layer)
        if server_state.store().present([recipe.key]):
            continue
        job = job_requests.request(recipe, UNASKED)
        if isinstance(job, str) or job.spent > SAMPLE_SECONDS:
            return None
        if job.open:
            return job
    return None
