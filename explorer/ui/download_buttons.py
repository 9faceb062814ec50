"""Buttons that a page offers with a picture or a layer: its file, its Python code, and a report."""

from collections.abc import Callable

import streamlit as st

from core.errors import ExplorerError
from core.recipes.recipe import Recipe
from explorer.gallery.pictures import PNG_SIGNATURE
from explorer.reports import python_script
from explorer.text import formatting


def is_png(image: bytes) -> bool:
    """Whether an encoded picture is exactly what its recipe gives, rather than a smaller copy.

    Pictures are rendered as PNG. Previews, and most pictures that ship with the explorer, are WebP.
    """
    return image.startswith(PNG_SIGNATURE)


def save_button(image: bytes, name: str, label: str = "") -> None:
    """Offer an encoded picture as a file.

    Args:
        image: PNG or WebP.
        name: of the file, without an ending.
        label: by default "Save as", with the format.
    """
    title = "PNG" if is_png(image) else "WebP"
    kind = title.lower()
    st.download_button(
        label or f"Save as {title}",
        image,
        f"{name}.{kind}",
        f"image/{kind}",
        key="save",
        icon=":material/download:",
        on_click="ignore",
    )


def python_button(recipe: Recipe, part: int | None, key: str) -> None:
    """Offer the few lines of Python that make a picture, written when the popover is opened."""
    name = f"code {key}"
    with st.popover("Python", icon=":material/code:", key=name, on_change="rerun") as asked:
        if not asked.open:
            return
        st.caption("The same picture, with the library alone:")
        # It compares the inputs with the project's samples, and may have to draw these first.
        with st.spinner("Writing it ...", show_time=True):
            try:
                st.code(python_script.python_script(recipe, part), language="python")
            except ExplorerError as error:
                st.caption(formatting.escape_markdown(str(error)))


def report_button(name: str, write: Callable[[], str], key: str) -> None:
    """Offer a report as one self-contained HTML file, written when the button is clicked.

    Args:
        name: of the file, without an ending.
        write: returns the report as HTML.
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
