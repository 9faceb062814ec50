"""Lesson 7: at which depth the eyes of dreams come."""

from collections.abc import Sequence

import streamlit as st

from core.analysis import unit_labels
from core.dreams import render_dreams
from core.experiments import concept_growth
from core.experiments.style_grid_measures import eye_growth
from core.images import image_io
from core.networks import registry
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.dream import DreamRecipe
from explorer.ui import image_picker, job_status, server_state, urls
from explorer.ui.image_picker import PickedImage
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, LessonPicture, MeasuredAnswer

SAMPLE = "cat"
SIZE, OCTAVES = 256, 3


def recipe(network: Network, picture: PickedImage, layer: str) -> DreamRecipe:
    """Write the recipe of a small dream."""
    return render_dreams.plan(
        network, [layer], image_picker.store_input(picture), size=SIZE, octaves=OCTAVES
    )


def layers_of(network: Network) -> list[Layer]:
    """Choose the depths that dream: every second layer, so that none is far from another."""
    return lesson_context.sample_layers(
        network, max(lesson_context.DEPTHS, len(network.shown) // 2)
    )


def stage(here: LessonContext) -> None:
    """Show a picture, and how one layer dreams it."""
    picture = lesson_context.pick_photograph(here, SAMPLE)
    layers = layers_of(here.network)
    layer = lesson_context.layer_slider(here, layers, min(1, len(layers) - 1))
    wanted = recipe(here.network, picture, layer.name)
    size = (picture.picture.height, picture.picture.width)

    def show(previews: job_status.Previews) -> None:
        title = f"dreamt by {layer.name}"
        lines: tuple[str, ...] = ("\N{NO-BREAK SPACE}",)
        image = lesson_context.finished_picture(wanted)
        if image is not None:
            value = grown(here.network, picture, [layer.name], [image])[layer.name]
            lines = (f"eyes see {value:.1f} times as much in it",)
        lesson_context.picture_row(
            [
                LessonPicture(picture.title, lesson_context.input_picture(picture)),
                lesson_context.recipe_picture(
                    wanted, previews, title, lines, lesson_context.layer_colour(layer)
                ),
            ],
            size,
        )

    lesson_context.show_recipes(here, "dreamt", [wanted], show)
    query = {"network": here.network.name, "layer": layer.name, "picture": picture.name}
    icon = ":material/bedtime:"
    st.page_link(urls.DREAM, label="Dream on with this layer", icon=icon, query_params=query)


def options(here: LessonContext) -> Sequence[str]:
    """Name the layers."""
    return [it.name for it in layers_of(here.network)]


def answer(here: LessonContext) -> MeasuredAnswer | None:
    """Measure how much more the neurons of eyes see, by the depth that dreams."""
    picture = image_picker.picked_image("picture", SAMPLE, []) or image_picker.find_image(SAMPLE)
    layers = layers_of(here.network)
    recipes = [recipe(here.network, picture, it.name) for it in layers]
    if not lesson_context.show_recipes(here, "all dreamt", recipes, lambda _: None):
        return None
    made = [lesson_context.finished_picture(it) or b"" for it in recipes]
    values = grown(here.network, picture, [it.name for it in layers], made)
    right = max(values, key=lambda name: values[name])
    deepest = list(values)[-1]
    return MeasuredAnswer(
        right,
        f"Where {right} dreams, neurons of eyes see {values[right]:.1f} times as much as usual "
        f"ones; where {deepest} does, {values[deepest]:.1f} times.",
        {"neurons of eyes, times as much": values},
        "{:.1f}".format,
    )


def grown(
    network: Network, picture: PickedImage, layers: Sequence[str], made: Sequence[bytes]
) -> dict[str, float]:
    """Measure how many times as much SketchNet's neurons of eyes see in dreams, by the dreamer."""
    return _grown(network.name, image_picker.store_input(picture), tuple(layers), tuple(made))


@st.cache_data(max_entries=64, show_spinner=False)
def _grown(
    network: str, fingerprint: str, layers: tuple[str, ...], made: tuple[bytes, ...]
) -> dict[str, float]:
    judge = server_state.network(registry.SKETCHNET)
    labels = unit_labels.clear_labels(judge)
    named = sorted({it.layer for it in labels})
    picture = image_io.open_picture(server_state.store().input(fingerprint) or b"")
    before = concept_growth.respond(
        judge, image_io.to_tensor(image_io.resize_longer_side(picture, SIZE)), named
    )
    found = {}
    for layer, image in zip(layers, made, strict=True):
        own = layer if network == judge.name else ""
        asked = [it for it in labels if it.layer != own]
        value = eye_growth(
            before, concept_growth.respond(judge, lesson_context.image_tensor(image), named), asked
        )
        found[layer] = 2 ** (value or 0.0)
    return found
