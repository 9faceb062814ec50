"""What people often believe about networks: in lessons 2, 3, 4 and 7, each with a measurement."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import streamlit as st
import torch

from core.analysis.crops import network_input
from core.errors import ExplorerError
from core.experiments import belief_measures, lesson_measures
from core.experiments.style_grid_measures import edges_kept
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.images.resize import resize_image
from core.networks.network import Network
from core.paintings import PAINTINGS
from explorer.reports import crop_images
from explorer.text.formatting import percent
from explorer.ui import image_picker, server_state
from explorer.ui.components.figure_row import CaptionedImage, figure_row
from explorer.ui.layers.small_pictures import plan_small_pictures
from explorer.ui.lessons import (
    dream_beliefs,
    feedback,
    gram_lesson,
    lesson_context,
    reconstruction,
    top_examples,
)
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import NO_LAYER, MeasuredAnswer, ask_question
from explorer.ui.lessons.remembered import remembered
from explorer.ui.lessons.texts import beliefs_of

HALF = 0.5
# Number of classes whose pictures are compared with drawings, at most.
CLASSES_AT_MOST = 72
# Changes that differ by less than this count as the same.
CLEARLY = 0.02
EVERYWHERE, SOMEWHERE, NOWHERE = "in every layer", "in some layers", "in no layer"
SAME, CHANGED, OTHER = "it stays the same", "it changes in part", "it becomes a different one"


class BeliefParts(NamedTuple):
    """The functions of a belief.

    Attributes:
        options: returns the possible answers to the question.
        answer: measures the answer; returns None while images are being made.
        pictures: shows pictures beneath the measured answer; None for none.
    """

    options: Callable[[LessonContext], Sequence[str]]
    answer: Callable[[LessonContext], MeasuredAnswer | None]
    pictures: Callable[[LessonContext], None] | None = None


def show_beliefs(context: LessonContext) -> None:
    """Show the beliefs of a lesson, each as a line that opens."""
    beliefs = beliefs_of(context.lesson)
    if beliefs:
        st.caption("What many people think. Is it true?")
    for belief in beliefs:
        parts = PARTS[belief.name]
        with st.expander(f"“{belief.belief}”", key=f"belief {belief.name}"):
            st.markdown(belief.words)

            answer = partial(parts.answer, context)
            told = ask_question(context, belief, parts.options(context), answer)
            if told and parts.pictures is not None:
                parts.pictures(context)


def trained_answer(context: LessonContext) -> MeasuredAnswer:
    """Measure how many of a unit's nine drawings agree, with the trained and random weights."""
    trained = top_examples.agreement(context.network)
    twin = random_twin(context.network)
    top_examples.open_index(twin)  # shows the progress, which a cached function would hide
    random = top_examples.agreement(twin)
    with_training, without = top_examples.in_nine(trained), top_examples.in_nine(random)
    nine = lesson_measures.NINE
    last = list(trained)[-1]
    chance = nine * lesson_measures.chance_agreement(top_examples.kinds())
    return MeasuredAnswer(
        top_examples.guess_of(random[last] * nine),
        f"{random[last] * nine:.1f} of nine in {last} with random weights, "
        f"{trained[last] * nine:.1f} with the trained ones; by chance it would be {chance:.1f}.",
        {"trained": with_training, "random weights": without},
        "{:.1f}".format,
        feedback.counted(
            {" with random weights": without, " with the trained weights": with_training},
            top_examples.guess_of,
        ),
        "The reason: random weights mix colours and lines by chance; only training makes them look "
        "for something.",
    )


def trained_pictures(context: LessonContext) -> None:
    """Show the nine crops of the chosen unit, with the trained and with random weights."""
    layer, unit = top_examples.chosen_unit(context)
    networks = {"trained": context.network, "random weights": random_twin(context.network)}
    images = []
    for name, network in networks.items():
        index = top_examples.open_index(network)
        if index.dead(layer.name, unit):
            st.caption(f"With {name}, no drawing excites neuron {unit} of {layer.name}.")
            continue
        url = crop_images.crop_sheet(index, layer.name, unit)
        images.append(CaptionedImage(f"neuron {unit} of {layer.name}", url, (name,)))
    if images:
        figure_row(images)


@server_state.cached(4)
def random_twin(network: Network) -> Network:
    """Return a network with random weights and the same architecture, cached."""
    return belief_measures.randomise_weights(network)


def fool_answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure by layer whether the pictures of classes are processed like drawings of the classes.

    Returns:
        The answer; None while pictures are being made.
    """
    network, layer = context.network, context.network.shown[-1]
    units = list(range(min(layer.channels, CLASSES_AT_MOST)))
    pictures = plan_small_pictures(network, layer, units)
    if not lesson_context.show_recipes(context, "classes", pictures.recipes, lambda _: None):
        return None
    found = {unit: pictures.find(unit) for unit in units}
    drawn = {unit: it.image for unit, it in found.items() if it is not None and not it.silent}
    values = compared_paths(network, layer.name, drawn)
    alike = [value >= HALF for value in values.values()]
    right = EVERYWHERE if all(alike) else NOWHERE if not any(alike) else SOMEWHERE
    least, last = min(values, key=lambda name: values[name]), list(values)[-1]
    return MeasuredAnswer(
        right,
        f"In {least} the pictures are {percent(values[least])} as similar to the drawings as "
        f"these are to one another, in {last} {percent(values[last])}. A picture tells what "
        "excites a neuron most, but not how the network comes there with real pictures.",
        {"similar to its drawings": values},
        percent,
        feedback.by_option(
            {
                EVERYWHERE: f"But in {least} they are less than half as similar.",
                SOMEWHERE: f"But it is the same in all layers, from {least} to {last}.",
                NOWHERE: f"But in {max(values, key=lambda name: values[name])} they are alike.",
            }
        ),
    )


@remembered(4, "Comparing the pictures with their drawings ...")
def compared_paths(network: Network, layer: str, drawn: Mapping[int, bytes]) -> dict[str, float]:
    """Return ``belief_measures.path_similarity`` of units' pictures and nine drawings, cached.

    Raises:
        ExplorerError: fewer than two units have a picture and drawings that excite them.
    """
    index = top_examples.open_index(network)
    hits = {unit: index.top(layer, unit)[: lesson_measures.NINE] for unit in drawn}
    chosen = [unit for unit in drawn if len(hits[unit]) > 1]
    if len(chosen) < 2:
        raise ExplorerError(f"too few neurons of {layer} can be excited; try another network")
    size = network.input_size
    images = [lesson_context.image_tensor(drawn[unit]) for unit in chosen]
    examples = []
    for unit in chosen:
        opened = [index.picture(hit.picture) for hit in hits[unit]]
        inputs = [network_input(it, CenterCrop((it.height, it.width), size)) for it in opened]
        examples.append(torch.cat(inputs))
    resized = torch.cat([resize_image(it, size).clamp(0, 1) for it in images])
    return belief_measures.path_similarity(network, resized, examples)


def seed_options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: the names of the layers, and that there is none."""
    return [*reconstruction.options(context), NO_LAYER]


def seed_answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure by layer how many edges two reconstructions with other seeds have in common."""
    picked = image_picker.picked_image("picture", reconstruction.SAMPLE, [])
    recipes = {
        (layer, seed): reconstruction.recipe(context.network, picked, layer, seed)
        for layer in reconstruction.options(context)
        for seed in (0, 1)
    }
    made = lesson_context.make_all(context, "two seeds", recipes)
    if made is None:
        return None
    values = {
        layer: edges_kept(*(lesson_context.image_tensor(made[layer, seed]) for seed in (0, 1)))
        for layer in reconstruction.options(context)
    }
    right = next((name for name, value in values.items() if value < HALF), NO_LAYER)
    words = ", ".join(f"{name} {percent(value)}" for name, value in values.items())
    return MeasuredAnswer(
        right,
        f"Edges in common: {words}. What a layer does not record, the noise decides.",
        {"edges in common": values},
        percent,
        feedback.first_layer(
            right,
            values,
            lambda value: value < HALF,
            "has {} of the edges in common",
            "half or more",
        ),
    )


def places_answer(context: LessonContext) -> MeasuredAnswer:
    """Measure by layer how a random order of places changes the Gram matrix and the activations."""
    one = gram_lesson.picked_painting("painting", gram_lesson.ONE)
    other = gram_lesson.picked_painting("beside", gram_lesson.OTHER)
    if one == other:
        other = next(it for it in PAINTINGS if it != one)
    changes = shuffled_places(context.network, one, other)
    gram = {name: both[0] for name, both in changes.items()}
    places = {name: both[1] for name, both in changes.items()}
    by_gram, by_place = (sum(it.values()) / len(it) for it in (gram, places))
    right = SAME if by_gram < CLEARLY else CHANGED if by_gram < 1 - CLEARLY else OTHER
    return MeasuredAnswer(
        right,
        f"The Gram matrix changes by {percent(by_gram)}, the activations at each place by "
        f"{percent(by_place)} of the difference between the paintings (mean over the layers). It "
        "does not record where anything is, so there are no pieces to paste.",
        {"Gram matrix": gram, "place by place": places},
        percent,
        feedback.by_option(
            {
                SAME: "But it does change.",
                CHANGED: "But a sum over all places does not depend on their order.",
                OTHER: "But a sum over all places does not depend on their order.",
            }
        ),
        "The reason: each number in it is a mean over all places.",
    )


@remembered(16)
def shuffled_places(network: Network, one: str, other: str) -> dict[str, tuple[float, float]]:
    """Return the result of ``belief_measures.shuffle_places`` for two paintings, cached."""
    image, beside = (image_io.to_tensor(gram_lesson.painting_image(it)) for it in (one, other))
    return belief_measures.shuffle_places(network, image, beside)


PARTS: Mapping[str, BeliefParts] = {
    "trained": BeliefParts(top_examples.options, trained_answer, trained_pictures),
    "fool": BeliefParts(lambda _: (EVERYWHERE, SOMEWHERE, NOWHERE), fool_answer),
    "seed": BeliefParts(seed_options, seed_answer),
    "places": BeliefParts(lambda _: (SAME, CHANGED, OTHER), places_answer),
    "learning": BeliefParts(lambda _: dream_beliefs.AMOUNTS, dream_beliefs.learning_answer),
    "data": BeliefParts(lambda _: dream_beliefs.DRAWN_PARTS, dream_beliefs.data_answer),
    "sizes": BeliefParts(lambda _: dream_beliefs.TRENDS, dream_beliefs.sizes_answer),
}
