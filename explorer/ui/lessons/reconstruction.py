"""Lesson 3: content, as the reconstruction of an image from each layer."""

from collections.abc import Sequence

import streamlit as st

from core.experiments.style_grid_measures import edges_kept
from core.images import image_io
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.style import transfer
from explorer.ui import image_picker
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, MeasuredAnswer

SAMPLE = "cat"
# With the default number of steps the edges have converged; after half of them, the rounding of
# another processor moves a tenth of those that deep layers keep.
SIZE, SMALLEST = 128, 64
# Between the share that SketchNet's third stage keeps of the samples' edges (75 to 90%) and that of
# its fourth, for most of them (42 to 62%).
MOST = 2 / 3


def recipe(network: Network, picture: str, layer: str) -> StyleRecipe:
    """Return the recipe that reconstructs an image, given by its fingerprint, from a layer."""
    return transfer.plan(
        network,
        content=picture,
        content_layers=(layer,),
        init="noise",
        size=SIZE,
        smallest=SMALLEST,
    )


def stage(context: LessonContext) -> None:
    """Show an image, and its reconstruction from one layer."""
    picked = image_picker.pick_image("picture", SAMPLE, context.problems)
    layers = lesson_context.sample_layers(context.network)
    layer = lesson_context.layer_slider(context, layers, min(2, len(layers) - 1))

    def describe(image: bytes | None) -> tuple[Sequence[str], ...]:
        if image is None:
            return (), ("began as noise",)
        return (), (f"{kept(_small(picked), image):.0%} of the edges kept",)

    known = recipe(context.network, image_picker.store_input(picked), layer.name)
    title, colour = f"what {layer.name} knows of it", lesson_context.layer_colour(layer)
    lesson_context.show_result(context, "known", known, title, [picked], describe, colour)


def _small(picked: image_picker.PickedImage) -> bytes:
    return image_io.encode_png(image_io.resize_longer_side(picked.picture, SIZE))


def kept(picture: bytes, reconstruction: bytes) -> float:
    """Return the share of an image's edges that a reconstruction of the same size has."""
    return edges_kept(*(lesson_context.image_tensor(it) for it in (picture, reconstruction)))


def options(context: LessonContext) -> Sequence[str]:
    """Return the names of the layers."""
    return [it.name for it in lesson_context.sample_layers(context.network)]


def answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure the share of edges that each layer keeps."""
    picked = image_picker.picked_image("picture", SAMPLE, [])
    fingerprint = image_picker.store_input(picked)
    layers = options(context)
    recipes = [recipe(context.network, fingerprint, it) for it in layers]
    made = lesson_context.make_all(context, "knows", recipes)
    if made is None:
        return None
    values = measure(_small(picked), layers, made)
    right = next((name for name, value in values.items() if value < MOST), "no layer")
    words = ", ".join(f"{name} {value:.0%}" for name, value in values.items())
    return MeasuredAnswer(right, f"Edges kept: {words}.", {"edges kept": values}, "{:.0%}".format)


@st.cache_data(max_entries=32, show_spinner=False)
def measure(picture: bytes, layers: Sequence[str], made: Sequence[bytes]) -> dict[str, float]:
    """Return the share of edges that each layer keeps, by its name."""
    return {layer: kept(picture, image) for layer, image in zip(layers, made, strict=True)}
