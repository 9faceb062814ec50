"""The style transfers that the URL of a page describes, and the style layers to choose from."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import streamlit as st

from core.networks import Layer, Network, depth_sampling
from core.recipes.style import LAYERS_AT_MOST, StyleRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.style import defaults
from explorer.ui import image_picker, server_state
from explorer.ui.image_picker import PickedImage

Shown = TypeVar("Shown", StyleRecipe, StyleDepthsRecipe)

# The default content and style image.
SAMPLE, PAINTING = "cat", "swirls"


@dataclass(frozen=True)
class StyleRecipeView(Generic[Shown]):
    """The style transfer, or the grid of style transfers, that a page shows.

    Attributes:
        content: the content image.
        style: the style image.
        recipe: the recipe of the style transfer, or of the grid.
        asked: whether the visitor chose anything besides the network, the view and a cell.
    """

    content: PickedImage
    style: PickedImage
    recipe: Shown
    asked: bool


StyleView: TypeAlias = StyleRecipeView[StyleRecipe]
StyleGridView: TypeAlias = StyleRecipeView[StyleDepthsRecipe]


def describe_pair(content: PickedImage, style: PickedImage) -> str:
    """Return what a style transfer of two images shows, such as ``cat in the style of a mosaic``.

    Two images of the visitor's own have the same title, so the second one is told apart.
    """
    source = "another picture" if style.title == content.title else style.title
    return f"{content.title} in the style of {source}"


def read_view(
    network: Network,
    content: PickedImage,
    style: PickedImage,
    from_query: Callable[[Mapping[str, str], Network, str, str], Shown],
) -> StyleRecipeView[Shown]:
    """Read from the URL which style transfers to show.

    Args:
        network: the network.
        content, style: the images that the URL names.
        from_query: returns the recipe; called with the URL's query, the network, and the
            fingerprints of both images.

    Raises:
        ExplorerError: something in the link does not exist or is out of bounds.
    """
    images = (image_picker.store_input(it) for it in (content, style))
    recipe = from_query(st.query_params.to_dict(), network, *images)
    return StyleRecipeView(
        content, style, recipe, bool(set(st.query_params) - {"network", "view", "cell"})
    )


def pick_images(problems: list[str], films: bool = False) -> tuple[PickedImage, PickedImage]:
    """Show the choice of the content and the style image, and return the chosen ones.

    Args:
        problems: a sentence is appended if an image that the URL names does not exist.
        films: whether the content may be a film.
    """
    st.html('<p class="side-title">Content</p>')
    content = image_picker.pick_image("picture", SAMPLE, problems, "Content", films=films)
    st.html('<p class="side-title">Style</p>')
    painted = image_picker.PAINTED
    return content, image_picker.pick_image("style", PAINTING, problems, "Style", painted)


def style_layers(network: Network) -> list[Layer]:
    """Return the layers that can be style layers, from shallow to deep.

    These are the layers with positions (height and width), unlike logits.
    """
    return [it for it in network.shown if it.size is not None]


def layers_between(network: Network, first: str, last: str) -> tuple[str, ...]:
    """Return the names of the style layers for a range that a visitor chose.

    If ``first`` and ``last`` are the ends of the network's default style layers, the default style
    layers are returned. Otherwise it is all layers of the range that can be style layers, or
    ``LAYERS_AT_MOST`` evenly spaced ones if the range has more.
    """
    usual: tuple[str, ...] = defaults.default_settings(network)["style_layers"]
    if (first, last) == (usual[0], usual[-1]):
        return usual
    names = [it.name for it in style_layers(network)]
    chosen = names[names.index(first) : names.index(last) + 1]
    return tuple(depth_sampling.evenly_spaced(chosen, LAYERS_AT_MOST))


def nearest_layer(network: Network, name: str) -> int:
    """Return the index of the layer in ``style_layers`` that has the depth nearest to a given one.

    Args:
        network: the network.
        name: name of the given layer.
    """
    return depth_sampling.nearest_to_depth(style_layers(network), network.layer(name).depth)


def stored_curves(facts: Mapping[str, float | bool | str]) -> dict[str, Sequence[float]]:
    """Return the loss curves of a finished image, by the name of the loss: ``style relu1a``."""
    losses = json.loads(str(facts.get("losses", "{}")))
    return {name: it["curve"] for name, it in losses.items()}


def running_history(key: str) -> tuple[dict[str, Sequence[float]], float]:
    """Return the loss curves of an unfinished image up to now, and the fraction of finished steps.

    Args:
        key: key of the image's job.
    """
    history = json.loads(server_state.jobs().history(key) or "{}")
    return history.get("curves", {}), history.get("share", 0.0)
