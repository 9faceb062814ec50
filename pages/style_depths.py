"""Styles by layer: style transfers with shallow and deep style and content layers, measured."""

from functools import partial

import streamlit as st

from core.recipes.style_grid import MATRIX
from explorer.ui import link_problems, url_codecs
from explorer.ui.components import html_snippets
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import recipe_controls
from explorer.ui.style import gram_page, grid_page, style_grid_view, style_view
from explorer.ui.url_controls import word_control

VIEWS = {
    "": "All combinations",
    "rows": "Step by step",
    "together": "Which neurons respond together",
}
LINES = {
    "": "Style from a shallow or a deep layer, content from a shallow or a deep layer: all pairs.",
    "rows": "Style from more and more layers or from one, then style and content each by itself.",
    "together": "Style at a layer is a table: which of its neurons respond at the same places.",
}


def show(page: OpenPage) -> None:
    """Read the URL, and show one of the three views in ``VIEWS``."""
    network = page.network
    with page.sidebar:
        content, style = style_view.pick_images(page.problems)
    head = st.container(key="style-head")
    view = word_control("view", VIEWS, page.problems, "What to look at", forget=("cell",))
    with head:
        html_snippets.heading("Styles by layer", LINES[view])
    if view == "together":
        gram_page.show_layer(network, content, style, page.problems)
        return
    shows = style_grid_view.ROWS if view == "rows" else (MATRIX,)
    from_query = partial(url_codecs.style_depths_from_query, shows=shows)
    found = page.read(
        lambda: style_view.read_view(network, content, style, from_query),
        keep=("picture", "style", "view", "cell"),
    )
    with page.sidebar:
        recipe_controls(found.recipe, forgotten=("cell",)).draw_more()
    link_problems.show_problems(page.problems)
    grid_page.show_pictures(network, found)


open_page(show, "style")
