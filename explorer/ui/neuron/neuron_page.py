"""The parts of the Neuron page: links, the large picture, facts on it, and the unit's badge."""

import streamlit as st

from core.analysis import unit_labels
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from core.neurons.fine_grain import GRAINY
from core.neurons.recipe_objective import negative_note
from explorer import layer_pages
from explorer.charts import depth_colours
from explorer.store.results import StoredPicture
from explorer.text import formatting, layer_summary, neuron_names
from explorer.text.formatting import percent
from explorer.ui import (
    index_picker,
    job_requests,
    job_status,
    link_problems,
    page_list,
    presenter,
    server_state,
    urls,
)
from explorer.ui.components import html_snippets
from explorer.ui.components.term_marks import mark_terms
from explorer.ui.neuron import (
    badge,
    dataset_examples,
    effect,
    large_picture,
    questions,
    related,
    ruler,
)
from explorer.ui.neuron.pictures import NeuronView
from explorer.ui.neuron.similarity import RenderedUnits, rendered_units

STORIES = {
    "": "This feature visualization began as noise. Step by step it was changed so that the neuron "
    "responds more strongly: it shows a pattern that excites it.",
    urls.NEGATIVE: "This picture was changed so that the neuron responds less and less: it shows "
    "the opposite of what excites it.",
}
VARIANT = (
    "One of four pictures that all excite the neuron. They were made to differ from one another: "
    "what they share is what matters to it."
)


def show_links(network: Network, layer: Layer, unit: int) -> None:
    """Show a link to the layer of a unit, and buttons to the previous and the next unit."""
    query = {"network": network.name, "layer": layer.name, "page": str(layer_pages.page_of(unit))}
    with st.container(key="way", horizontal=True, vertical_alignment="center"):
        icon = ":material/arrow_back:"
        st.page_link(urls.LAYERS, label=layer.name, icon=icon, query_params=query)
        presenter.show_button()
        for arrow, other in (("arrow_back_ios_new", unit - 1), ("arrow_forward_ios", unit + 1)):
            there = 0 <= other < layer.channels
            st.button(
                f"neuron {other}" if there else "none",
                icon=f":material/{arrow}:",
                icon_position="left" if other < unit else "right",
                disabled=not there,
                type="tertiary",
                key="previous" if other < unit else "next",
                on_click=urls.replace_query,
                kwargs={"network": network.name, "layer": layer.name, "unit": other},
            )


def show(neuron: NeuronView, view: str, problems: list[str]) -> None:
    """Show a unit: first its large picture, then the parts that take longer to compute.

    Args:
        neuron: the unit.
        view: which picture of the unit is large, one of ``urls.VIEWS`` or "".
        problems: problems of the link, in sentences; more may be appended.
    """
    requests, warning = job_requests.JobRequests(), st.container()
    left, right = st.columns([1, 1], gap="large")
    large = large_picture.request_picture(neuron.large(view))
    with left:
        large_picture.show_picture(neuron, view, large)
    with right, st.container(key="about"):
        stored = neuron.large(view).find()
        show_title(neuron, view)
        questions.show_questions(neuron, view, stored)
        place = {"network": neuron.network.name, "layer": neuron.layer.name}
        page_list.page_link(urls.DREAM, "Dream with this neuron", **place, unit=neuron.unit)
        badge_place = st.container(key="badge")
        st.html(html_snippets.facts_html("", facts(neuron, view, stored)))
        ruler_place = st.container(key="ruler")
    index = index_picker.chosen_index(neuron.network, problems)
    if index is not None:
        with badge_place:
            st.html(badge.badge_html(index, neuron.layer, neuron.unit))
    dataset_examples.show_examples(neuron, index, problems)
    related.show_variants(neuron, view, requests)
    # The parts from here on run the network, which takes a moment the first time.
    drawn = rendered_layer(neuron)
    best = neuron.small("").find()
    with ruler_place:
        if view != urls.NEGATIVE:  # a minimised activation is not comparable with maximised ones
            show_ruler(neuron, stored, drawn)
    with warning:
        link_problems.show_problems(problems)
    # Until it is drawn as the page asks for, the usual picture tells what is similar.
    related.show_similar(neuron, drawn, best or neuron.usual_picture("").find(), requests)
    related.show_inputs(neuron, requests)
    requests.settle()
    effect.show_effect(neuron, index, waits=job_status.is_open(large))


def show_title(neuron: NeuronView, view: str) -> None:
    """Show the name of the unit, and a sentence on what its large picture shows."""
    layer, unit = neuron.layer, neuron.unit
    name = unit_labels.unit_name(neuron.network, layer, unit)
    where = f"of {layer.name} in {title_of(neuron.network.name)}"
    html_snippets.heading(neuron_names.title(unit, name), where, layer.depth)
    words = STORIES.get(view, VARIANT)
    if note := negative_note(neuron.network, neuron.large(view).recipe):
        words += f" {note}."
    st.html(f'<p class="fact-words">{mark_terms(words)}</p>')


def facts(neuron: NeuronView, view: str, stored: StoredPicture | None) -> dict[str, str]:
    """Return facts on the large picture, such as the activation, by name.

    The facts have the same names before the picture is finished, so that the page does not move.
    """
    layer, settings = neuron.layer, neuron.settings
    rows = dict.fromkeys(("Activation", "Fine grain"), "measured when it is finished")
    if stored is not None:
        grain = float(stored.facts["fineness"])
        more = ", more than photographs have" if grain > GRAINY else ""
        rows["Fine grain"] = f"{percent(grain)} of the picture{more}"
        where = ", mean over the picture" if layer.size else ""
        rows["Activation"] = f"{formatting.number(float(stored.facts['activation']), 4)}{where}"
        if stored.silent and view != urls.NEGATIVE:
            rows["Activation"] = "0, this picture does not excite the neuron"
    label = unit_labels.clear_label(neuron.network, layer.name, neuron.unit)
    if label is not None:
        rows["Picks out"] = f"{label.concept} ({label.kind}), IoU {label.iou:.2f}"
    rows["Receptive field"] = layer_summary.describe_field(layer)
    canvas = "" if settings.canvas == neuron.usual.canvas else f", canvas {settings.canvas}"
    pixels = layer_summary.times((settings.size, settings.size))
    rows["Drawn with"] = f"{pixels} px, {settings.steps} steps, seed {settings.seed}{canvas}"
    return rows


def rendered_layer(neuron: NeuronView) -> RenderedUnits | None:
    """Return the measures of the pictures of a unit's layer.

    Returns:
        The measures; None while a picture is missing on that page of the layer which has the unit.
    """
    network, layer = neuron.network, neuron.layer
    keys = {
        part.key
        for part in layer_pages.plan_page(network, layer, layer_pages.page_of(neuron.unit)).parts()
    }
    if server_state.store().present(keys) != keys:
        return None
    return rendered_units(network, layer)


def show_ruler(
    neuron: NeuronView, stored: StoredPicture | None, drawn: RenderedUnits | None
) -> None:
    """Show the unit's activation for its large picture on a ruler with those of other units.

    Args:
        neuron: the unit.
        stored: the large picture; None if it is not drawn.
        drawn: activations of the layer's other units for their pictures; None if there are none.
    """
    others = []
    if drawn is not None:
        values = zip(drawn.units, drawn.values.tolist(), strict=True)
        others = [value for unit, value in values if unit != neuron.unit]
    value = None if stored is None else float(stored.facts["activation"])
    sentence = ruler.rank_text(value, others) if value is not None and others else "\N{EN SPACE}"
    colour = depth_colours.depth_colour(neuron.layer.depth)
    html_snippets.side_heading(
        f"How strongly each neuron of {neuron.layer.name} responds to its own computed picture"
    )
    st.html(ruler.ruler_html(value, others, colour) + f'<p class="ruler-words">{sentence}</p>')
