"""Controls whose choice is written into the URL's query at once."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from explorer.ui import urls
from explorer.ui.link_problems import collect


def word_control(
    name: str,
    words: Mapping[str, str],
    problems: list[str],
    label: str = "",
    forget: Sequence[str] = (),
) -> str:
    """Show some words of which the URL names one, and return it.

    Args:
        name: the name in the URL's query, and the widget's key.
        words: what visitors read, by the word in the URL; "" is the default.
        problems: gets a sentence where the URL has another word.
        label: what screen readers say; by default the name.
        forget: other names that leave the URL's query with a new choice.
    """
    chosen = ""
    with collect(problems):
        chosen = urls.one_of(name, [it for it in words if it])
    st.session_state[name] = chosen

    def pick() -> None:
        urls.update_query(**dict.fromkeys(forget), **{name: st.session_state[name] or None})

    st.segmented_control(
        label or name,
        list(words),
        format_func=words.__getitem__,
        key=name,
        label_visibility="collapsed",
        required=True,
        on_change=pick,
    )
    return chosen


def pager(key: str, page: int, last: int, text: str, go: Callable[..., None]) -> None:
    """Show a button to the previous page, one to the next page, and where the page is.

    Args:
        key: of the container, and before those of the buttons.
        page, last: this page and the last one, counted from 1.
        text: what is on this page.
        go: called with the number of another page.
    """
    steps = ("Previous", page - 1, page == 1), ("Next", page + 1, page == last)
    with st.container(key=f"{key}pager", horizontal=True, vertical_alignment="center"):
        for label, to, stuck in steps:
            st.button(label, disabled=stuck, key=f"{key}{label}", on_click=partial(go, to))
        st.markdown(text)
