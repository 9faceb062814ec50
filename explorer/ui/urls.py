"""Paths of pages, and the URL query that describes what a page shows.

The query has all the choices of a visitor, so a page can be shared as a link and reloaded.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.errors import unknown
from core.numbers import read_whole
from explorer.paths import ROOT

PAGES = ROOT / "pages"
HOME = str(PAGES / "home.py")
LAYERS, NEURON, PROBE = (str(PAGES / f"{name}.py") for name in ("layers", "neuron", "probe"))
DREAM, DEPTHS = (str(PAGES / f"{name}.py") for name in ("dream", "depths"))
CIRCUITS, GLOSSARY = (str(PAGES / f"{name}.py") for name in ("circuits", "glossary"))
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
# Seconds in which a message of the browser may not know of the last change of the query.
LATE_SECONDS = 3.0


@dataclass(frozen=True)
class QueryChange:
    """The last change of the URL's query by the app.

    Attributes:
        page: name of the page.
        before, after: the query before and after the change.
        when: the time from which on messages of the browser know of the change, on the monotonic
            clock, but for ``LATE_SECONDS``.
        shown: whether the page has been shown with the query after the change.
    """

    page: str
    before: dict[str, str]
    after: dict[str, str]
    when: float
    shown: bool = False


def as_query(**place: str | int | None) -> dict[str, str]:
    """Return some parameters as a query; a parameter whose value is None is left out."""
    return {name: str(it) for name, it in place.items() if it is not None}


def replace_query(**place: str | int | None) -> None:
    """Replace the URL's query by some parameters; a parameter whose value is None is left out."""
    before, after = st.query_params.to_dict(), as_query(**place)
    st.query_params.from_dict(after)
    page = st.session_state.get("place", ("",))[0]
    st.session_state["replaced"] = QueryChange(page, before, after, time.monotonic())


def update_query(**place: str | int | None) -> None:
    """Replace some parameters in the URL's query; a parameter whose value is None is removed."""
    page = st.session_state.get("place", ("",))[0]
    replace_query(**{**_newest_query(page), **place})


def restore_query(page: str) -> None:
    """Replace the query of a late message of the browser by the newest one.

    A message that the browser sends before it knows of a change of the query has the old query.
    Parts of a page that follow jobs send messages all the time.

    Args:
        page: name of the page that is open now.
    """
    newest = _newest_query(page)
    if newest != st.query_params.to_dict():
        st.query_params.from_dict(newest)


def _newest_query(page: str) -> dict[str, str]:
    """Return the URL's query; if it is that before the last change, the one after the change."""
    query = st.query_params.to_dict()
    change: QueryChange | None = st.session_state.get("replaced")
    if change is None or (change.page, change.before) != (page, query):
        return query
    late = time.monotonic() - change.when < LATE_SECONDS
    context = get_script_run_ctx()
    # Who goes back in the browser means the old query.
    went_back = context is not None and context.is_history_navigation
    return dict(change.after) if late and not went_back else query


def note_end() -> None:
    """Record that a run of the page has ended that began after the query was changed.

    Messages of the browser wait until a run has ended, so only now the late ones arrive.
    """
    change: QueryChange | None = st.session_state.get("replaced")
    if change and not change.shown and st.query_params.to_dict() == change.after:
        now = time.monotonic()
        st.session_state["replaced"] = replace(change, when=now, shown=True)


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


def note_look(page: str) -> None:
    """Record the time if the visitor has opened another page, or changed the URL's query.

    Args:
        page: name of the page.
    """
    place = page, st.query_params.to_dict()
    if st.session_state.get("place") != place:
        st.session_state["place"] = place
        st.session_state["looked"] = time.time()


def looked() -> float | None:
    """Return when the visitor opened what the page shows (``note_look``); None if unknown."""
    when: float | None = st.session_state.get("looked")
    return when


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
