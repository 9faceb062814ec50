"""The parts of the Dream page: the heading, the dream, and the slider that chooses the layer."""

import streamlit as st

from core.analysis import unit_labels
from core.networks.network import Network
from explorer.store.results import StoredPicture
from explorer.text import formatting, layer_summary, neuron_names
from explorer.ui import (
    download_buttons,
    image_picker,
    job_requests,
    job_status,
    page_list,
    same_for_others,
    urls,
)
from explorer.ui.components import html_snippets, layer_pickers
from explorer.ui.dream import dream_view
from explorer.ui.result_view import ResultView

# Seconds after which the state of the job is read again: shorter than for other jobs, as dreams
# are rendered quickly.
POLL_SECONDS = 0.25
# What a visitor can do first.
CLICK = "Each small picture is dreamt by one layer; click one to see it large."


def show_head(network: Network, dream: dream_view.DreamView) -> None:
    """Show the heading: which layer dreams, which of its units, or that there is a guide image."""
    layer, recipe = dream.layer, dream.recipe
    line = (
        "The picture is changed until the neurons of this layer respond more: "
        f"{layer_summary.describe_layer(layer)}."
    )
    if recipe.guide:
        line = "The picture is changed so that the layer sees in it what it sees in the guide."
    elif recipe.units:
        labels = [(unit, unit_labels.unit_name(network, layer, unit)) for unit in recipe.units]
        units = [neuron_names.long_name(unit, label) for unit, label in labels]
        line = f"The picture is changed for {', '.join(units)} alone."
    with st.container(key="dream-head", horizontal=True, vertical_alignment="center"):
        html_snippets.heading(f"Dream of {layer.name}", line, layer.depth)
        if recipe.units:
            st.button(
                "Let all neurons dream", key="all", on_click=lambda: urls.update_query(unit=None)
            )


def show_depths(
    network: Network, dream: dream_view.DreamView, requests: job_requests.JobRequests
) -> None:
    """Show the slider that chooses the layer; request its example dreams with low priority.

    The examples are dreams of the visitor's picture; until they are finished, those of a sample.
    """
    picture = dream.picture
    layers = dream_view.example_layers(network)
    asked = requests.ask([dream_view.example(network, it, picture) for it in layers])

    def pick(layer: str) -> None:
        urls.update_query(layer=layer, unit=None)

    def show(_: job_status.Previews) -> None:
        stops, whose = dream_view.depth_stops(network, picture)
        selected = network.shown.index(dream.layer)
        if layer_pickers.depth_slider(stops, selected, "depth slider", network.name, pick):
            st.rerun()
        st.caption(f"{CLICK} {whose}" if whose else "")

    job_status.show_while_running("depth", asked, None, show)


def show_dream(network: Network, dream: dream_view.DreamView, job: job_requests.Requested) -> None:
    """Show the dream on top of its original, and buttons to save the dream or to go on with it."""
    title, layer = dream.picture.title, dream.layer.name
    view = ResultView(
        recipe=dream.recipe,
        original=dream.picture,
        label=f"{title[:1].upper()}{title[1:]}, dreamt by {layer}",
        place=f"{dream.recipe.image} {network.name}",
        done="dreamt",
        file_name=formatting.file_stem(f"dream {title} {dream.recipe.network} {layer}"),
    )

    def tools(stored: StoredPicture) -> None:
        st.button(
            "Dream again from here",
            key="deeper",
            type="primary",
            icon=":material/bedtime:",
            on_click=lambda: image_picker.continue_with(dream.recipe.key),
            help="The next dream begins with this one instead of the picture.",
        )
        view.save_button(stored.image)
        download_buttons.python_button(dream.recipe, 0, "dream")
        kept = {it: st.query_params[it] for it in ("strength", "seed") if it in st.query_params}
        query = {"network": network.name, "picture": dream.picture.name, **kept}
        page_list.page_link(urls.DEPTHS, "All layers side by side", **query)
        same_for_others.show_button(dream.recipe, "image")

    view.show(job, POLL_SECONDS, tools)
