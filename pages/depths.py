"""Depths: dreams of the same image at several depths, and what is measured in them."""

import streamlit as st

from core.dreams import depth_series
from core.errors import ExplorerError
from core.experiments import concept_growth as measures
from core.networks.network import Network
from core.recipes.dream import STRENGTH_RANGE, DreamRecipe
from core.recipes.recipe import SEED_RANGE
from explorer.charts import depth_colours
from explorer.ui import image_picker, urls
from explorer.ui.components import html_snippets
from explorer.ui.dream import depths_page, dream_view
from explorer.ui.link_problems import show_problems
from explorer.ui.page_opener import OpenPage, open_page


def show(page: OpenPage) -> None:
    """Read the URL, and show the dreams and what is measured in them."""
    network = page.network
    with page.sidebar:
        picture = image_picker.pick_image("picture", dream_view.SAMPLE, page.problems)
    count, strength, seed = settings(network, page.problems)
    with page.sidebar:
        show_settings(network, count, strength, seed)
    html_snippets.heading(
        "Depths side by side",
        "The same picture, seed and strength; only the layer that dreams differs.",
        depth_colours.depth_colour(0.5),
    )
    show_problems(page.problems)
    layers = measures.spread(network, count)
    image = image_picker.store_input(picture)
    recipes = depth_series.plan_series(network, layers, image, strength=strength, seed=seed)
    depths_page.show_dreams(network, picture, layers, recipes)


def settings(network: Network, problems: list[str]) -> tuple[int, float, int]:
    """Read from the URL how many depths, how strongly and with which seed."""
    most = min(measures.DEPTHS[1], max(len(network.shown) - 1, 1))
    try:
        count = urls.number("depths", (min(measures.DEPTHS[0], most), most))
        return (
            min(measures.USUAL_DEPTHS, most) if count is None else count,
            dream_view.strength(),
            urls.number("seed", SEED_RANGE) or 0,
        )
    except ExplorerError as error:
        problems.append(str(error))
        return min(measures.USUAL_DEPTHS, most), DreamRecipe.strength, 0


def show_settings(network: Network, count: int, strength: float, seed: int) -> None:
    """Let the visitor choose how many depths, how strongly and with which seed."""
    key = f"{network.name} {count} {strength} {seed}"
    most = min(measures.DEPTHS[1], max(len(network.shown) - 1, 1))

    def put(name: str, usual: object) -> None:
        value = st.session_state[f"{name} {key}"]
        urls.update_query(**{name: None if value == usual else f"{value}"})

    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        if most > measures.DEPTHS[0]:
            usual = min(measures.USUAL_DEPTHS, most)
            st.slider(
                "How many depths",
                measures.DEPTHS[0],
                most,
                count,
                key=f"depths {key}",
                on_change=put,
                args=("depths", usual),
            )
        st.slider(
            "Strength: how far they leave the picture",
            *STRENGTH_RANGE,
            strength,
            0.25,
            key=f"strength {key}",
            on_change=put,
            args=("strength", DreamRecipe.strength),
        )
        st.number_input(
            "Seed", *SEED_RANGE, seed, key=f"seed {key}", on_change=put, args=("seed", 0)
        )


open_page(show, "dream")
