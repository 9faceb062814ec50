"""Mount a Streamlit component from its CSS and JavaScript files in this folder."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent
# By component, the names of files that it shares with others: ``NAME.css`` and ``NAME.js``. The
# shared code comes before the code of the component's own files.
COMMON = {
    "depth_slider": ("slider_common",),
    "style_sliders": ("slider_common",),
    "tiles": ("placeholder", "names"),
    "matrix": ("placeholder", "names"),
    "layer_list": ("names",),
    "node_graph": ("names",),
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
        name: name of the component's files, such as ``tiles`` for ``tiles.js`` and ``tiles.css``.
        html: HTML of the component, which its JavaScript then changes.
        key: the widget's key.
        data: object that is passed to the JavaScript.
        event: name of the trigger value that the JavaScript sets.
        callback: called with the trigger's value before the page runs again.

    Returns:
        The value of the trigger that was set just now, or None.
    """

    def clicked() -> None:
        value = st.session_state[key][event]
        if callback is not None and value is not None:
            callback(str(value))

    # Streamlit asks whether a list is a table, and imports pandas for that. It leaves tuples alone,
    # and both become the same JSON.
    plain = {it: tuple(value) if isinstance(value, list) else value for it, value in data.items()}
    result = _component(name, html)(key=key, data=plain, **{f"on_{event}_change": clicked})
    value = result[event]
    return None if value is None else str(value)


def _component(name: str, html: str) -> Any:
    # Every server process has to register the component; to register it again has no effect.
    css, js = (_source(name, ending) for ending in ("css", "js"))
    return st.components.v2.component(f"explorer_{name}", html=html, css=css, js=js)


@functools.cache
def _source(name: str, ending: str) -> str:
    """Return the text of a component's file, preceded by those of the shared files of ``COMMON``.

    Files that do not exist are left out.
    """
    files = (FOLDER / f"{it}.{ending}" for it in (*COMMON.get(name, ()), name))
    return "\n".join(it.read_text("utf-8") for it in files if it.exists())
