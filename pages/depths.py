"""Depths: dreams of several layers that start from the same image, and measures of the dreams."""

import streamlit as st

from core.dreams import depth_series
from core.errors import ExplorerError
from core.experiments import concept_growth as measures
from core.networks.network import Network
from core.recipes.dream import DreamRecipe
from explorer.recipe_fields import DREAM_DEPTHS
from explorer.ui import image_picker, url_codecs, urls
from explorer.ui.components import html_snippets
from explorer.ui.dream import depths_page, dream_view
from explorer.ui.link_problems import show_problems
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import RecipeControls


def show(page: OpenPage) -> None:
    """Read the URL, and show the dreams and charts of what is measured in them."""
    network = page.network
    with page.sidebar:
        picture = image_picker.pick_image("picture", dream_view.SAMPLE, page.problems)
    count, strength, seed = settings(network, page.problems)
    with page.sidebar:
        show_settings(network, count, strength, seed)
    html_snippets.heading(
        "Depths side by side",
        "The same picture, seed and strength; only the layer that dreams differs.",
    )
    show_problems(page.problems)
    layers = measures.spread(network, count)
    image = image_picker.store_input(picture)
    recipes = depth_series.plan_series(network, layers, image, strength=strength, seed=seed)
    depths_page.show_dreams(network, picture, layers, recipes)


def settings(network: Network, problems: list[str]) -> tuple[int, float, int]:
    """Return the number of layers, the strength of the dreams and the seed, from the URL.

    If one of them is out of bounds, a sentence is appended to ``problems``, and defaults are used.
    """
    most = min(measures.DEPTHS[1], max(len(network.shown) - 1, 1))
    try:
        count = urls.number("depths", (min(measures.DEPTHS[0], most), most))
        asked = url_codecs.read_fields(DREAM_DEPTHS, st.query_params.to_dict())
        return (
            min(measures.USUAL_DEPTHS, most) if count is None else count,
            asked.get("strength", DreamRecipe.strength),
            asked.get("seed", DreamRecipe.seed),
        )
    except ExplorerError as error:
        problems.append(str(error))
        return min(measures.USUAL_DEPTHS, most), DreamRecipe.strength, DreamRecipe.seed


def show_settings(network: Network, count: int, strength: float, seed: int) -> None:
    """Show the controls of the number of layers, the strength of the dreams and the seed."""
    values = {"strength": strength, "seed": seed}
    identity = f"{network.name} {count} {strength} {seed}"
    most = min(measures.DEPTHS[1], max(len(network.shown) - 1, 1))
    usual = min(measures.USUAL_DEPTHS, most)

    def write_count() -> None:
        value = st.session_state[f"depths {identity}"]
        urls.update_query(depths=None if value == usual else f"{value}")

    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        if most > measures.DEPTHS[0]:
            st.slider(
                "How many depths",
                measures.DEPTHS[0],
                most,
                count,
                key=f"depths {identity}",
                on_change=write_count,
            )
        RecipeControls(DREAM_DEPTHS, values, identity).draw_all()


open_page(show, "dream")
