"""The parts of the Dream page: the heading, the dream, and the slider that chooses the layer."""

import streamlit as st

from core.analysis import unit_labels
from core.networks.network import Network
from explorer.store.results import StoredPicture
from explorer.text import layer_summary
from explorer.ui import download_buttons, image_picker, job_status, page_list, urls
from explorer.ui.components import html_snippets, layer_pickers
from explorer.ui.dream import dream_view
from explorer.ui.result_view import ResultView

# Seconds after which the state of the job is read again: shorter than for other jobs, as dreams
# are rendered quickly.
POLL_SECONDS = 0.25


def show_head(network: Network, dream: dream_view.DreamView) -> None:
    """Show the heading: which layer dreams, which of its units, or that there is a guide image."""
    layer, recipe = dream.layer, dream.recipe
    line = (
        f"{layer_summary.describe_layer(layer)}; the picture is changed so that they all see more"
    )
    if recipe.guide:
        line = "The picture is changed towards what the layer sees in the guide"
    elif recipe.units:
        names = [(unit, unit_labels.unit_name(network, layer, unit)) for unit in recipe.units]
        units = [f"neuron {unit} ({name})" if name else f"neuron {unit}" for unit, name in names]
        line = f"Only {', '.join(units)} dreams"
    with st.container(key="dream-head", horizontal=True, vertical_alignment="center"):
        html_snippets.heading(f"Dream of {layer.name}", line, layer.depth)
        if recipe.units:
            st.button(
                "Let all neurons dream", key="all", on_click=lambda: urls.update_query(unit=None)
            )


def show_depths(network: Network, dream: dream_view.DreamView) -> None:
    """Show the slider that chooses the layer; request its example dreams with low priority."""
    requests = job_status.JobRequests()
    examples = [dream_view.example(network, it) for it in dream_view.example_layers(network)]
    asked = requests.ask(examples)

    def pick(layer: str) -> None:
        urls.update_query(layer=layer, unit=None)

    def show(_: job_status.Previews) -> None:
        stops = dream_view.depth_stops(network)
        selected = network.shown.index(dream.layer)
        if layer_pickers.depth_slider(stops, selected, "depth slider", network.name, pick):
            st.rerun()

    job_status.show_while_running("depth", asked, None, show)
    requests.settle()


def show_dream(network: Network, dream: dream_view.DreamView, job: job_status.Requested) -> None:
    """Show the dream on top of its original, and buttons to save the dream or to go on with it."""
    title, layer = dream.picture.title, dream.layer.name
    view = ResultView(
        recipe=dream.recipe,
        original=dream.picture,
        label=f"{title.capitalize()}, dreamt by {layer}",
        place=f"{dream.recipe.image} {network.name}",
        done="dreamt",
        file_name=f"dream-{title.replace(' ', '-')}-{dream.recipe.network}-{layer}",
    )

    def tools(stored: StoredPicture) -> None:
        st.button(
            "Dream deeper from here",
            key="deeper",
            type="primary",
            icon=":material/bedtime:",
            on_click=lambda: image_picker.continue_with(dream.recipe.key),
            help="The dream becomes the picture that the next one begins with.",
        )
        view.save_button(stored.image)
        download_buttons.python_button(dream.recipe, 0, "dream")
        kept = {it: st.query_params[it] for it in ("strength", "seed") if it in st.query_params}
        query = {"network": network.name, "picture": dream.picture.name, **kept}
        page_list.page_link(urls.DEPTHS, "All depths side by side", **query)

    view.show(job, POLL_SECONDS, tools)
