"""The browser's side of a page: the components whose files stand in ``frontend/``."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

FRONTEND = Path(__file__).parent / "frontend"


def mount(
    name: str,
    html: str,
    key: str,
    data: dict[str, Any],
    event: str,
    callback: Callable[[str], None] | None,
) -> str | None:
    """Show one of the components of ``frontend/``.

    Args:
        name: of its files.
        html: what it begins with.
        key: the widget's key.
        data: what it shows.
        event: the trigger that it sets.
        callback: called with what the event brought before the page runs again.

    Returns:
        What the event brought just now, or None.
    """

    def clicked() -> None:
        value = st.session_state[key][event]
        if callback is not None and value is not None:
            callback(str(value))

    result = _component(name, html)(key=key, data=data, **{f"on_{event}_change": clicked})
    value = result[event]
    return None if value is None else str(value)


def _component(name: str, html: str) -> Any:
    # Registering an equal component again does nothing; it must be known to the server that runs.
    css, js = _source(f"{name}.css"), _source(f"{name}.js")
    return st.components.v2.component(f"explorer_{name}", html=html, css=css, js=js)


@functools.cache
def _source(file: str) -> str:
    return (FRONTEND / file).read_text("utf-8")
