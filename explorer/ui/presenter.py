"""Presenter mode: a page in large type, without navigation and menus, for showing it to a class.

The parameter ``present`` of the URL switches it on; its value is the number of the slide. The arrow
keys and the keys of a presenter's remote control lead to the next and the previous slide, Enter or
a click shows a picture alone, F fills the screen, and Escape leaves. Each page says what its slides
are.
"""

from collections.abc import Mapping
from html import escape

import plotly.graph_objects as go
import streamlit as st

from explorer.ui import link_problems, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.mount import mount_component

PARAMETER = "present"
BACK, FORWARD, LEAVE = "back", "forward", "leave"
# Shorter side of the pictures on slides, in pixels, and how much larger words in charts are.
PICTURE_PIXELS = 960
CHART_SCALE = 1.8
# Size of the words in charts, in pixels.
FONT_SIZE = 12
HELP = "Large type for a projector. Arrow keys: next and back. Escape: leave."

Query = Mapping[str, str | int | None]


def is_on() -> bool:
    """Whether the URL asks for presenter mode."""
    return PARAMETER in st.query_params


def slide_number(last: int, problems: list[str]) -> int:
    """Return the number of the slide that the URL names, from 1 to ``last``.

    If the URL has another number, a sentence is appended to ``problems``, and it is 1.
    """
    with link_problems.collect(problems):
        return urls.number(PARAMETER, (1, last)) or 1
    return 1


def show_button() -> None:
    """Show the button that switches presenter mode on for what the page shows."""
    st.button(
        "Present",
        icon=":material/slideshow:",
        type="tertiary",
        key="present",
        help=HELP,
        on_click=lambda: urls.update_query(**{PARAMETER: 1}),
    )


def show_frame(where: str, back: Query | None, forward: Query | None) -> None:
    """Hide the navigation, and show a bar with buttons; the bar also reads the keys.

    Args:
        where: what is shown, such as ``3 · Content, 2 of 6``.
        back, forward: query of the slide before and of the one after; None if there is none.
    """
    html_snippets.page_css("present")
    data = {"where": where, BACK: back is not None, FORWARD: forward is not None}

    def go(way: str) -> None:
        query = {BACK: back, FORWARD: forward, LEAVE: leaving()}.get(way)
        if query is not None:
            urls.replace_query(**query)

    html = (
        '<div class="bar" role="toolbar" aria-label="Presentation"><span class="where" '
        'role="status"></span><button class="back">Back</button><button class="forward">Next'
        '</button><button class="fill">Full screen</button><button class="leave">Leave</button>'
        '</div><dialog class="whole" aria-label="Picture"><img alt=""><p></p></dialog>'
    )
    with st.container(key="presenter"):
        mount_component("presenter", html, "presenter bar", data, "go", go)


def leaving() -> Query:
    """Return the query of the same place without presenter mode."""
    return {name: it for name, it in st.query_params.to_dict().items() if name != PARAMETER}


def enlarge(figure: go.Figure) -> go.Figure:
    """Return a chart of bars, in presenter mode larger; the chart itself is changed."""
    if is_on():
        layout, size = figure.layout, CHART_SCALE * FONT_SIZE
        margin = {side: CHART_SCALE * (layout.margin[side] or 0) for side in ("t", "r")}
        figure.update_layout(font_size=size, height=CHART_SCALE * layout.height, margin=margin)
        figure.update_traces(textfont_size=size)
    return figure


def show_picture(url: str | None, alt: str, title: str, line: str, kind: str = "") -> None:
    """Show one picture as large as the window, with its title beneath it.

    Args:
        url: URL of the picture; None while there is none.
        alt: description for screen readers.
        title, line: words beneath the picture.
        kind: a further CSS class, ``preview`` or ``silent``.
    """
    shown = f'<div class="large-picture" role="img" aria-label="{escape(alt)}, unfinished"></div>'
    if url is not None:
        shown = f'<img class="large-picture {kind}" src="{escape(url)}" alt="{escape(alt)}">'
    words = f"<b>{escape(title)}</b>" + (f", {escape(line)}" if line else "")
    st.html(f'<figure class="presented">{shown}<figcaption>{words}</figcaption></figure>')
