"""What the Style page shows: a style transfer as the URL describes it, and who may speak."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.networks.depth_sampling import evenly_spaced, nearest_to_depth
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.style import LAYERS_AT_MOST, StyleRecipe
from core.style import defaults
from explorer import layer_pages, thumbnails
from explorer.charts import depth_colours
from explorer.ui import image_picker, server_state, url_codecs
from explorer.ui.components import layer_pickers
from explorer.ui.image_picker import PickedImage

# What is painted, and how, where a link names nothing.
SAMPLE, PAINTING = "cat", "swirls"
# Neurons that stand for the depths, above the sliders.
EXAMPLES_AT_MOST = 12
THUMBNAIL_PIXELS = 128


@dataclass(frozen=True)
class StyleView:
    """A style transfer that the page shows.

    Attributes:
        content: the picture that is painted.
        style: the painting whose style it gets.
        recipe: how it is made.
        asked: whether the visitor chose anything of it.
    """

    content: PickedImage
    style: PickedImage
    recipe: StyleRecipe
    asked: bool


def read_view(network: Network, content: PickedImage, style: PickedImage) -> StyleView:
    """Read from the URL which style transfer is asked for.

    Raises:
        ExplorerError: something in the link does not exist or is out of bounds.
    """
    recipe = url_codecs.style_from_query(
        st.query_params.to_dict(),
        network,
        image_picker.store_input(content),
        image_picker.store_input(style),
    )
    return StyleView(content, style, recipe, bool(set(st.query_params) - {"network"}))


def pick_images(problems: list[str]) -> tuple[PickedImage, PickedImage]:
    """Let the visitor choose what is painted, and in whose style."""
    st.html('<p class="side-title">Content</p>')
    content = image_picker.pick_image("picture", SAMPLE, problems, "Content")
    st.html('<p class="side-title">Style</p>')
    style = image_picker.pick_image("style", PAINTING, problems, "Style", image_picker.PAINTED)
    return content or image_picker.find_image(SAMPLE), style or image_picker.find_image(PAINTING)


def style_layers(network: Network) -> list[Layer]:
    """List the layers that may speak, from shallow to deep: those that know places."""
    return [it for it in network.shown if it.size is not None]


def layers_between(network: Network, first: str, last: str) -> tuple[str, ...]:
    """Name the layers from one to another that speak for style together.

    Those that are usual for the network where these are their ends; else all that may speak, or as
    many of them as a recipe may name.
    """
    usual: tuple[str, ...] = defaults.default_settings(network)["style_layers"]
    if (first, last) == (usual[0], usual[-1]):
        return usual
    names = [it.name for it in style_layers(network)]
    chosen = names[names.index(first) : names.index(last) + 1]
    return tuple(evenly_spaced(chosen, LAYERS_AT_MOST))


def nearest_layer(network: Network, name: str) -> int:
    """Tell the place among the layers that may speak of one, or of the nearest to it."""
    return nearest_to_depth(style_layers(network), network.layer(name).depth)


def style_stops(network: Network) -> list[layer_pickers.SliderStop]:
    """Describe the layers for the sliders, each with one of its neurons if that has been drawn."""
    layers = style_layers(network)
    shown = set(evenly_spaced(range(len(layers)), EXAMPLES_AT_MOST))
    found = []
    for at, layer in enumerate(layers):
        drawn = (
            server_state.store().samples(layer_pages.sample_recipe(network, layer).key, 1)
            if at in shown
            else []
        )
        picture = thumbnails.thumbnail(drawn[0].image, THUMBNAIL_PIXELS) if drawn else None
        words = f"{layer.name}, depth {layer.depth:.0%}"
        colour = depth_colours.depth_colour(layer.depth)
        found.append(layer_pickers.SliderStop(layer.name, words, colour, at in shown, picture))
    return found


def stored_curves(facts: Mapping[str, float | bool | str]) -> dict[str, Sequence[float]]:
    """Read how each cost of a finished picture fell, by its name."""
    told = json.loads(str(facts.get("losses", "{}")))
    return {name: it["curve"] for name, it in told.items()}


def running_history(key: str) -> tuple[dict[str, Sequence[float]], float]:
    """Read how each cost of an unfinished picture fell so far, and the share of steps behind.

    Args:
        key: of its job.
    """
    told = json.loads(server_state.jobs().history(key) or "{}")
    return told.get("curves", {}), told.get("share", 0.0)
