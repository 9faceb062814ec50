"""Style: style transfer, an image with the content of one and the style of another."""

import streamlit as st

from core.recipes.style import StyleRecipe
from explorer.ui import job_status, urls
from explorer.ui.link_problems import show_problems
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import RecipeControls
from explorer.ui.style import style_page, style_view
from explorer.ui.style.style_view import StyleView

SIZES = (192, 256, 384, 512, 768, 1024)
STEPS = (5, 10, 20, 40, 80)
# How much content has to say, from hardly anything to nearly all.
BALANCES = (0.003, 0.01, 0.025, StyleRecipe.balance, 0.1, 0.25, 1.0)
STROKES = (0.5, 0.7, StyleRecipe.style_scale, 1.4, 2.0)
COLOURS = {
    "style": "the painting's",
    "light": "the picture's own: only its light is painted",
    "matched": "the picture's own: the painting is dyed in them",
}
INITS = {"content": "the picture", "noise": "noise"}
SETTINGS = (
    *urls.STYLE_NUMBERS,
    *urls.STYLE_DECIMALS,
    *urls.STYLE_WORDS,
    *urls.STYLE_LAYERS,
)


def show(page: OpenPage) -> None:
    """Read the URL, and show one style transfer."""
    network = page.network
    with page.sidebar:
        content, style = style_view.pick_images(page.problems)
    transfer = page.read(
        lambda: style_view.read_view(network, content, style), keep=("picture", "style")
    )
    with page.sidebar:
        show_settings(transfer)
    style_page.show_head(network, transfer)
    show_problems(page.problems)
    with st.container(key="style-layers"):
        style_page.show_layers(network, transfer)
    job = job_status.request_exclusive(transfer.recipe, "painting", transfer.asked)
    style_page.show_transfer(network, transfer, job)


def show_settings(transfer: StyleView) -> None:
    """Let the visitor choose how it is painted; the address changes at once."""
    controls = RecipeControls(transfer.recipe, urls.STYLE_USUAL)
    controls.slider("balance", "Balance: from more style to more content", BALANCES, balanced)
    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        times = "\N{MULTIPLICATION SIGN} {:g}".format
        controls.slider("style_scale", "Size of the strokes", STROKES, times)
        controls.slider("size", "Longer side in pixels", SIZES)
        controls.slider("steps", "Steps at each size", STEPS)
        controls.selectbox("colours", "Whose colours", COLOURS)
        controls.selectbox("loss", "What style is", style_view.LOSSES)
        controls.selectbox("init", "Start from", INITS)
        controls.seed("Seed: where the chance in noise comes from")
        controls.reset_button(SETTINGS)


def balanced(value: float) -> str:
    """Write a balance beside the usual one."""
    if value == StyleRecipe.balance:
        return "balanced"
    if value < StyleRecipe.balance:
        return f"style {StyleRecipe.balance / value:.2g}\N{MULTIPLICATION SIGN}"
    return f"content {value / StyleRecipe.balance:.2g}\N{MULTIPLICATION SIGN}"


open_page(show, "style")
