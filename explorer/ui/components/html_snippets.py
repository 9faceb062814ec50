"""Short pieces of HTML that several pages share: headings, facts, large images, style sheets.

Nothing here needs PyTorch, so that a page can show its frame while that is still being imported.
"""

import importlib
import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path

import streamlit as st

from explorer.thumbnails import data_url
from explorer.ui.components.mount import mount_component

PAGE_ASSETS = Path(__file__).parent.parent / "page_assets"
# The logo without the name, for the browser tab, and with it, for the head of a page.
MARK = PAGE_ASSETS / "mark.svg"
LOGO = PAGE_ASSETS / "logo.svg"


def drop_target(key: str) -> str | None:
    """Show the invisible target that accepts an image dropped anywhere on the page.

    Args:
        key: the widget's key.

    Returns:
        JSON on the file that was dropped just now: its ``name``, and the text chunks ``recipe``
        and ``part`` inside it or the ``problem`` with it; None if there was none.
    """
    html = (
        '<div class="drop" popover="manual"><b>Drop a picture made here</b>'
        "<span>It opens with the settings that it was made with.</span></div>"
    )
    return mount_component("drop", html, key, {}, "drop", None)


def start_at_top(key: str) -> None:
    """Show nothing, but scroll to the top of the page where the key is new."""
    with st.container(key=key):
        mount_component("scroll_top", "<span></span>", f"{key} mark", {}, "nothing", None)


def heading(title: str, text: str, colour: str) -> None:
    """Show a heading with a dot in the colour of its depth, and a line beneath."""
    st.html(
        f'<div class="heading"><h2><i style="background:{escape(colour)}"></i>{escape(title)}</h2>'
        f"<p>{escape(text)}</p></div>"
    )


def section(title: str, text: str = "") -> None:
    """Show the title of a section, and a line beneath."""
    line = f"<p>{escape(text, quote=False)}</p>" if text else ""
    st.html(f'<div class="section"><h3>{escape(title, quote=False)}</h3>{line}</div>')


def side_heading(text: str) -> None:
    """Show the small heading of a column or a part of one."""
    st.html(f'<h4 class="side">{escape(text, quote=False)}</h4>')


def facts_html(words: str, rows: Mapping[str, str]) -> str:
    """Return a sentence and a list of names and values as HTML, for ``st.html``."""
    pairs = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    return f'<p class="fact-words">{escape(words)}</p><dl class="facts">{"".join(pairs)}</dl>'


def large_picture_html(url: str, alt: str, dead: bool = False) -> str:
    """Return an image that fills its column as HTML, for ``st.html``."""
    kind = "large-picture dead" if dead else "large-picture"
    return f'<img class="{kind}" src="{escape(url)}" alt="{escape(alt)}">'


def large_preview_html(webp: bytes | None, alt: str) -> str:
    """Return an unfinished image that fills its column as HTML; a frame while there is none."""
    if webp is None:
        return f'<div class="large-picture" role="img" aria-label="{escape(alt)}"></div>'
    return f'<img class="large-picture preview" src="{data_url(webp)}" alt="{escape(alt)}">'


def page_css(name: str) -> None:
    """Add a style sheet of ``page_assets``; the theme is in ``.streamlit/config.toml``."""
    st.html(PAGE_ASSETS / f"{name}.css")


def skeleton(words: str, whole: bool = False) -> None:
    """Show the outline of a grid before there are images.

    Args:
        words: what the page waits for.
        whole: whether to leave room for the list of layers at the left.
    """
    kind = "skeleton whole" if whole else "skeleton"
    cells = "<i></i>" * 64
    st.html(f'<div class="{kind}"><p role="status">{escape(words)}</p><div>{cells}</div></div>')


def warm_up() -> None:
    """Import PyTorch while a skeleton is shown; the first time it takes some seconds."""
    slot = st.empty()
    if "core.networks.registry" not in sys.modules:
        with slot:
            skeleton("Starting ...", whole=True)
        importlib.import_module("core.networks.registry")
        slot.empty()
