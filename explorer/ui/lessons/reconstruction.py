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
from explorer.ui import image_picker
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, MeasuredAnswer

SAMPLE = "cat"
# Size of the reconstruction, and of the smallest size at which it begins. The number of steps is
# the default, after which the edges have converged. After half as many steps, the rounding errors
# of another processor change a tenth of the edges that are kept by deep layers.
SIZE, SMALLEST = 128, 64
# The answer is the first layer that keeps less than this share of the edges. It is between the
# shares of SketchNet's third stage (75 to 90% for the samples) and fourth stage (42 to 62% for most
# samples).
MOST = 2 / 3


def recipe(network: Network, picture: str, layer: str) -> StyleRecipe:
    """Return the recipe that reconstructs an image from the activations of one layer.

    Args:
        network: the network.
        picture: fingerprint of the image.
        layer: name of the layer.
    """
    return transfer.plan(
        network,
        content=picture,
        content_layers=(layer,),
        init="noise",
        size=SIZE,
        smallest=SMALLEST,
    )


def stage(context: LessonContext) -> None:
    """Show an image, and its reconstruction from the chosen layer."""
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
    """Return the share of an image's edges that a reconstruction has at the same positions.

    Args:
        picture, reconstruction: both images, encoded, of one size.
    """
    return edges_kept(*(lesson_context.image_tensor(it) for it in (picture, reconstruction)))


def options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: the names of the layers."""
    return [it.name for it in lesson_context.sample_layers(context.network)]


def answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure the share of the image's edges that the reconstruction from each layer has.

    Returns:
        The answer; None while reconstructions are being made.
    """
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
    """Return by layer the share of an image's edges that the reconstruction from it has.

    Args:
        picture: the image, encoded.
        layers: names of the layers.
        made: the reconstruction from each layer, encoded.
    """
    return {layer: kept(picture, image) for layer, image in zip(layers, made, strict=True)}
