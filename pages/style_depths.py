"""Style depths: style transfer with every depth of style and of content, and what is measured."""

import streamlit as st

from core.recipes.style_grid import MATRIX, StyleDepthsRecipe
from explorer.charts import depth_colours
from explorer.ui.components import html_snippets
from explorer.ui.link_problems import show_problems
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import RecipeControls
from explorer.ui.style import gram_page, grid_page, style_grid_view, style_view
from explorer.ui.url_controls import word_control

VIEWS = {
    "": "Style by content",
    "rows": "Row by row",
    "together": "Who fires together",
}
LINES = {
    "": "Every depth of style with every depth of content, and what each of them keeps and takes.",
    "rows": "More and more layers, one alone, and each half by itself, as Gatys and others showed.",
    "together": "Style at a layer is a table: which of its neurons fire in the same places.",
}
BALANCES = (0.003, 0.015, StyleDepthsRecipe.balance, 0.15, 0.5)
SIZES = (96, 128, 192, 256, 384)
STEPS = (5, 10, 20, 40, 80)
SETTINGS = ("size", "steps", "seed", "balance", "loss")


def show(page: OpenPage) -> None:
    """Read the URL, and show one of the three views."""
    network = page.network
    with page.sidebar:
        content, style = style_view.pick_images(page.problems)
    head = st.container(key="style-head")
    view = word_control("view", VIEWS, page.problems, "What to look at", forget=("cell",))
    with head:
        html_snippets.heading("Style depths", LINES[view], depth_colours.depth_colour(0.5))
    if view == "together":
        gram_page.show_layer(network, content, style, page.problems)
        return
    shows = style_grid_view.ROWS if view == "rows" else (MATRIX,)
    found = page.read(
        lambda: style_grid_view.read_view(network, content, style, shows),
        keep=("picture", "style", "view", "cell"),
    )
    with page.sidebar:
        show_settings(found.recipe)
    show_problems(page.problems)
    grid_page.show_pictures(network, found)


def show_settings(recipe: StyleDepthsRecipe) -> None:
    """Let the visitor choose what all pictures have in common."""
    controls = RecipeControls(recipe, forgotten=("cell",))
    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        controls.slider("balance", "Balance: how loudly content speaks", BALANCES)
        controls.slider("size", "Longer side of each in pixels", SIZES)
        controls.slider("steps", "Steps at each size", STEPS)
        controls.selectbox("loss", "What style is", style_view.LOSSES)
        controls.seed("Seed")
        controls.reset_button(SETTINGS)


open_page(show, "style")
