"""Buttons beneath a picture or a layer: save the file, show Python code, save a report."""

from collections.abc import Callable

import streamlit as st

from core.errors import ExplorerError
from core.recipes.recipe import Recipe
from explorer.gallery.pictures import PNG_SIGNATURE
from explorer.reports import python_script
from explorer.text import formatting


def is_png(image: bytes) -> bool:
    """Whether an encoded picture is a PNG, and so exactly the image that its recipe renders.

    Previews, and most pictures that ship with the explorer, are WebP: smaller and not exact.
    """
    return image.startswith(PNG_SIGNATURE)


def save_button(image: bytes, name: str, label: str = "") -> None:
    """Show a button that saves an encoded picture as a file.

    Args:
        image: the picture, encoded as PNG or WebP.
        name: name of the file, without an ending.
        label: text of the button; by default "Save as PNG" or "Save as WebP".
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
    """Show a button that opens a popover with the Python code that makes a picture.

    The code is only written when the popover is opened.

    Args:
        recipe: the recipe of the picture.
        part: number of the picture among the recipe's pictures; None for all of them.
        key: ends the popover's key.
    """
    name = f"code {key}"
    with st.popover("Python", icon=":material/code:", key=name, on_change="rerun") as asked:
        if not asked.open:
            return
        st.caption("This Python program makes the same picture without the app:")
        # Writing the code takes a moment: the input images are compared with the project's
        # samples, some of which may have to be drawn first.
        with st.spinner("Writing it ...", show_time=True):
            try:
                code = python_script.python_script(recipe, part)
                # Lines that are scrolled sideways could not be reached with the keyboard.
                st.code(code, language="python", wrap_lines=True)
            except ExplorerError as error:
                st.caption(formatting.escape_markdown(str(error)))


def report_button(name: str, write: Callable[[], str], key: str) -> None:
    """Show a button that saves a report as one self-contained HTML file.

    Args:
        name: name of the file, without an ending.
        write: called when the button is clicked; returns the report as HTML.
        key: ends the button's key.
    """
    st.download_button(
        "Report",
        lambda: _written(write),
        f"{name}.html",
        "text/html",
        key=f"report {key}",
        icon=":material/description:",
        on_click="ignore",
        help="One HTML file with the pictures, numbers and code; any browser opens it",
    )


def _written(write: Callable[[], str]) -> str:
    try:
        return write()
    except ExplorerError as error:
        return f"<!doctype html><p>{formatting.escape_markdown(str(error))}</p>"
