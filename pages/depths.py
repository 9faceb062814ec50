"""Dreams by layer: dreams of several layers that start from the same image, measured."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.dreams import depth_series
from core.experiments import concept_growth as measures
from core.networks.network import Network
from core.recipes.dream import DreamRecipe
from explorer.recipe_fields import DREAM_DEPTHS
from explorer.ui import image_picker, link_problems, url_codecs, urls
from explorer.ui.components import html_snippets
from explorer.ui.dream import depths_page, dream_view
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import RecipeControls


def show(page: OpenPage) -> None:
    """Read the URL, and show the dreams and charts of what is measured in them."""
    network = page.network
    with page.sidebar:
        picture = image_picker.pick_image("picture", dream_view.SAMPLE, page.problems)
    count, values = settings(network, page.problems)
    with page.sidebar:
        show_settings(network, count, values)
    html_snippets.heading(
        "Dreams by layer",
        "One picture, dreamt by several layers with the same settings. Shallow layers bring lines "
        "and dots, deep ones larger shapes.",
    )
    link_problems.show_problems(page.problems)
    layers = measures.spread(network, count)
    image = image_picker.store_input(picture)
    recipes = depth_series.plan_series(network, layers, image, **values)
    depths_page.show_dreams(network, picture, layers, recipes)


def bounds(network: Network) -> tuple[int, int, int]:
    """Return the smallest, the default and the largest number of layers."""
    shown = max(len(network.shown) - 1, 1)
    fewest, most = measures.DEPTHS
    return min(fewest, shown), min(measures.USUAL_DEPTHS, most, shown), min(most, shown)


def settings(network: Network, problems: list[str]) -> tuple[int, dict[str, Any]]:
    """Return the number of layers, and the strength and the seed of the dreams, from the URL.

    If one of them is out of bounds, a sentence is appended to ``problems``, and defaults are used.
    """
    fewest, usual, most = bounds(network)
    values: dict[str, Any] = {"strength": DreamRecipe.strength, "seed": DreamRecipe.seed}
    with link_problems.collect(problems):
        count = urls.number("depths", (fewest, most)) or usual
        return count, values | url_codecs.read_fields(DREAM_DEPTHS, st.query_params.to_dict())
    return usual, values


def show_settings(network: Network, count: int, values: Mapping[str, Any]) -> None:
    """Show the controls of the number of layers, and of the strength and the seed of the dreams."""
    _, usual, most = bounds(network)
    identity = " ".join(str(it) for it in (network.name, count, *values.values()))

    def write_count() -> None:
        value = st.session_state[f"depths {identity}"]
        urls.update_query(depths=None if value == usual else f"{value}")

    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        if most > measures.DEPTHS[0]:
            st.slider(
                "Number of layers",
                measures.DEPTHS[0],
                most,
                count,
                key=f"depths {identity}",
                on_change=write_count,
            )
        RecipeControls(DREAM_DEPTHS, values, identity).draw_all()


open_page(show, "dream")
