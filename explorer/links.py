"""Links: the page's URL says what is looked at, so that it can be shared and reloaded."""

import streamlit as st

from core.recipes import require


def go(**place: str | int | None) -> None:
    """Replace the URL's query by some names and values; None leaves a name out."""
    st.query_params.from_dict({name: str(it) for name, it in place.items() if it is not None})


def number(name: str, bounds: tuple[int, int]) -> int | None:
    """Read a whole number from the URL's query, None if it is not there.

    Raises:
        ExplorerError: it is no whole number, or out of bounds (which are both included).
    """
    text = st.query_params.get(name)
    if text is None:
        return None
    require(name, int(text) if text.isascii() and text.isdigit() else text, bounds)
    return int(text)
