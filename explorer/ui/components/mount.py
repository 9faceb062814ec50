"""Mount a Streamlit component from its CSS and JavaScript files in this folder."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
# Files that some components share; they are put before the component's own.
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
        name: name of its files.
        html: its HTML, before its JavaScript changes it.
        key: the widget's key.
        data: passed to its JavaScript.
        event: the name of the trigger that its JavaScript sets.
        callback: called with the trigger's value before the page runs again.

    Returns:
        The value of the trigger that was set just now, or None.
    """

    def clicked() -> None:
        value = st.session_state[key][event]
        if callback is not None and value is not None:
            callback(str(value))

    result = _component(name, html)(key=key, data=data, **{f"on_{event}_change": clicked})
    value = result[event]
    return None if value is None else str(value)


def _component(name: str, html: str) -> Any:
    # Registering an equal component again does nothing; every server process has to do it.
    css, js = (_source(name, ending) for ending in ("css", "js"))
    return st.components.v2.component(f"explorer_{name}", html=html, css=css, js=js)


@functools.cache
def _source(name: str, ending: str) -> str:
    """Return a component's file, after the one that it shares with others, if there is one."""
    files = (FOLDER / f"{it}.{ending}" for it in (COMMON.get(name, name), name))
    return "\n".join(it.read_text("utf-8") for it in dict.fromkeys(files) if it.exists())
