"""Questions that a unit's picture raises, such as why it is grey, each with its answer."""

from html import escape

import streamlit as st

from core.analysis import unit_labels
from core.networks import Layer, Network
from core.neurons.fine_grain import GRAINY
from core.sketchnet.labels import CLEAR
from explorer.store.results import StoredPicture
from explorer.text.formatting import percent
from explorer.ui import urls
from explorer.ui.components.term_marks import mark_terms
from explorer.ui.neuron.pictures import NeuronView

UNREAL = (
    "Why does it not look like a photograph?",
    "Only the activation counted when it was made, so it exaggerates what the neuron looks for and "
    "repeats it wherever there is room. The crops under In pictures show real cases.",
)


def show_questions(neuron: NeuronView, view: str, stored: StoredPicture | None) -> None:
    """Show the questions that the large picture of a unit raises; a click opens an answer.

    Args:
        neuron: the unit.
        view: which picture of the unit is large, one of ``urls.VIEWS`` or "".
        stored: the large picture; None if it is not drawn yet.
    """
    asked = [*problems(stored, view), about_name(neuron.network, neuron.layer, neuron.unit), UNREAL]
    st.html(
        '<div class="questions">'
        + "".join(
            f"<details><summary>{escape(question, quote=False)}</summary>"
            f"<p>{mark_terms(answer, hidden=True)}</p></details>"
            for question, answer in asked
        )
        + "</div>"
    )


def problems(stored: StoredPicture | None, view: str) -> list[tuple[str, str]]:
    """Return questions with answers on what looks wrong with a picture: it is grey, or noisy."""
    if stored is None:
        return []
    if stored.silent and view != urls.NEGATIVE:
        return [
            (
                "Why is this picture grey?",
                "The neuron stays at 0 for it: the steps found nothing that excites the neuron. It "
                "may be a dead neuron, or the noise at the beginning was unlucky. Try another seed "
                "under Draw it differently.",
            )
        ]
    grain = float(stored.facts["fineness"])
    if grain <= GRAINY:
        return []
    return [
        (
            "Why is this picture so noisy?",
            f"{percent(grain)} of it is fine grain; in photographs it is seldom more than "
            f"{percent(GRAINY)}. The network responds to fine patterns that people hardly notice, "
            "and the steps make use of them. Such a picture excites the neuron, but tells people "
            "little: look at the crops under In pictures.",
        )
    ]


def about_name(network: Network, layer: Layer, unit: int) -> tuple[str, str]:
    """Return a question with its answer on how a unit's picture and its name fit together."""
    label = unit_labels.clear_label(network, layer.name, unit)
    if label is not None:
        return (
            f"Should it look like its label, {label.concept}?",
            "Not always. The label was measured on drawings: the places where the neuron is most "
            f"active overlap with those of {label.concept} by an IoU of {label.iou:.2f}, more than "
            "with those of anything else. The picture shows what excites it most. That may be a "
            f"part of {label.concept}, something that often comes with it, or something that only "
            "looks alike to the network. Where they differ, trust the crops under In pictures.",
        )
    if name := unit_labels.unit_name(network, layer, unit):
        return (
            f"Should it look like its class, {name}?",
            f"Not always. The larger this activation, the more the network believes in {name}. The "
            "picture shows what raises it most, and that need not be the whole thing: the parts by "
            "which the network tells it from other classes are enough, in any number and order.",
        )
    if unit_labels.labels_of(network) is not None:
        return (
            "Why does it have no label?",
            "The places where it is active overlap with nothing that was measured by an IoU of "
            f"{CLEAR:g} or more. Many neurons respond to mixtures that have no name.",
        )
    return (
        "Why does it have no label?",
        "Labels need pictures of which it is known for every pixel what it shows. Only the neurons "
        "of SketchNet have them, measured on drawings.",
    )
