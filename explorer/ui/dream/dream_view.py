"""The dream that the URL of the Dream page describes, and small example dreams of many layers."""

from dataclasses import dataclass

import streamlit as st

from core.dreams import render_dreams
from core.images import image_io
from core.networks import Layer, Network, depth_sampling
from core.recipes.dream import DreamRecipe
from explorer.text import formatting
from explorer.ui import image_picker, server_state, url_codecs
from explorer.ui.components.layer_pickers import SliderStop, slider_stop
from explorer.ui.image_picker import PickedImage

# The sample that is the default input image.
SAMPLE = "astronaut"
# The example dreams above the slider: their longer side in pixels, and their number. Until those of
# the visitor's picture are finished, those of the sample are shown.
EXAMPLE_PIXELS, EXAMPLES_AT_MOST = 144, 12
# Number of small images that stay in memory.
SMALL_AT_MOST = 24


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


def example(network: Network, layer: Layer, picture: PickedImage) -> DreamRecipe:
    """Return the recipe of the small example dream of a layer, which starts from an image."""
    image = store_small(picture)
    return render_dreams.plan(network, [layer.name], image, size=EXAMPLE_PIXELS)


def store_small(picture: PickedImage) -> str:
    """Store the small image that example dreams start from, and return its fingerprint."""
    return image_picker.store_input(small(picture))


@server_state.cached(SMALL_AT_MOST)
def small(picture: PickedImage) -> PickedImage:
    """Return the small image that example dreams of an image start from, cached."""
    reduced = image_io.resize_longer_side(picture.picture, 2 * EXAMPLE_PIXELS)
    return PickedImage(picture.name, picture.title, reduced)


def example_layers(network: Network) -> list[Layer]:
    """Return the layers with an example dream above the slider."""
    return depth_sampling.evenly_spaced(network.shown, EXAMPLES_AT_MOST)


def depth_stops(network: Network, picture: PickedImage) -> tuple[list[SliderStop], str]:
    """Return the slider's stops, one for each layer, and a sentence on the images above them.

    Args:
        network: the network that dreams.
        picture: the image of which dreams are shown. Where they are not finished, the dreams of the
            sample are shown, which ship with the project for SketchNet.
    """
    sample = image_picker.find_image(SAMPLE)
    layers = example_layers(network)
    own, usual = (
        {it: server_state.finished_image(example(network, it, shown)) for it in layers}
        for shown in (picture, sample)
    )
    stops = [slider_stop(it, own.get(it) or usual.get(it), it in own) for it in network.shown]
    ready = sum(it is not None for it in own.values())
    others = sum(usual[it] is not None for it in layers if own[it] is None)
    title = formatting.escape_markdown(picture.title)
    return stops, describe_examples(title, sample.title, ready, others)


def describe_examples(title: str, sample: str, ready: int, others: int) -> str:
    """Return a sentence on whose dreams are above the slider; "" if there are none.

    Args:
        title: title of the visitor's picture, as Markdown.
        sample: title of the sample.
        ready: number of dreams that start from the visitor's picture.
        others: number of dreams that start from the sample.
    """
    if not others:
        return f"The small dreams show: {title}." if ready else ""
    if not ready:
        return f"The small dreams show, as an example: {sample}; those of {title} are on the way."
    return (
        f"The small dreams show: {title} ({ready} of {ready + others}); the others still show the "
        f"example, {sample}."
    )
