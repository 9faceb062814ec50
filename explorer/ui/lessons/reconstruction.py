"""Lesson 3: which content of an image the activations of a layer keep.

The image is reconstructed from the activations of one layer.
"""

from collections.abc import Sequence

import streamlit as st

from core.experiments.style_grid_measures import edges_kept
from core.images import image_io
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.style import transfer
from explorer.text import glossary
from explorer.text.formatting import percent
from explorer.ui import image_picker, link_problems, server_state, url_controls, urls
from explorer.ui.lessons import feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import NO_LAYER, MeasuredAnswer

SAMPLE = "cat"
# Size of the reconstruction, and of the smallest size at which it begins. The number of steps is
# the default, after which the edges have converged. After half as many steps, the rounding errors
# of another processor change a tenth of the edges that are kept by deep layers.
SIZE, SMALLEST = 128, 64
# The seeds to choose from.
SEEDS = (0, 1, 2, 3)
# The answer is the first layer that keeps less than this share of the edges. It is between the
# shares of SketchNet's third stage (75 to 90% for the samples) and fourth stage (42 to 62% for most
# samples).
MOST = 2 / 3


def recipe(
    network: Network, picked: image_picker.PickedImage, layer: str, seed: int = 0
) -> StyleRecipe:
    """Return the recipe that reconstructs an image from the activations of one layer.

    Args:
        network: the network.
        picked: the image.
        layer: name of the layer.
        seed: seed of the noise that the reconstruction begins with.
    """
    return transfer.plan(
        network,
        content=image_picker.store_input(picked),
        content_layers=(layer,),
        init="noise",
        size=SIZE,
        smallest=SMALLEST,
        seed=seed,
    )


def stage(context: LessonContext) -> None:
    """Show an image, and its reconstruction from the chosen layer."""
    picked = image_picker.pick_image("picture", SAMPLE, context.problems)
    layers = lesson_context.sample_layers(context.network)
    layer = lesson_context.layer_slider(context, layers, 0)

    def describe(image: bytes | None) -> tuple[Sequence[str], ...]:
        if image is None:
            return (), ("began as noise",)
        return (), (f"{percent(kept(picked, image))} of the edges kept",)

    known = recipe(context.network, picked, layer.name, _pick_seed(context))
    title, colour = f"what {layer.name} records of it", lesson_context.layer_colour(layer)
    lesson_context.show_result(context, "known", known, title, [picked], describe, colour)


def _pick_seed(context: LessonContext) -> int:
    """Show the choice of the seed, and return the one in the URL."""
    seed = SEEDS[0]
    with link_problems.collect(context.problems):
        seed = urls.number("seed", (SEEDS[0], SEEDS[-1])) or SEEDS[0]
    st.segmented_control(
        "Seed of the noise",
        SEEDS,
        required=True,
        help=glossary.help_text("seed"),
        **url_controls.bind("seed", seed, lambda it: urls.update_query(seed=it or None)),
    )
    return seed


@server_state.cached(128)
def kept(picked: image_picker.PickedImage, reconstruction: bytes) -> float:
    """Return the share of an image's edges that a reconstruction has at the same positions."""
    small = image_io.to_tensor(image_io.resize_longer_side(picked.picture, SIZE))
    return edges_kept(small, lesson_context.image_tensor(reconstruction))


def choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all layers and seeds."""
    layers = lesson_context.sample_layers(network)
    return [{"layer": it.name, "seed": str(seed)} for it in layers for seed in SEEDS]


def options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: the names of the layers."""
    return [it.name for it in lesson_context.sample_layers(context.network)]


def answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure the share of the image's edges that the reconstruction from each layer has.

    Returns:
        The answer; None while reconstructions are being made.
    """
    picked = image_picker.picked_image("picture", SAMPLE, [])
    recipes = {it: recipe(context.network, picked, it) for it in options(context)}
    made = lesson_context.make_all(context, "reconstructions", recipes)
    if made is None:
        return None
    values = {layer: kept(picked, image) for layer, image in made.items()}
    right = next((name for name, value in values.items() if value < MOST), NO_LAYER)
    words = ", ".join(f"{name} {percent(value)}" for name, value in values.items())
    return MeasuredAnswer(
        right,
        f"Edges kept: {words}.",
        {"edges kept": values},
        percent,
        feedback.first_layer(
            right,
            values,
            lambda value: value < MOST,
            "keeps {} of the edges",
            "more than two thirds",
        ),
        feedback.places_apart(feedback.find_layer(context.network, right)),
    )
