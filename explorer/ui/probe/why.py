"""Why a network gives an answer: the neurons that raise its logit, and those that lower it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from core.analysis import explanation, unit_effects
from core.analysis.contributions import Contributions, contributions
from core.analysis.explanation import ExplainedLayer, ExplainingUnit
from core.errors import unknown
from core.networks import Layer, Network
from core.networks.interventions import switched_network
from core.networks.known_networks import title_of
from explorer.text import formatting
from explorer.text.formatting import escape_markdown, percent
from explorer.ui import (
    chart,
    incremental,
    job_requests,
    job_status,
    server_state,
    url_controls,
    urls,
)
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.incremental import MadeSoFar
from explorer.ui.layers.small_pictures import SmallPictures, plan_small_pictures
from explorer.ui.probe import heatmaps
from explorer.ui.probe.probe_page import ProbeView, show_layer_name

# The word of the URL for this view of the page, and its parameters.
WHY = "why"
VIEWS = {"": "Neurons that respond", WHY: "Why this answer"}
CLASS, AGAINST = "class", "against"
# Neurons of each layer that raise the logit, and that lower it.
COUNT = 4
# Sides in pixels of a neuron's picture, and of the picture that shows where it counts.
PIXELS, WHERE_PIXELS = 192, 160
# Numbers of questions, of layers and of pictures that stay in memory.
QUESTIONS_AT_MOST, LAYERS_AT_MOST, PICTURES_AT_MOST = 8, 256, 1024
NO_OTHER = "no other class"


@dataclass(frozen=True)
class Question:
    """Which answer is explained, for which picture.

    Attributes:
        network, picked: the network and the picture.
        wanted, against: names of the class, and of the class that it is compared with, or "".
        off: the units that are multiplied meanwhile, as recipes write them.
    """

    network: Network
    picked: PickedImage
    wanted: str
    against: str
    off: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Network, PickedImage, str, str, tuple[str, ...]]:
        """The attributes, as arguments of functions whose results are kept."""
        return self.network, self.picked, self.wanted, self.against, self.off

    @property
    def numbers(self) -> tuple[int, int | None]:
        """The numbers of both classes."""
        labels = self.network.labels
        return labels.index(self.wanted), labels.index(self.against) if self.against else None


def read_question(view: ProbeView, problems: list[str]) -> Question:
    """Return what the URL asks; without a class in the URL, why the likeliest is the answer.

    A sentence is appended to ``problems`` if the URL names a class that does not exist.
    """
    names = {}
    for name in (CLASS, AGAINST):
        word = st.query_params.get(name, "")
        if word and word not in view.network.labels:
            problems.append(str(unknown("class", word, view.network.labels, view.network.name)))
            word = ""
        names[name] = word
    wanted = names[CLASS] or view.changed.classes[0][0]
    against = names[AGAINST] if names[AGAINST] != wanted else ""
    return Question(view.network, view.picked, wanted, against, tuple(map(str, view.switched)))


def hint(network: Network) -> str:
    """Return what can be done if no neuron is chosen; "" if the network has no answers."""
    if network.class_layer is None:
        return ""
    return "Choose a neuron to see where in the picture it counts, and to turn it off."


def show_why(view: ProbeView, problems: list[str]) -> None:
    """Show for each layer the neurons that raise a logit most, and that lower it most."""
    network = view.network
    if words := unit_effects.no_answers(network):
        st.caption(escape_markdown(words))
        return
    question = read_question(view, problems)
    wanted, against = question.wanted, question.against
    logit = f"the logit of {wanted}"
    if against:
        logit = f"the difference between the logits of {wanted} and {against}"
    html_snippets.heading(
        f"Why {wanted} rather than {against}?" if against else f"Why {wanted}?",
        f"The number is what a neuron adds to {logit}, or takes from it: its gradient times its "
        "activation. The picture beside the neuron's own is dark where it adds nothing. The test "
        "is to turn it off: then the logit changes as the second line says.",
    )
    _show_choice(question)
    _show_layers(view, question)


def _show_choice(question: Question) -> None:
    """Show the choice of the class, and of another one that it is compared with."""
    names = sorted(question.network.labels)
    with st.container(key="classes", horizontal=True):
        st.selectbox(
            "Why",
            names,
            **url_controls.bind(
                CLASS, question.wanted, lambda it: urls.update_query(**{CLASS: it})
            ),
        )
        others = ["", *(it for it in names if it != question.wanted)]
        st.selectbox(
            "rather than",
            others,
            format_func=lambda it: it or NO_OTHER,
            **url_controls.bind(
                AGAINST, question.against, lambda it: urls.update_query(**{AGAINST: it or None})
            ),
        )


@server_state.cached(QUESTIONS_AT_MOST)
def found_contributions(
    network: Network, picked: PickedImage, wanted: str, against: str, off: tuple[str, ...]
) -> dict[str, Contributions]:
    """Return the contributions of all units for a picture, by layer, cached."""
    question = Question(network, picked, wanted, against, off)
    image = heatmaps.probe_cached(network, picked, None).image
    layers = explanation.explained_layers(network)
    found = contributions(switched_network(network, off), image, layers, *question.numbers)
    return {it.layer.name: it for it in found}


@server_state.cached(LAYERS_AT_MOST)
def explained(
    network: Network,
    picked: PickedImage,
    wanted: str,
    against: str,
    off: tuple[str, ...],
    layer: str,
    exact: bool = True,
) -> ExplainedLayer:
    """Return the units of a layer that raise a logit most and lower it most, cached.

    Args:
        network, picked, wanted, against, off: as for ``Question``.
        layer: name of the layer.
        exact: whether to measure what happens without each unit; else the effects are 0.
    """
    question = Question(network, picked, wanted, against, off)
    found = found_contributions(*question.parts)[layer]
    image = heatmaps.probe_cached(network, picked, None).image
    changed = switched_network(network, off)
    return explanation.explain_layer(changed, image, found, *question.numbers, COUNT, exact)


@server_state.cached(PICTURES_AT_MOST)
def where_url(
    network: Network,
    picked: PickedImage,
    wanted: str,
    against: str,
    off: tuple[str, ...],
    layer: str,
    unit: int,
    pixels: int,
) -> str:
    """Return the picture, dark where a unit contributes nothing of its sign, as a URL, cached.

    Args:
        network, picked, wanted, against, off: as for ``Question``.
        layer, unit: the unit.
        pixels: the longer side of the result.
    """
    found = found_contributions(network, picked, wanted, against, off)[layer]
    heat = explanation.contribution_map(found, unit, network.input_size)
    return heatmaps.lit_url(network, picked, heat, pixels)


def lit_picture(view: ProbeView) -> str | None:
    """Return the picture, dark where the chosen unit contributes nothing, as a URL.

    None without a unit, without answers, or if the unit's layer is not explained.
    """
    if view.layer is None or view.network.class_layer is None:
        return None
    question = read_question(view, [])
    if view.layer.name not in found_contributions(*question.parts):
        return None
    return where_url(*question.parts, view.layer.name, view.unit, heatmaps.SHOWN_PIXELS)


def _without(question: Question, layer: str, unit: int) -> str:
    """Return how the logit changes without a unit, as text."""
    measured = explained(*question.parts, layer)
    effects = {it.unit: it.effect for it in (*measured.raising, *measured.lowering)}
    return formatting.signed(-effects[unit])


def _show_layers(view: ProbeView, question: Question) -> None:
    """Show the units of each layer as tiles, those for the class first; a click chooses one."""
    network, shown = view.network, heatmaps.shown_layers(view.network, view.index)
    layers = [it for it in explanation.explained_layers(network) if it in shown]
    found = {it: explained(*question.parts, it.name, exact=False) for it in layers}
    units = {
        layer: [one.unit for one in (*it.raising, *it.lowering)] for layer, it in found.items()
    }
    every = [(layer, unit) for layer, some in units.items() for unit in some]
    makers = {
        ("where", layer.name, unit): partial(
            where_url, *question.parts, layer.name, unit, WHERE_PIXELS
        )
        for layer, unit in every
        if layer.spans is not None
    }
    makers |= {
        ("without", layer.name, unit): partial(_without, question, layer.name, unit)
        for layer, unit in every
    }
    made = incremental.make_in_time(makers)
    requests = job_requests.JobRequests()
    pictures = {it: plan_small_pictures(network, it, some) for it, some in units.items()}
    asked = requests.ask([recipe for it in pictures.values() for recipe in it.recipes])

    def select(tile_id: str) -> None:
        layer, unit = tile_id.rsplit(" ", 1)
        urls.update_query(layer=layer, unit=unit)

    def show(previews: job_status.Previews) -> None:
        for layer, its in found.items():
            show_layer_name(layer)
            if not units[layer]:
                st.caption("No neuron of this layer changes the answer.")
            for side, some, words in _sides(question, its):
                st.html(f'<p class="side-name {side}">{escape(words)}</p>')
                tiles = [_tile(pictures[layer], it, previews, view, made.pictures) for it in some]
                label = f"Neurons of {layer.name} in {title_of(network.name)} {words}"
                key = f"why {side} {layer.name}"
                place = " ".join(map(str, (view.picked.name, *question.parts[2:])))
                if tile_grid(tiles, key, label, select, COUNT, layer.spans is not None, place):
                    st.rerun()

    job_status.show_while_running("why", asked, percent, show, stop=False)
    chart.download_buttons(
        "why", formatting.file_stem(f"why {network.name} {question.wanted}"), _numbers(found, made)
    )
    if not made.complete:
        incremental.rerun_soon()
    requests.settle()


def _numbers(found: Mapping[Layer, ExplainedLayer], made: MadeSoFar[Any]) -> chart.Numbers:
    """Return a row of numbers for each unit that is shown."""
    return {
        f"{layer.name} {unit.unit}": {
            "name": unit.name,
            "contribution": unit.contribution,
            "share": unit.share,
            "without": _number(made.pictures.get(("without", layer.name, unit.unit))),
        }
        for layer, it in found.items()
        for unit in (*it.raising, *it.lowering)
    }


def _number(text: str | None) -> float | None:
    """Return a number that ``formatting.signed`` has written; None if there is none yet."""
    return None if text is None else float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def _sides(
    question: Question, layer: ExplainedLayer
) -> list[tuple[str, tuple[ExplainingUnit, ...], str]]:
    """Return a CSS class, the units and words for each side that has units."""
    wanted, against = question.wanted, question.against
    sides = [
        ("for", layer.raising, f"for {wanted}"),
        ("against", layer.lowering, f"for {against}" if against else f"against {wanted}"),
    ]
    return [it for it in sides if it[1]]


def _tile(
    pictures: SmallPictures,
    unit: ExplainingUnit,
    previews: job_status.Previews,
    view: ProbeView,
    made: dict[tuple[str, str, int], str],
) -> PictureTile:
    """Return the tile of a unit: what it contributes, its share, where, and its exact effect."""
    layer: Layer = pictures.layer
    number = f"{formatting.signed(unit.contribution)} ({percent(unit.share)})"
    tile = pictures.tile(unit.unit, previews, PIXELS, number)
    without = made.get(("without", layer.name, unit.unit))
    return replace(
        tile,
        note="",
        detail=f"without it {without}" if without else "",
        silent=False,
        beside=made.get(("where", layer.name, unit.unit)),
        chosen=(layer.name, unit.unit) == view.selected,
    )
