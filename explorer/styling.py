"""What the Style page shows: a style transfer as the URL describes it, and who may speak."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.style import LAYERS_AT_MOST, StyleRecipe
from core.style import defaults, transfer
from explorer import choosing, layer_pages, layering, links, mounting, shared, thumbnails, widgets
from explorer.choosing import Chosen

# What is painted, and how, where a link names nothing.
SAMPLE, PAINTING = "cat", "swirls"
# What style is, told in other words than the recipe's.
LOSSES = {
    "wasserstein": "means and company (Wasserstein)",
    "gram": "company alone (Gram)",
}
# Neurons that stand for the depths, above the sliders.
EXAMPLES_AT_MOST = 12
THUMBNAIL_PIXELS = 128


@dataclass(frozen=True)
class Transfer:
    """A style transfer that the page shows.

    Attributes:
        content: the picture that is painted.
        style: the painting whose style it gets.
        recipe: how it is made.
        asked: whether the visitor chose anything of it.
    """

    content: Chosen
    style: Chosen
    recipe: StyleRecipe
    asked: bool


def read(network: Network, content: Chosen, style: Chosen) -> Transfer:
    """Read from the URL which style transfer is asked for.

    Raises:
        ExplorerError: something in the link does not exist or is out of bounds.
    """
    settings: dict[str, Any] = dict(links.STYLE_USUAL)
    for name, bounds in links.STYLE_NUMBERS.items():
        settings[name] = links.number(name, bounds) or settings.get(name)
    for name, limits in links.STYLE_DECIMALS.items():
        settings[name] = links.decimal(name, limits)
    for name, known in links.STYLE_WORDS.items():
        settings[name] = links.one_of(name, known) or None
    for name in links.STYLE_LAYERS:
        named = st.query_params.get(name, "")
        settings[name] = tuple(named.split(",")) if named else None
    seed = settings.pop("seed") or 0
    recipe = transfer.plan(
        network,
        seed,
        content=choosing.keep(content),
        styles=(choosing.keep(style),),
        **settings,
    )
    return Transfer(content, style, recipe, bool(set(st.query_params) - {"network"}))


def choose(problems: list[str]) -> tuple[Chosen, Chosen]:
    """Let the visitor choose what is painted, and in whose style."""
    st.html('<p class="side-title">Content</p>')
    content = choosing.choose("picture", SAMPLE, problems, "Content")
    st.html('<p class="side-title">Style</p>')
    style = choosing.choose("style", PAINTING, problems, "Style", choosing.PAINTED)
    return content or choosing.find(SAMPLE), style or choosing.find(PAINTING)


def able(network: Network) -> list[Layer]:
    """List the layers that may speak, from shallow to deep: those that know places."""
    return [it for it in network.shown if it.size is not None]


def between(network: Network, first: str, last: str) -> tuple[str, ...]:
    """Name the layers from one to another that speak for style together.

    Those that are usual for the network where these are their ends; else all that may speak, or as
    many of them as a recipe may name.
    """
    usual: tuple[str, ...] = defaults.default_settings(network)["style_layers"]
    if (first, last) == (usual[0], usual[-1]):
        return usual
    names = [it.name for it in able(network)]
    chosen = names[names.index(first) : names.index(last) + 1]
    count = min(len(chosen), LAYERS_AT_MOST)
    return tuple(chosen[round(at * (len(chosen) - 1) / max(count - 1, 1))] for at in range(count))


def nearest(network: Network, name: str) -> int:
    """Tell the place among the layers that may speak of one, or of the nearest to it."""
    layers = able(network)
    depth = network.layer(name).depth
    return min(range(len(layers)), key=lambda at: abs(layers[at].depth - depth))


def stops(network: Network) -> list[layering.Stop]:
    """Describe the layers for the sliders, each with one of its neurons if that has been drawn."""
    layers = able(network)
    count = min(len(layers), EXAMPLES_AT_MOST)
    shown = {round(at * (len(layers) - 1) / max(count - 1, 1)) for at in range(count)}
    found = []
    for at, layer in enumerate(layers):
        drawn = (
            shared.store().samples(layer_pages.sample_recipe(network, layer).key, 1)
            if at in shown
            else []
        )
        picture = thumbnails.thumbnail(drawn[0].image, THUMBNAIL_PIXELS) if drawn else None
        words = f"{layer.name}, depth {layer.depth:.0%}"
        colour = widgets.depth_colour(layer.depth)
        found.append(layering.Stop(layer.name, words, colour, at in shown, picture))
    return found


def voices(
    stops: Sequence[layering.Stop],
    content: int,
    style: tuple[int, int],
    key: str,
    label: str,
    on_pick: Callable[[str], None],
) -> str | None:
    """Show two sliders over the layers of a network: which speak for style, which for content.

    Args:
        stops: the layers, from the image.
        content: which of them speaks for content.
        style: the first and the last that speak for style.
        key: the widget's key.
        label: the network's name.
        on_pick: called with what is returned, before the page runs again.

    Returns:
        What was chosen just now: ``content`` and the name of a layer, or ``style`` and the names of
        two, parted by spaces; or None.
    """
    ranges = {"style": ("first", "last"), "content": ("only",)}
    rows = "".join(
        f'<div class="voice {voice}"><b>{voice}</b><span class="said"></span><div class="track">'
        '<span class="band"></span>'
        + "".join(f'<input type="range" min="0" step="1" class="{end}">' for end in ends)
        + "</div></div>"
        for voice, ends in ranges.items()
    )
    html = f'<div class="voices"><div class="examples" aria-hidden="true"></div>{rows}</div>'
    data = {
        "set": label,
        "content": content,
        "style": list(style),
        "stops": [vars(stop) for stop in stops],
    }
    return mounting.mount("voices", html, key, data, "pick", on_pick)


def curves(facts: Mapping[str, float | bool | str]) -> dict[str, Sequence[float]]:
    """Read how each cost of a finished picture fell, by its name."""
    told = json.loads(str(facts.get("losses", "{}")))
    return {name: it["curve"] for name, it in told.items()}


def course(key: str) -> tuple[dict[str, Sequence[float]], float]:
    """Read how each cost of an unfinished picture fell so far, and the share of steps behind.

    Args:
        key: of its job.
    """
    told = json.loads(shared.jobs().course(key) or "{}")
    return told.get("curves", {}), told.get("share", 0.0)
