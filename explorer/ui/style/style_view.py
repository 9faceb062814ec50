"""The style transfer that the URL of the Style page describes, and its possible layers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.networks.depth_sampling import evenly_spaced, nearest_to_depth
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.style import LAYERS_AT_MOST, StyleRecipe
from core.style import defaults
from explorer import layer_pages
from explorer.ui import image_picker, server_state, url_codecs
from explorer.ui.components.layer_pickers import SliderStop, slider_stop
from explorer.ui.image_picker import PickedImage

# The default content and style image.
SAMPLE, PAINTING = "cat", "swirls"
# Number of example units above the sliders.
EXAMPLES_AT_MOST = 12


@dataclass(frozen=True)
class StyleView:
    """A style transfer that the page shows.

    Attributes:
        content: the content image.
        style: the style image.
        recipe: renders it.
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
    """Show the choice of the content and the style image, and return both."""
    st.html('<p class="side-title">Content</p>')
    content = image_picker.pick_image("picture", SAMPLE, problems, "Content")
    st.html('<p class="side-title">Style</p>')
    painted = image_picker.PAINTED
    return content, image_picker.pick_image("style", PAINTING, problems, "Style", painted)


def style_layers(network: Network) -> list[Layer]:
    """Return the layers that can carry style, from shallow to deep: those with positions."""
    return [it for it in network.shown if it.size is not None]


def layers_between(network: Network, first: str, last: str) -> tuple[str, ...]:
    """Return the names of the style layers from one to another.

    Those that are the network's default where these are their ends; else all that can carry style,
    or as many of them as a recipe may name, evenly spaced.
    """
    usual: tuple[str, ...] = defaults.default_settings(network)["style_layers"]
    if (first, last) == (usual[0], usual[-1]):
        return usual
    names = [it.name for it in style_layers(network)]
    chosen = names[names.index(first) : names.index(last) + 1]
    return tuple(evenly_spaced(chosen, LAYERS_AT_MOST))


def nearest_layer(network: Network, name: str) -> int:
    """Return the index of a layer among the possible style layers, or of the nearest in depth."""
    return nearest_to_depth(style_layers(network), network.layer(name).depth)


def style_stops(network: Network) -> list[SliderStop]:
    """Describe the layers for the sliders, each with one of its units if that has been drawn."""
    layers = style_layers(network)
    shown = set(evenly_spaced(range(len(layers)), EXAMPLES_AT_MOST))
    stops = []
    for at, layer in enumerate(layers):
        key = layer_pages.sample_recipe(network, layer).key
        drawn = server_state.store().samples(key, 1) if at in shown else []
        stops.append(slider_stop(layer, drawn[0].image if drawn else None, at in shown))
    return stops


def stored_curves(facts: Mapping[str, float | bool | str]) -> dict[str, Sequence[float]]:
    """Return the loss curves of a finished image, by the name of the loss."""
    losses = json.loads(str(facts.get("losses", "{}")))
    return {name: it["curve"] for name, it in losses.items()}


def running_history(key: str) -> tuple[dict[str, Sequence[float]], float]:
    """Return the loss curves of an unfinished image so far, and the fraction of steps done.

    Args:
        key: of its job.
    """
    history = json.loads(server_state.jobs().history(key) or "{}")
    return history.get("curves", {}), history.get("share", 0.0)
