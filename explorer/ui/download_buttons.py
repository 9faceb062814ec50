"""What a page offers with a picture or a layer: its Python, and a report."""

from collections.abc import Callable

import streamlit as st

from core.errors import ExplorerError
from core.recipes.recipe import Recipe
from explorer.reports import python_script
from explorer.text import formatting


def python_button(recipe: Recipe, part: int | None, key: str) -> None:
    """Offer the few lines of Python that make a picture, written once somebody asks for them."""
    name = f"code {key}"
    with st.popover("Python", icon=":material/code:", key=name, on_change="rerun") as asked:
        if not asked.open:
            return
        st.caption("The same picture, with the library alone:")
        # It looks for the pictures among those of the project, and may have to paint these first.
        with st.spinner("Writing it ...", show_time=True):
            try:
                st.code(python_script.python_script(recipe, part), language="python")
            except ExplorerError as error:
                st.caption(formatting.escape_markdown(str(error)))


def report_button(name: str, write: Callable[[], str], key: str) -> None:
    """Offer a report as an HTML file that stands by itself, written when it is asked for.

    Args:
        name: of the file, without an ending.
        write: writes it.
        key: the widget's key.
    """
    st.download_button(
        "Report",
        lambda: _written(write),
        f"{name}.html",
        "text/html",
        key=f"report {key}",
        icon=":material/description:",
        on_click="ignore",
        help="One HTML file with pictures, numbers and code, which needs nothing else",
    )


def _written(write: Callable[[], str]) -> str:
    try:
        return write()
    except ExplorerError as error:
        return f"<!doctype html><p>{formatting.escape_markdown(str(error))}</p>"
