"""Presets of the Dream and the Style page: a row of example pictures, each with settings.

A preset is a part of the page's URL. Its example is a small picture that the same settings make of
the visitor's picture. Until it is finished, that of a sample is shown, which ships with the
project.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.networks.known_networks import title_of
from core.recipes.recipe import Recipe
from explorer import thumbnails
from explorer.ui import job_requests, job_status, server_state, urls, variations_view
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.variation_codec import Base

THUMBNAIL_PIXELS = 160


@dataclass(frozen=True)
class Preset:
    """Settings with a name.

    Attributes:
        title: what they give, in a word or two.
        query: the settings as parameters of the page's URL; those that are missing are the default.
    """

    title: str
    query: Mapping[str, str]


@dataclass(frozen=True)
class Examples:
    """The recipes of presets.

    Attributes:
        full: for each preset, the recipe that a click opens, but for size, steps and seed.
        own: for each preset, the recipe of its small example for the visitor's pictures.
        sample: the same for the samples; the results ship with the project.
    """

    full: Sequence[Recipe]
    own: Sequence[Recipe]
    sample: Sequence[Recipe]


def show_presets(
    presets: Sequence[Preset],
    settings: Mapping[str, str],
    shown: Base,
    examples: Examples,
    network: str,
    surprise: Callable[[random.Random], Mapping[str, str | None]],
    requests: job_requests.JobRequests,
) -> None:
    """Show the presets with their examples, and the button "Surprise me".

    Args:
        presets: the presets.
        settings: the parameters of the URL that presets set, with the fields of the recipe.
        shown: the recipe of the page.
        examples: the recipes of the presets; examples are requested with low priority.
        network: name of the network.
        surprise: returns random parameters of the URL; None removes a parameter.
        requests: the requests of the page.
    """
    asked = requests.ask(examples.own)
    none: dict[str, str | None] = dict.fromkeys(settings)

    def pick(title: str) -> None:
        preset = next(it for it in presets if it.title == title)
        urls.update_query(**{**none, **preset.query})

    def show(_: job_status.Previews) -> None:
        tiles = [
            _tile(preset.title, own, sample, _is_like(full, shown, settings.values()))
            for preset, full, own, sample in zip(
                presets, examples.full, examples.own, examples.sample, strict=True
            )
        ]
        if tile_grid(tiles, "presets", f"Ideas: {title_of(network)}", pick, columns=len(tiles)):
            st.rerun()

    with st.container(key="ideas"):
        html_snippets.side_heading("Ideas")
        job_status.show_while_running("ideas", asked, None, show)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Surprise me",
                key="surprise",
                icon=":material/casino:",
                on_click=lambda: urls.update_query(**{**none, **surprise(random.Random())}),
                help="Settings by chance, and another picture unless it is your own.",
            )
            variations_view.show_choice(shown)


def _is_like(recipe: Recipe, shown: Recipe, fields: Iterable[str]) -> bool:
    return all(getattr(recipe, it) == getattr(shown, it) for it in fields)


def _tile(title: str, own: Recipe, sample: Recipe, chosen: bool) -> PictureTile:
    """Return the tile of a preset, with the example that is finished."""
    image = server_state.finished_image(own) or server_state.finished_image(sample)
    url = None if image is None else thumbnails.thumbnail(image, THUMBNAIL_PIXELS)
    return PictureTile(title, title, url, caption=title, chosen=chosen, opens=True)
