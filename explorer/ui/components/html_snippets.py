"""The few pieces that several pages share: grids of pictures and of cards, headings, style.

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
# The mark, alone for the browser tab and with the name for the page's head.
MARK = PAGE_ASSETS / "mark.svg"
LOGO = PAGE_ASSETS / "logo.svg"


def drop_target(key: str) -> str | None:
    """Take a picture that is dropped anywhere on the page.

    Args:
        key: the widget's key.

    Returns:
        JSON of what was dropped just now: its ``name``, and the text chunks ``recipe`` and ``part``
        inside it or the ``problem`` with it; None if nothing was.
    """
    html = (
        '<div class="drop" popover="manual"><b>Drop a picture made here</b>'
        "<span>It opens with the settings that it was made with.</span></div>"
    )
    return mount_component("drop", html, key, {}, "drop", None)


def start_at_top(key: str) -> None:
    """Scroll to the top of the page when it is shown anew."""
    with st.container(key=key):
        mount_component("scroll_top", "<span></span>", f"{key} mark", {}, "nothing", None)


def heading(title: str, text: str, colour: str) -> None:
    """Show a heading with a dot in the colour of its depth, and a line beneath."""
    st.html(
        f'<div class="heading"><h2><i style="background:{escape(colour)}"></i>{escape(title)}</h2>'
        f"<p>{escape(text)}</p></div>"
    )


def facts_html(words: str, rows: Mapping[str, str]) -> str:
    """Write a sentence and a list of names and values as HTML, for ``st.html``."""
    pairs = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    return f'<p class="fact-words">{escape(words)}</p><dl class="facts">{"".join(pairs)}</dl>'


def large_picture_html(url: str, alt: str, dead: bool = False) -> str:
    """Write a picture that fills its column as HTML, for ``st.html``."""
    kind = "large-picture dead" if dead else "large-picture"
    return f'<img class="{kind}" src="{escape(url)}" alt="{escape(alt)}">'


def large_preview_html(webp: bytes | None, alt: str) -> str:
    """Write an unfinished picture that fills its column as HTML; its place while there is none."""
    if webp is None:
        return f'<div class="large-picture" role="img" aria-label="{escape(alt)}"></div>'
    return f'<img class="large-picture preview" src="{data_url(webp)}" alt="{escape(alt)}">'


def page_style() -> None:
    """Give a page the house style; the theme itself stands in ``.streamlit/config.toml``."""
    page_css("page")


def page_css(name: str) -> None:
    """Add one of the style sheets of ``page_assets`` to the page."""
    st.html(PAGE_ASSETS / f"{name}.css")


def skeleton(words: str, whole: bool = False) -> None:
    """Show the shape of a grid before there are pictures.

    Args:
        words: what is being waited for.
        whole: leave room for a ladder at the left.
    """
    kind = "skeleton whole" if whole else "skeleton"
    cells = "<i></i>" * 64
    st.html(f'<div class="{kind}"><p role="status">{escape(words)}</p><div>{cells}</div></div>')


def warm_up() -> None:
    """Import PyTorch behind a skeleton: once in a server's life it takes some seconds."""
    slot = st.empty()
    if "core.networks.registry" not in sys.modules:
        with slot:
            skeleton("Starting ...", whole=True)
        importlib.import_module("core.networks.registry")
        slot.empty()
