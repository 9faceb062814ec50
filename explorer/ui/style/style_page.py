"""The parts of the Style page: the heading, the choice of layers, the result, and loss curves."""

import streamlit as st

from core.networks.network import Network
from core.style import defaults
from explorer.charts import depth_colours, figures
from explorer.store.results import StoredPicture
from explorer.text import formatting
from explorer.ui import (
    chart,
    download_buttons,
    image_picker,
    job_requests,
    job_status,
    same_for_others,
    urls,
)
from explorer.ui.components import html_snippets, style_sliders
from explorer.ui.layers import small_pictures
from explorer.ui.result_view import ResultView
from explorer.ui.style import style_advice, style_view
from explorer.ui.style.style_view import StyleView

POLL_SECONDS = 0.3
# Seconds between two updates of the loss curves: more than for the picture, as Plotly draws the
# whole chart again.
CURVES_SECONDS = 1.0
# Height in rem of the parts of the page above and beneath the result.
ABOVE = 28.0


def show_head(network: Network, transfer: StyleView) -> None:
    """Show a heading with the titles of both images, and a sentence on content and style."""
    line = (
        "Content: where each neuron of a layer responds. Style: which respond at the same places."
    )
    depth = network.layer(transfer.recipe.style_layers[-1]).depth
    with st.container(key="style-head"):
        html_snippets.heading(_title(transfer), line, depth)


def _title(transfer: StyleView) -> str:
    words = style_view.describe_pair(transfer.content, transfer.style)
    return words[:1].upper() + words[1:]


def show_layers(network: Network, transfer: StyleView) -> None:
    """Show the sliders that choose the style layers and the content layer."""
    recipe = transfer.recipe
    content = style_view.nearest_layer(network, recipe.content_layers[0])
    ends = [style_view.nearest_layer(network, recipe.style_layers[at]) for at in (0, -1)]

    def pick(chosen: str) -> None:
        part, *names = chosen.split()
        usual = defaults.default_settings(network)
        layers = tuple(names) if part == "content" else style_view.layers_between(network, *names)
        name = f"{part}_layers"
        urls.update_query(**{name: None if layers == usual[name] else ",".join(layers)})

    style = (min(ends), max(ends))
    stops = small_pictures.example_stops(network, style_view.style_layers(network))
    if style_sliders.style_sliders(stops, content, style, "speaking", network.name, pick):
        st.rerun()


def show_transfer(network: Network, transfer: StyleView, job: job_requests.Requested) -> None:
    """Show the result on top of the content image, its buttons, and its loss curves."""
    recipe = transfer.recipe
    titles = style_view.describe_pair(transfer.content, transfer.style)
    view = ResultView(
        recipe=recipe,
        original=transfer.content,
        label=_title(transfer),
        place=f"{recipe.content} {recipe.styles[0]} {network.name}",
        done="painted",
        file_name=formatting.file_stem(f"{titles} {recipe.network}"),
        word="painted",
        above=ABOVE,
    )

    def tools(stored: StoredPicture) -> None:
        view.save_button(stored.image)
        download_buttons.python_button(recipe, 0, "style")
        st.button(
            "Paint it once more",
            key="again",
            icon=":material/brush:",
            on_click=lambda: image_picker.continue_with(recipe.key),
            help="The result becomes the content picture of the next one.",
        )
        same_for_others.show_button(recipe, "content")

    stored = view.show(job, POLL_SECONDS, tools)
    if stored is not None:
        style_advice.show_advice(network, recipe, stored)
    html_snippets.section(
        "How the picture approached both",
        "The loss of each layer, step by step: how far the picture still is from the painting's "
        "style or the photograph's content. It is made small first and then enlarged; each new "
        "size begins where the smaller one ended.",
    )
    running = stored is None and job_status.poll_interval(job) is not None
    with st.container(key="curves"):
        job_status.follow(
            [],
            lambda _: show_curves(network, recipe.key, stored),
            CURVES_SECONDS if running else None,
        )


def show_curves(network: Network, key: str, stored: StoredPicture | None) -> None:
    """Show the loss curves of every layer up to the present step.

    Args:
        network: the network.
        key: key of the recipe's job.
        stored: the finished result; None while it is being made.
    """
    if stored is None:
        curves, share = style_view.running_history(key)
    else:
        curves, share = style_view.stored_curves(stored.facts), 1.0
    if not curves:
        st.caption("The curves appear after the first steps.")
        return
    depths = {name: network.layer(name.split()[1]).depth for name in curves}
    # The layers' own colours are hardly different, as all style layers are shallow.
    spread = depth_colours.spread_colours(depths.values())
    colours = {name: spread[depth] for name, depth in depths.items()}
    figure = figures.loss_curves(curves, colours, share)
    chart.show_chart(figure, "losses", f"{network.name}-style-losses")
