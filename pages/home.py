"""Home: pictures of units, links to all pages, and a list of what is on this machine."""

import sys

import streamlit as st

from core.errors import ExplorerError
from explorer.ui import page_list, preparation, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.term_marks import mark_terms
from explorer.ui.home import front_page

# Old links to the Layers page led to the home page; their query has one of these parameters.
OF_LAYERS = frozenset({"network", "layer", "unit", "page", "find", "show", "index"})
# Seconds between two looks whether PyTorch is imported.
LOOK_SECONDS = 0.2
LEAD = (
    "Every neuron of a convolutional network responds to something: an edge, a colour, a stripe, "
    "an eye. Here you see what each one responds to, try it with your own pictures, make dreams, "
    "and find out what style is. Each picture below was computed so that one neuron of SketchNet, "
    "the small network that comes with the explorer, responds strongly. Each column is a layer, "
    "from the first one to logits, the answer; click a picture."
)


def main() -> None:
    """Show the home page, and go to the page or unit that was clicked; redirect old links."""
    if OF_LAYERS & set(st.query_params):
        st.switch_page(urls.LAYERS, query_params=st.query_params.to_dict())
    html_snippets.page_css("home")
    show_head()
    clicked = front_page.show_front("front")
    if clicked:
        go(clicked)
    show_loaded()


def show_head() -> None:
    """Show the title, and a paragraph on what the explorer is."""
    with st.container(key="front-head"):
        st.html(
            '<div class="front"><h1>See inside an image network</h1>'
            f"<p>{mark_terms(LEAD)}</p></div>"
        )


def go(clicked: str) -> None:
    """Go to the page or to the unit that was clicked.

    Args:
        clicked: result of ``front_page.show_front``: ``page dream`` or ``neuron relu1a 14``.
    """
    kind, _, rest = clicked.partition(" ")
    if kind == "page":
        st.switch_page(page_list.find_page(rest).page)
    layer, unit = rest.rsplit(" ", 1)
    urls.open_neuron(front_page.SKETCHNET, layer, int(unit))


def show_loaded() -> None:
    """Show the list of networks, samples and indexes; the first time, PyTorch is imported."""
    with st.container(key="loaded"):
        slot = st.empty()
        opening = "core.networks.network" not in sys.modules
        while opening:
            # To show something lets the visitor go to another page meanwhile.
            slot.html('<p class="loaded" role="status">Opening SketchNet ...</p>')
            opening = preparation.is_opening(LOOK_SECONDS)
        try:
            slot.html(front_page.loaded_html())
        except ExplorerError as error:
            slot.error(str(error))


main()
