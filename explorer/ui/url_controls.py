"""Controls that write a choice into the URL's query."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from explorer.ui import urls


def bind(key: str, value: object, write: Callable[[Any], object]) -> dict[str, Any]:
    """Return the arguments ``key`` and ``on_change`` of a widget, after setting its value.

    Args:
        key: the widget's key.
        value: the widget's value in this run of the page.
        write: called with the new value when a visitor has changed it, before the page runs again.
    """
    st.session_state[key] = value
    return {"key": key, "on_change": lambda: write(st.session_state[key])}


def word_control(
    name: str,
    words: Mapping[str, str],
    problems: list[str],
    label: str = "",
    forget: Sequence[str] = (),
) -> str:
    """Show a choice between some words, and return the one in the URL.

    For example, the parameter ``show`` of the Layers page is ``crops``, ``both`` or missing.

    Args:
        name: name of the parameter in the URL's query, and the widget's key.
        words: what visitors read, by the word in the URL; "" is the default.
        problems: a sentence is appended if the URL has an unknown word.
        label: what screen readers say; by default the name.
        forget: other parameters that are removed from the query with a new choice.
    """
    chosen = urls.one_of(name, [it for it in words if it], "", problems)

    def pick(word: str) -> None:
        urls.update_query(**dict.fromkeys(forget), **{name: word or None})

    st.segmented_control(
        label or name,
        list(words),
        format_func=words.__getitem__,
        label_visibility="collapsed",
        required=True,
        **bind(name, chosen, pick),
    )
    return chosen


def pager(key: str, page: int, last: int, text: str, go: Callable[..., None]) -> None:
    """Show a button to the previous page, a button to the next page, and a text.

    Args:
        key: beginning of the keys of the container and the buttons.
        page, last: numbers of the present and the last page, counted from 1.
        text: what is on the present page, such as ``1 to 64 of 256``.
        go: called with the number of the page whose button was clicked.
    """
    steps = ("Previous", page - 1, page == 1), ("Next", page + 1, page == last)
    with st.container(key=f"{key}pager", horizontal=True, vertical_alignment="center"):
        for label, to, stuck in steps:
            st.button(label, disabled=stuck, key=f"{key}{label}", on_click=partial(go, to))
        st.markdown(text)
