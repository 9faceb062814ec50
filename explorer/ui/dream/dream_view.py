"""The dream that the URL of the Dream page describes, and small example dreams of many layers."""

import functools
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from core.datasets import samples
from core.dreams import render_dreams
from core.images import image_io
from core.networks import Layer, Network, depth_sampling
from core.recipes.dream import DreamRecipe
from explorer.ui import image_picker, server_state, url_codecs
from explorer.ui.components.layer_pickers import SliderStop, slider_stop
from explorer.ui.image_picker import PickedImage

# The sample that is the default input image.
SAMPLE = "astronaut"
# The example dreams above the slider: the sample that they start from, their longer side in
# pixels, and their number.
EXAMPLE, EXAMPLE_PIXELS, EXAMPLES_AT_MOST = "cat", 144, 12


@dataclass(frozen=True)
class DreamView:
    """A dream that the page shows.

    Attributes:
        layer: the layer whose activation is maximised.
        picture: the image that the dream starts from.
        recipe: the recipe of the dream.
        asked: whether the visitor chose anything besides the network.
    """

    layer: Layer
    picture: PickedImage
    recipe: DreamRecipe
    asked: bool


def read_view(network: Network, picture: PickedImage, guide: PickedImage | None) -> DreamView:
    """Read from the URL which dream to show.

    Args:
        network: the network that dreams.
        picture: the image that the URL names.
        guide: the guide image that the URL names, if any.

    Raises:
        ExplorerError: something in the link does not exist or is out of bounds.
    """
    recipe = url_codecs.dream_from_query(
        st.query_params.to_dict(),
        network,
        image_picker.store_input(picture),
        "" if guide is None else image_picker.store_input(guide),
    )
    asked = bool(set(st.query_params) - {"network"})
    return DreamView(network.layer(recipe.layer), picture, recipe, asked)


def example(network: Network, layer: Layer) -> DreamRecipe:
    """Return the recipe of the small example dream of a layer."""
    image = image_picker.store_input(PickedImage(EXAMPLE, EXAMPLE, _small()))
    return render_dreams.plan(network, [layer.name], image, size=EXAMPLE_PIXELS)


@functools.cache
def _small() -> Image.Image:
    return image_io.resize_longer_side(samples.picture(EXAMPLE), 2 * EXAMPLE_PIXELS)


def example_layers(network: Network) -> list[Layer]:
    """Return the layers with an example dream above the slider."""
    return depth_sampling.evenly_spaced(network.shown, EXAMPLES_AT_MOST)


def depth_stops(network: Network) -> list[SliderStop]:
    """Return the slider's stops, one for each layer, with the example dreams that are finished."""
    examples = {it: example(network, it) for it in example_layers(network)}
    images = {layer: server_state.finished_image(it) for layer, it in examples.items()}
    return [slider_stop(it, images.get(it), it in images) for it in network.shown]
