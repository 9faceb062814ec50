"""Paths of pages, and the URL query that describes what a page shows.

As the query says everything, a page can be shared and reloaded.
"""

from collections.abc import Sequence

import streamlit as st

from core.errors import unknown
from core.recipes.recipe import require
from explorer.paths import ROOT

PAGES = ROOT / "pages"
HOME = str(PAGES / "home.py")
LAYERS, NEURON, PROBE = (str(PAGES / f"{name}.py") for name in ("layers", "neuron", "probe"))
DREAM, DEPTHS = (str(PAGES / f"{name}.py") for name in ("dream", "depths"))
STYLE, STYLE_DEPTHS = (str(PAGES / f"{name}.py") for name in ("style", "style_depths"))

# Pictures of the Neuron page: the maximised one, if the link names none; one of several that were
# made to differ; the minimised one.
DIVERSE = 4
NEGATIVE = "negative"
VIEWS = (*(str(number + 1) for number in range(DIVERSE)), NEGATIVE)
# What the Layers page shows of each unit: its visualization, if the link names nothing; crops of
# its dataset examples; or both.
CROPS, BOTH = "crops", "both"
SHOWN = (CROPS, BOTH)
# Parameters that stay when a visitor goes from layer to layer.
STAYS = ("show", "index")


def replace_query(**place: str | int | None) -> None:
    """Replace the URL's query by some names and values; None leaves a name out."""
    st.query_params.from_dict({name: str(it) for name, it in place.items() if it is not None})


def update_query(**place: str | int | None) -> None:
    """Replace some names and values in the URL's query; None leaves a name out."""
    replace_query(**{**st.query_params.to_dict(), **place})


def go_to(**place: str | int | None) -> None:
    """Replace the URL's query, but keep the parameters of ``STAYS``."""
    replace_query(**{name: st.query_params.get(name) for name in STAYS}, **place)


def open_neuron(network: str, layer: str, unit: int) -> None:
    """Show the page of a neuron."""
    query = {"network": network, "layer": layer, "unit": str(unit)}
    if "index" in st.query_params:
        query["index"] = st.query_params["index"]
    st.switch_page(NEURON, query_params=query)


def number(name: str, bounds: tuple[int, int]) -> int | None:
    """Return the whole number that a parameter of the URL says, None if it is not there.

    Raises:
        ExplorerError: as ``read_number``.
    """
    text = st.query_params.get(name)
    return None if text is None else read_number(name, text, bounds)


def read_number(name: str, text: str, bounds: tuple[int, int]) -> int:
    """Return the whole number that the text of a parameter says.

    Raises:
        ExplorerError: it is no whole number, or out of bounds (which are both included).
    """
    require(name, int(text) if text.isascii() and text.isdigit() else text, bounds)
    return int(text)


def one_of(name: str, known: Sequence[str]) -> str:
    """Return the word that a parameter of the URL says, "" if it is not there.

    Raises:
        ExplorerError: it is another word.
    """
    word = st.query_params.get(name, "")
    if word and word not in known:
        raise unknown(name, word, known)
    return word


def view() -> str:
    """Return which picture of a neuron the URL shows large; "" for the maximised one.

    Raises:
        ExplorerError: there is no such picture.
    """
    return one_of("view", VIEWS)
