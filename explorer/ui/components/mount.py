"""Mount a Streamlit component from its CSS and JavaScript files in this folder."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
# What components have in common; it comes before their own.
COMMON = {
    "depth_slider": "slider_common",
    "style_sliders": "slider_common",
    "tiles": "placeholder",
    "matrix": "placeholder",
}


def mount_component(
    name: str,
    html: str,
    key: str,
    data: dict[str, Any],
    event: str,
    callback: Callable[[str], None] | None,
) -> str | None:
    """Show one of the components of this folder.

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
    css, js = (_source(name, ending) for ending in ("css", "js"))
    return st.components.v2.component(f"explorer_{name}", html=html, css=css, js=js)


@functools.cache
def _source(name: str, ending: str) -> str:
    """Read a component's file, after the one that it shares with others, if there is one."""
    files = (FOLDER / f"{it}.{ending}" for it in (COMMON.get(name, name), name))
    return "\n".join(it.read_text("utf-8") for it in dict.fromkeys(files) if it.exists())
