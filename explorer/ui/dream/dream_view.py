"""What the Dream page shows: a dream as the URL describes it, and what each depth paints."""

import functools
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from core.datasets import samples
from core.dreams import render_dreams
from core.errors import ExplorerError
from core.images import image_io
from core.networks.depth_sampling import evenly_spaced
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.dream import DreamRecipe
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.jobs.job import Job
from explorer.ui import image_picker, job_status, server_state, url_codecs, urls
from explorer.ui.components import layer_pickers
from explorer.ui.image_picker import PickedImage

# The picture that is dreamt where a link names none.
SAMPLE = "astronaut"
# The examples: small dreams of this sample, at as many depths as fit above the slider.
EXAMPLE, EXAMPLE_PIXELS, EXAMPLES_AT_MOST = "cat", 144, 12
THUMBNAIL_PIXELS = 128
# The picture takes most of a wide page; larger ones are saved whole.
LARGE_PIXELS = 1024


@dataclass(frozen=True)
class DreamView:
    """A dream that the page shows.

    Attributes:
        layer: which dreams.
        picture: what it begins with.
        recipe: how it is made.
        asked: whether the visitor chose anything of it.
    """

    layer: Layer
    picture: PickedImage
    recipe: DreamRecipe
    asked: bool


def read_view(network: Network, picture: PickedImage, guide: PickedImage | None) -> DreamView:
    """Read from the URL which dream is asked for.

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


def request_dream(dream: DreamView) -> Job | str | None:
    """Ask for a dream that is not there, and give up the one that was looked at before."""
    return job_status.request_exclusive(dream.recipe, "dreaming", dream.asked)


def deeper(key: str) -> None:
    """Let a dream be the picture that the next one begins with."""
    stored = server_state.store().picture(key, 0)
    if stored is not None:
        urls.update_query(picture=image_picker.accept_upload(stored.image).name)


def example(network: Network, layer: Layer) -> DreamRecipe:
    """Write the recipe of the small dream that shows what a layer paints."""
    return render_dreams.plan(network, [layer.name], _example_picture(), size=EXAMPLE_PIXELS)


def _example_picture() -> str:
    """Keep the picture of the examples in the store, and give its fingerprint."""
    return image_picker.store_input(PickedImage(EXAMPLE, EXAMPLE, _small()))


@functools.cache
def _small() -> Image.Image:
    return image_io.resize_longer_side(samples.picture(EXAMPLE), 2 * EXAMPLE_PIXELS)


def examples(network: Network) -> list[Layer]:
    """Choose the layers of which there is room for an example."""
    return evenly_spaced(network.shown, EXAMPLES_AT_MOST)


def depth_stops(network: Network) -> list[layer_pickers.SliderStop]:
    """Describe every layer for the slider, with the examples that are there."""
    shown = {it.name for it in examples(network)}
    found = []
    for layer in network.shown:
        picture = None
        if layer.name in shown:
            stored = server_state.store().picture(example(network, layer).key, 0)
            if stored is not None:
                picture = thumbnails.thumbnail(stored.image, THUMBNAIL_PIXELS)
        words = f"{layer.name}, depth {layer.depth:.0%}"
        colour = depth_colours.depth_colour(layer.depth)
        found.append(
            layer_pickers.SliderStop(layer.name, words, colour, layer.name in shown, picture)
        )
    return found


def before_url(dream: DreamView) -> str:
    """Give the picture that a dream begins with as a URL, as large as it is shown."""
    return original_url(dream.recipe.image, dream.recipe.size)


def original_url(fingerprint: str, pixels: int) -> str:
    """Give a picture that is kept as a URL, its longer side of so many pixels as far as shown."""
    return _before(fingerprint, min(pixels, LARGE_PIXELS))


@functools.lru_cache(maxsize=64)
def _before(fingerprint: str, pixels: int) -> str:
    stored = server_state.store().input(fingerprint)
    if stored is None:
        raise ExplorerError(f"the picture {fingerprint} is not here any more")
    return picture_url(stored, pixels)


def picture_url(image: bytes, pixels: int = LARGE_PIXELS) -> str:
    """Give an encoded picture as a URL, its longer side of so many pixels at most."""
    picture = image_io.open_picture(image)
    scale = min(1.0, pixels / max(picture.size))
    return thumbnails.thumbnail(image, max(1, round(min(picture.size) * scale)))
