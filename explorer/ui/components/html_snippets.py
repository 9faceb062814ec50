"""Short pieces of HTML that several pages share: headings, facts, large images, style sheets.

This module does not import PyTorch, so a page can show its outline while PyTorch is imported.
"""

import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path

import streamlit as st

from explorer.charts import depth_colours
from explorer.text.formatting import name_html
from explorer.thumbnails import data_url
from explorer.ui import preparation
from explorer.ui.components.mount import mount_component
from explorer.ui.components.term_marks import mark_terms

PAGE_ASSETS = Path(__file__).parent.parent / "page_assets"
# The logo without the app's name is for the browser tab, the logo with the name for the page's top.
MARK = PAGE_ASSETS / "mark.svg"
LOGO = PAGE_ASSETS / "logo.svg"
# Words above the progress of the first page that is opened.
STARTING = "Starting PyTorch ..."
# Words on the pale picture in the frame of one that has not begun.
SAMPLE_WORDS = "Until yours begins: the picture with the usual settings"


def start_at_top(key: str) -> None:
    """Scroll to the top of the page if the key differs from that of the previous run.

    This adds an invisible component.
    """
    with st.container(key=key):
        mount_component("scroll_top", "<span></span>", f"{key} mark", {}, "nothing", None)


def heading(title: str, text: str, depth: float = 0.5) -> None:
    """Show a heading with a line of text beneath it, in which terms of the glossary are marked.

    Args:
        title: the title.
        text: the line of text.
        depth: the dot before the title has the colour of this depth, from 0 (image) to 1 (logits).
    """
    colour = depth_colours.depth_colour(depth)
    st.html(
        f'<div class="heading"><h2><i style="background:{colour}"></i>{name_html(title)}</h2>'
        f"<p>{mark_terms(text)}</p></div>"
    )


def section(title: str, text: str = "") -> None:
    """Show the title of a section, and a line of text with marked terms beneath it."""
    line = f"<p>{mark_terms(text)}</p>" if text else ""
    st.html(f'<div class="section"><h3>{escape(title, quote=False)}</h3>{line}</div>')


def side_heading(text: str) -> None:
    """Show a small heading for a column, or for a part of a column."""
    st.html(f'<h4 class="side">{escape(text, quote=False)}</h4>')


def facts_html(words: str, rows: Mapping[str, str]) -> str:
    """Return HTML of a sentence and a list of names with their values; terms are marked."""
    pairs = (
        f"<dt>{mark_terms(name)}</dt><dd>{mark_terms(value)}</dd>" for name, value in rows.items()
    )
    return f'<p class="fact-words">{mark_terms(words)}</p><dl class="facts">{"".join(pairs)}</dl>'


def large_picture_html(url: str, alt: str, silent: bool = False) -> str:
    """Return HTML, for ``st.html``, of an image that fills its column.

    Args:
        url: URL of the image.
        alt: description for screen readers.
        silent: whether the image leaves its unit at zero.
    """
    kind = "large-picture silent" if silent else "large-picture"
    return f'<img class="{kind}" src="{escape(url)}" alt="{escape(alt)}">'


def large_preview_html(webp: bytes | None, alt: str, sample: str | None = None) -> str:
    """Return HTML of an unfinished image that fills its column; of a frame if there is no image.

    Args:
        webp: the unfinished image, encoded; None if there is none.
        alt: description for screen readers.
        sample: URL of the picture with the usual settings, which is shown pale in the frame; None
            for an empty frame.
    """
    if webp is None:
        pale = ""
        if sample is not None:
            pale = f'<img class="sample" src="{escape(sample)}" alt=""><span>{SAMPLE_WORDS}</span>'
        return f'<div class="large-picture" role="img" aria-label="{escape(alt)}">{pale}</div>'
    return f'<img class="large-picture preview" src="{data_url(webp)}" alt="{escape(alt)}">'


def page_css(name: str) -> None:
    """Add a style sheet from ``page_assets`` to the page.

    The colours of the theme are in ``.streamlit/config.toml``.

    Args:
        name: name of the file without ``.css``.
    """
    st.html(PAGE_ASSETS / f"{name}.css")


def complete_navigation(menu: int, section: str, title: str) -> None:
    """Mark the menu that has the open page, as Streamlit marks only links, and write its name.

    This adds an invisible component, which also names the navigation of phones.

    Args:
        menu: place of the menu in the navigation, from 1; 0 if no menu has the page.
        section: name of the menu; may be empty.
        title: title of the page, which is written behind the menus if one of them has it.
    """
    here = f"{section} \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} {title}" if menu else ""
    data = {"menu": menu, "here": here}
    with st.container(key="navigation"):
        mount_component("navigation", "<span></span>", "menus", data, "nothing", None)


def skeleton(words: str, whole: bool = False) -> None:
    """Show the outline of a grid of images while the page loads.

    Args:
        words: what the page waits for.
        whole: whether to leave space at the left for the list of layers.
    """
    kind = "skeleton whole" if whole else "skeleton"
    cells = "<i></i>" * 64
    st.html(f'<div class="{kind}"><p role="status">{escape(words)}</p><div>{cells}</div></div>')


def warm_up(page: Path) -> None:
    """Import what a page needs, which takes some seconds the first time.

    Meanwhile the progress and a ``skeleton`` are shown.

    Args:
        page: the page's file.
    """
    slot = st.empty()
    missing = [it for it in preparation.imported_modules(page) if it not in sys.modules]
    if missing:
        with slot.container():
            bar = st.progress(0.0, STARTING)
            skeleton("", whole=True)
        for share in preparation.import_for_page(missing):
            bar.progress(share, STARTING)
        slot.empty()
