"""Lesson 3: what each layer still knows of a picture."""

from collections.abc import Sequence

import streamlit as st

from core.experiments.style_grid_measures import edges_kept
from core.images import image_io
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.style import transfer
from explorer.ui import image_picker, job_status
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, LessonPicture, MeasuredAnswer

SAMPLE = "cat"
# After the usual steps edges are where they will be; after half of them, another processor's
# rounding moves a tenth of those that deep layers keep.
SIZE, SMALLEST = 128, 64
# Between what SketchNet's third stage keeps of the samples (75 to 90%) and its fourth of most of
# them (42 to 62%).
MOST = 2 / 3


def recipe(network: Network, picture: str, layer: str) -> StyleRecipe:
    """Write the recipe of what a layer knows of a picture, by its fingerprint."""
    return transfer.plan(
        network,
        content=picture,
        content_layers=(layer,),
        init="noise",
        size=SIZE,
        smallest=SMALLEST,
    )


def stage(here: LessonContext) -> None:
    """Show a picture, and what one layer knows of it."""
    chosen = lesson_context.pick_photograph(here, SAMPLE)
    layers = lesson_context.sample_layers(here.network)
    layer = lesson_context.layer_slider(here, layers, min(2, len(layers) - 1))
    wanted = recipe(here.network, image_picker.store_input(chosen), layer.name)
    size = (chosen.picture.height, chosen.picture.width)

    def show(previews: job_status.Previews) -> None:
        image = lesson_context.finished_picture(wanted)
        lines: tuple[str, ...] = ("began as noise",)
        if image is not None:
            lines = (f"{kept(_small(chosen), image):.0%} of the edges kept",)
        own = LessonPicture(chosen.title, lesson_context.input_picture(chosen))
        title = f"what {layer.name} knows of it"
        lesson_context.picture_row(
            [
                own,
                lesson_context.recipe_picture(
                    wanted, previews, title, lines, lesson_context.layer_colour(layer)
                ),
            ],
            size,
        )

    lesson_context.show_recipes(here, "known", [wanted], show)


def _small(chosen: image_picker.PickedImage) -> bytes:
    return image_io.encode_png(image_io.resize_longer_side(chosen.picture, SIZE))


def kept(picture: bytes, reconstruction: bytes) -> float:
    """Tell which share of a picture's edges a reconstruction of its size has."""
    return edges_kept(
        lesson_context.image_tensor(picture), lesson_context.image_tensor(reconstruction)
    )


def options(here: LessonContext) -> Sequence[str]:
    """Name the layers."""
    return [it.name for it in lesson_context.sample_layers(here.network)]


def answer(here: LessonContext) -> MeasuredAnswer | None:
    """Measure what each depth keeps of the edges."""
    chosen = image_picker.picked_image("picture", SAMPLE, []) or image_picker.find_image(SAMPLE)
    layers = lesson_context.sample_layers(here.network)
    recipes = [recipe(here.network, image_picker.store_input(chosen), it.name) for it in layers]
    if not lesson_context.show_recipes(here, "knows", recipes, lambda _: None):
        return None
    values = measure(
        _small(chosen), layers, [lesson_context.finished_picture(it) or b"" for it in recipes]
    )
    right = next((name for name, value in values.items() if value < MOST), "no layer")
    told = ", ".join(f"{name} {value:.0%}" for name, value in values.items())
    return MeasuredAnswer(right, f"Edges kept: {told}.", {"edges kept": values}, "{:.0%}".format)


@st.cache_data(max_entries=32, show_spinner=False)
def measure(picture: bytes, _layers: Sequence[Layer], made: Sequence[bytes]) -> dict[str, float]:
    """Measure it once for all."""
    return {layer.name: kept(picture, image) for layer, image in zip(_layers, made, strict=True)}
