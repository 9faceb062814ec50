"""Paths of pages, and the URL query that describes what a page shows.

The query has all the choices of a visitor, so a page can be shared as a link and reloaded.
"""

from collections.abc import Collection

import streamlit as st

from core.errors import unknown
from core.numbers import read_whole
from explorer.paths import ROOT

PAGES = ROOT / "pages"
HOME = str(PAGES / "home.py")
LAYERS, NEURON, PROBE = (str(PAGES / f"{name}.py") for name in ("layers", "neuron", "probe"))
DREAM, DEPTHS = (str(PAGES / f"{name}.py") for name in ("dream", "depths"))
STYLE, STYLE_DEPTHS = (str(PAGES / f"{name}.py") for name in ("style", "style_depths"))

# Pictures of the Neuron page, by the word in the link: "1" to "4" are visualizations of the unit
# that were made to differ; "negative" minimises the activation. Without a word it is maximised.
DIVERSE = 4
NEGATIVE = "negative"
VIEWS = (*(str(number + 1) for number in range(DIVERSE)), NEGATIVE)
# What the Layers page shows of each unit, by the word in the link: crops of the unit's dataset
# examples, or the feature visualization and the crops. Without a word: only the visualization.
CROPS, BOTH = "crops", "both"
# Parameters that stay in the URL when a visitor goes from layer to layer.
STAYS = ("show", "index")


def as_query(**place: str | int | None) -> dict[str, str]:
    """Return some parameters as a query; a parameter whose value is None is left out."""
    return {name: str(it) for name, it in place.items() if it is not None}


def replace_query(**place: str | int | None) -> None:
    """Replace the URL's query by some parameters; a parameter whose value is None is left out."""
    st.query_params.from_dict(as_query(**place))


def update_query(**place: str | int | None) -> None:
    """Replace some parameters in the URL's query; a parameter whose value is None is removed."""
    replace_query(**{**st.query_params.to_dict(), **place})


def go_to(**place: str | int | None) -> None:
    """Replace the URL's query by some parameters, but keep those that ``STAYS`` names."""
    replace_query(**{name: st.query_params.get(name) for name in STAYS}, **place)


def open_neuron(network: str, layer: str, unit: int) -> None:
    """Go to the Neuron page of a unit."""
    index = st.query_params.get("index")
    query = as_query(network=network, layer=layer, unit=unit, index=index)
    st.switch_page(NEURON, query_params=query)


def number(name: str, bounds: tuple[int, int]) -> int | None:
    """Return a parameter of the URL as an integer; None if the URL does not have the parameter.

    Raises:
        ExplorerError: the value is no integer, or out of bounds.
    """
    text = st.query_params.get(name)
    return None if text is None else read_whole(name, text, bounds)


def one_of(
    name: str, known: Collection[str], default: str, problems: list[str], where: str = ""
) -> str:
    """Return a parameter of the URL that is one of some words.

    Args:
        name: name of the parameter.
        known: the words.
        default: returned if the URL does not have the parameter, or has an unknown word.
        problems: a sentence is appended if the URL has an unknown word.
        where: where the words exist, such as the name of a network; for the sentence.
    """
    word = st.query_params.get(name, default)
    if word == default or word in known:
        return word
    problems.append(str(unknown(name, word, known, where)))
    return default


def view() -> str:
    """Return which picture of a unit the Neuron page shows large, from the URL.

    Returns:
        One of ``VIEWS``; "" for the picture that maximises the activation.

    Raises:
        ExplorerError: the URL names an unknown picture.
    """
    word = st.query_params.get("view", "")
    if word and word not in VIEWS:
        raise unknown("view", word, VIEWS)
    return word
