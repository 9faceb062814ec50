"""Short pieces of HTML that several pages share: headings, facts, large images, style sheets.

This module does not import PyTorch, so a page can show its outline while PyTorch is imported.
"""

import importlib
import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path

import streamlit as st

from explorer.charts import depth_colours
from explorer.thumbnails import data_url
from explorer.ui.components.mount import mount_component

PAGE_ASSETS = Path(__file__).parent.parent / "page_assets"
# The logo without the app's name is for the browser tab, the logo with the name for the page's top.
MARK = PAGE_ASSETS / "mark.svg"
LOGO = PAGE_ASSETS / "logo.svg"


def drop_target(key: str) -> str | None:
    """Show an invisible component that accepts an image file dropped anywhere on the page.

    Args:
        key: the widget's key.

    Returns:
        A JSON object about the file that was dropped just now: its ``name``, and either the PNG
        text chunks ``recipe`` and ``part`` or a ``problem``; None if no file was dropped.
    """
    html = (
        '<div class="drop" popover="manual"><b>Drop a picture made here</b>'
        "<span>It opens with the settings that it was made with.</span></div>"
    )
    return mount_component("drop", html, key, {}, "drop", None)


def start_at_top(key: str) -> None:
    """Scroll to the top of the page if the key differs from that of the previous run.

    This adds an invisible component.
    """
    with st.container(key=key):
        mount_component("scroll_top", "<span></span>", f"{key} mark", {}, "nothing", None)


def heading(title: str, text: str, depth: float = 0.5) -> None:
    """Show a heading with a line of text beneath it.

    Args:
        title: the title.
        text: the line of text.
        depth: the dot before the title has the colour of this depth, from 0 (image) to 1 (logits).
    """
    colour = depth_colours.depth_colour(depth)
    st.html(
        f'<div class="heading"><h2><i style="background:{colour}"></i>{escape(title)}</h2>'
        f"<p>{escape(text)}</p></div>"
    )


def section(title: str, text: str = "") -> None:
    """Show the title of a section, and a line of text beneath it."""
    line = f"<p>{escape(text, quote=False)}</p>" if text else ""
    st.html(f'<div class="section"><h3>{escape(title, quote=False)}</h3>{line}</div>')


def side_heading(text: str) -> None:
    """Show a small heading for a column, or for a part of a column."""
    st.html(f'<h4 class="side">{escape(text, quote=False)}</h4>')


def facts_html(words: str, rows: Mapping[str, str]) -> str:
    """Return HTML, for ``st.html``, of a sentence and a list of names with their values."""
    pairs = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    return f'<p class="fact-words">{escape(words)}</p><dl class="facts">{"".join(pairs)}</dl>'


def large_picture_html(url: str, alt: str, dead: bool = False) -> str:
    """Return HTML, for ``st.html``, of an image that fills its column.

    Args:
        url: URL of the image.
        alt: description for screen readers.
        dead: whether the image belongs to a dead unit.
    """
    kind = "large-picture dead" if dead else "large-picture"
    return f'<img class="{kind}" src="{escape(url)}" alt="{escape(alt)}">'


def large_preview_html(webp: bytes | None, alt: str) -> str:
    """Return HTML of an unfinished image that fills its column; of a frame if there is no image."""
    if webp is None:
        return f'<div class="large-picture" role="img" aria-label="{escape(alt)}"></div>'
    return f'<img class="large-picture preview" src="{data_url(webp)}" alt="{escape(alt)}">'


def page_css(name: str) -> None:
    """Add a style sheet from ``page_assets`` to the page.

    The colours of the theme are in ``.streamlit/config.toml``.

    Args:
        name: name of the file without ``.css``.
    """
    st.html(PAGE_ASSETS / f"{name}.css")


def skeleton(words: str, whole: bool = False) -> None:
    """Show the outline of a grid of images while the page loads.

    Args:
        words: what the page waits for.
        whole: whether to leave space at the left for the list of layers.
    """
    kind = "skeleton whole" if whole else "skeleton"
    cells = "<i></i>" * 64
    st.html(f'<div class="{kind}"><p role="status">{escape(words)}</p><div>{cells}</div></div>')


def warm_up() -> None:
    """Import PyTorch, which takes some seconds the first time; meanwhile show a ``skeleton``."""
    slot = st.empty()
    if "core.networks.registry" not in sys.modules:
        with slot:
            skeleton("Starting ...", whole=True)
        importlib.import_module("core.networks.registry")
        slot.empty()
