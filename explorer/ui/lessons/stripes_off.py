"""Lesson 8: how many neurons must be turned off before a network no longer sees stripes."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.analysis import unit_effects
from core.analysis.picture_sample import PictureSample
from core.analysis.unit_effects import EffectMeter, UnitEffect
from core.errors import ExplorerError
from core.experiments import stripe_measures
from core.networks import Layer, Network, depth_sampling
from core.networks.known_networks import title_of
from explorer.text.formatting import percent
from explorer.ui import job_status, link_problems, server_state, url_controls, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.figure_row import CaptionedImage, figure_row
from explorer.ui.layers import neuron_grid, small_pictures
from explorer.ui.lessons import feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import MeasuredAnswer
from explorer.ui.lessons.remembered import remembered

FIRST_DEPTH = 0.64
# Numbers of neurons that can be turned off in the experiment, and the first one.
COUNTS, FIRST = (0, 1, 2, 4, 8, 16, 24, 32, 48, 64), 1
# Neurons that are shown, and drawings: the first of each class of stripes, and some others.
SHOWN, OTHERS = 8, ("house", "cat", "wheel", "sea")
PIXELS = 192
GUESSES = ("1", "2 to 8", "9 to 32", "more than 32")
ENDS = (1, 8, 32)


def stage(context: LessonContext) -> None:
    """Show the neurons of a layer that respond most to stripes, and answers without them."""
    network = context.network
    if words := unit_effects.no_answers(network):
        raise ExplorerError(words)
    layers = layers_of(network)
    layer = lesson_context.layer_slider(context, layers, _usual(layers))
    count = _pick_count(context, layer)
    order = neurons_of_stripes(network, layer.name)
    html_snippets.side_heading(f"The neurons of {layer.name} that respond most to stripes")
    _show_neurons(context, layer, order[:SHOWN])
    effect = answers_without(network, layer.name, count)
    without = "all neurons are on" if not count else f"without {_neurons(count)}"
    html_snippets.side_heading(f"What {title_of(network.name)} answers, {without}")
    images = shown_drawings(network)
    cells = []
    for at, (label, url) in enumerate(images):
        before, after = (
            network.labels[int(logits[at].argmax())] for logits in (effect.before, effect.after)
        )
        words = f"still {after}" if before == after else f"{before} \N{RIGHTWARDS ARROW} {after}"
        cells.append(CaptionedImage(label, url, (words if count else before,)))
    half = len(stripe_measures.STRIPED)
    for some in (cells[:half], cells[half:]):
        figure_row(some)


def layers_of(network: Network) -> list[Layer]:
    """Return the layers to choose from: all that are shown but the logits."""
    return [it for it in network.shown if it != network.class_layer] or list(network.shown)


def _usual(layers: Sequence[Layer]) -> int:
    return depth_sampling.nearest_to_depth(layers, FIRST_DEPTH)


def chosen_layer(network: Network) -> Layer:
    """Return the layer that the URL names, or that at which the slider begins."""
    layers = layers_of(network)
    names = [it.name for it in layers]
    return layers[names.index(urls.one_of("layer", names, names[_usual(layers)], []))]


def _pick_count(context: LessonContext, layer: Layer) -> int:
    """Show the choice how many neurons are turned off, and return the number."""
    able = [it for it in COUNTS if it < layer.channels]
    count = min(FIRST, able[-1])
    with link_problems.collect(context.problems):
        named = urls.number("off", (0, COUNTS[-1]))
        count = count if named is None else max(it for it in able if it <= named)
    st.select_slider(
        "Neurons that are turned off",
        able,
        **url_controls.bind("off", count, lambda it: urls.update_query(off=it)),
    )
    return count


def _neurons(count: int) -> str:
    return "the first of them" if count == 1 else f"the first {count} of them"


def _show_neurons(context: LessonContext, layer: Layer, units: Sequence[int]) -> None:
    """Show the pictures of some neurons; a click opens the Neuron page."""
    network = context.network
    pictures = small_pictures.plan_small_pictures(network, layer, units)

    def show(previews: job_status.Previews) -> None:
        tiles = [pictures.tile(unit, previews) for unit in units]
        label = f"Neurons of {layer.name} in {title_of(network.name)} that respond to stripes"
        neuron_grid.link_grid(network, tiles, "stripes", label, len(tiles))

    lesson_context.show_recipes(context, "stripes", pictures.recipes, show)


@server_state.cached(32, "Looking for neurons that respond to stripes ...")
def neurons_of_stripes(network: Network, layer: str) -> list[int]:
    """Return the units of a layer, those that respond most to stripes first, cached."""
    pictures = stripe_measures.drawings(network, stripe_measures.ORDERING)
    return stripe_measures.units_of_stripes(network, network.layer(layer), pictures)


@server_state.cached(4)
def shown_drawings(network: Network) -> list[tuple[str, str]]:
    """Return the class and the URL of each drawing that the experiment shows, cached."""
    pictures = _shown(network)
    return list(zip(pictures.labels, lesson_context.picture_urls(pictures, PIXELS), strict=True))


def _shown(network: Network) -> PictureSample:
    """Return the drawings that are shown: the first of each class of stripes, and some others."""
    rows = [stripe_measures.LABELS.index(it) for it in (*stripe_measures.STRIPED, *OTHERS)]
    return stripe_measures.drawings(network, stripe_measures.COUNTING, rows)


@server_state.cached(64)
def answers_without(network: Network, layer: str, count: int) -> UnitEffect:
    """Return the logits for the shown drawings, with all neurons and without some, cached."""
    meter = EffectMeter(network, network.layer(layer), _shown(network))
    return meter.measure(dict.fromkeys(neurons_of_stripes(network, layer)[:count], 0.0))


def choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all layers that the lesson offers."""
    return [{"layer": it.name} for it in layers_of(network)]


def options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: ranges of the number of neurons."""
    return GUESSES


def answer(context: LessonContext) -> MeasuredAnswer:
    """Measure how many neurons must be off before half of the striped drawings change."""
    network = context.network
    layer = chosen_layer(network)
    found = other_answers(network, layer.name)
    striped, others, random = (
        {int(count): values[at] for count, values in found.items()} for at in range(3)
    )
    enough = stripe_measures.first_half(striped)
    last = enough or max(striped)
    return MeasuredAnswer(
        guess_of(enough),
        f"Without {last} of the {layer.channels} neurons of {layer.name}, {percent(striped[last])} "
        f"of the striped drawings get another answer, and {percent(others[last])} of the others; "
        f"without {last} neurons chosen at random, {percent(random[last])} of the striped ones.",
        {
            "striped drawings": _by_count(striped),
            "other drawings": _by_count(others),
            "striped, neurons at random": _by_count(random),
        },
        percent,
        feedback.by_option({it: _of_guess(it, striped) for it in GUESSES}),
        "The reason: many neurons respond to stripes, each in its own way, and the layers behind "
        "read all of them. So hardly any answer depends on a single neuron.",
    )


def _by_count(values: Mapping[int, float]) -> dict[str, float]:
    return {f"{count} off": value for count, value in values.items()}


def _of_guess(guess: str, striped: Mapping[int, float]) -> str:
    """Return what was measured with the largest number of neurons that a guess allows."""
    end = dict(zip(GUESSES, ENDS, strict=False)).get(guess, max(striped))
    count = max((it for it in striped if it <= end), default=min(striped))
    noun = "neuron" if count == 1 else "neurons"
    return f"Without {count} {noun}, it is {percent(striped[count])} of them."


def guess_of(count: int | None) -> str:
    """Return the answer that fits a number of neurons, such as ``9 to 32`` for 24."""
    if count is None:
        return GUESSES[-1]
    return next((it for it, end in zip(GUESSES, ENDS, strict=False) if count <= end), GUESSES[-1])


@remembered(16, "Turning neurons off on 108 drawings ...")
def other_answers(network: Network, layer: str) -> dict[str, tuple[float, float, float]]:
    """Return the attributes of ``OtherAnswers`` by the number of neurons that are off, cached."""
    found = stripe_measures.count_other_answers(
        network, network.layer(layer), neurons_of_stripes(network, layer)
    )
    return {str(count): (it.striped, it.others, it.random) for count, it in found.items()}
