"""The few pieces that several pages share: grids of pictures and of cards, headings, style.

Nothing here needs PyTorch, so that a page can show its frame while that is still being imported.
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape

import streamlit as st

from explorer import mounting
from explorer.thumbnails import data_url

FRONTEND = mounting.FRONTEND
# The mark, alone for the browser tab and with the name for the page's head.
MARK = FRONTEND / "mark.svg"
LOGO = FRONTEND / "logo.svg"
# From the image to the logits, as light fades under water; legible on the light and dark theme.
DEPTH_COLOURS = ((111, 199, 183), (76, 140, 201), (118, 92, 190))


@dataclass(frozen=True)
class Tile:
    """One picture of a grid.

    Attributes:
        id: what a click returns.
        label: what a screen reader says.
        picture: a URL, mostly ``thumbnail(...)``; None where there is none yet.
        title, note: shown on the picture's edge while it is looked at, at the left and right.
        caption: always shown beneath; may be empty.
        sketch: whether the picture is unfinished; it cannot be opened then.
        dead: whether the neuron is dead.
        chosen: whether it is the one that is looked at.
        beside: a URL of a second picture, in a grid of pairs; None where there is none yet.
    """

    id: str
    label: str
    picture: str | None = None
    title: str = ""
    note: str = ""
    caption: str = ""
    sketch: bool = False
    dead: bool = False
    chosen: bool = False
    beside: str | None = None


@dataclass(frozen=True)
class Card:
    """One entry of the gallery.

    Attributes:
        id: what a click tells.
        name: what it is.
        note: a few words on it, beneath the name.
        pictures: its cover: URLs, each with ``""``, ``"dead"`` or ``"sketch"``.
        starred, chosen: what was done to it.
    """

    id: str
    name: str
    note: str
    pictures: tuple[tuple[str, str], ...]
    starred: bool = False
    chosen: bool = False


def tile_grid(
    tiles: Sequence[Tile],
    key: str,
    label: str,
    on_open: Callable[[str], None] | None = None,
    columns: int = 0,
    pairs: bool = False,
) -> str | None:
    """Show a grid of square pictures that open with a click.

    Args:
        tiles: what to show; the grid patches itself when they change under the same label.
        key: the widget's key.
        label: names the set of pictures, such as ``sketchnet relu3b, page 1``.
        on_open: called with the id of a clicked tile before the page runs again.
        columns: how many stand in a row where there is room, of tiles that fill one row; 0 for
            a grid of many rows.
        pairs: whether a second picture stands beside each.

    Returns:
        The id of the tile that was clicked just now, or None.
    """
    shown = [vars(tile) for tile in tiles]
    data = {"set": label, "label": label, "columns": columns, "pairs": pairs, "tiles": shown}
    html = '<div class="tiles" role="group"></div>'
    return mounting.mount("tiles", html, key, data, "open", on_open)


def card_grid(
    cards: Sequence[Card], key: str, label: str, on_act: Callable[[str], None]
) -> str | None:
    """Show a grid of cards that open, are starred and are chosen with a click.

    Args:
        cards: what to show.
        key: the widget's key.
        label: names the set of cards.
        on_act: called with ``open``, ``star`` or ``choose``, a space and the id of a card before
            the page runs again.

    Returns:
        What was done just now, as ``on_act`` gets it, or None.
    """
    shown = [
        {**asdict(card), "pictures": [{"url": url, "kind": kind} for url, kind in card.pictures]}
        for card in cards
    ]
    html = '<div class="cards" role="group"></div>'
    return mounting.mount("cards", html, key, {"label": label, "cards": shown}, "act", on_act)


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
    return mounting.mount("drop", html, key, {}, "drop", None)


def start_at_top(key: str) -> None:
    """Scroll to the top of the page when it is shown anew."""
    with st.container(key=key):
        mounting.mount("top", "<span></span>", f"{key} mark", {}, "nothing", None)


def depth_colour(depth: float) -> str:
    """Give the colour of a depth between 0 (image) and 1 (logits), as ``#rrggbb``."""
    place = min(max(depth, 0.0), 1.0) * (len(DEPTH_COLOURS) - 1)
    index = min(int(place), len(DEPTH_COLOURS) - 2)
    pairs = zip(DEPTH_COLOURS[index], DEPTH_COLOURS[index + 1], strict=True)
    mixed = [round(low + (high - low) * (place - index)) for low, high in pairs]
    return "#" + "".join(f"{value:02x}" for value in mixed)


def heading(title: str, text: str, colour: str) -> None:
    """Show a heading with a dot in the colour of its depth, and a line beneath."""
    st.html(
        f'<div class="heading"><h2><i style="background:{escape(colour)}"></i>{escape(title)}</h2>'
        f"<p>{escape(text)}</p></div>"
    )


def facts(words: str, rows: Mapping[str, str]) -> str:
    """Write a sentence and a list of names and values as HTML, for ``st.html``."""
    pairs = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    return f'<p class="fact-words">{escape(words)}</p><dl class="facts">{"".join(pairs)}</dl>'


def large_picture(url: str, alt: str, dead: bool = False) -> str:
    """Write a picture that fills its column as HTML, for ``st.html``."""
    kind = "large-picture dead" if dead else "large-picture"
    return f'<img class="{kind}" src="{escape(url)}" alt="{escape(alt)}">'


def large_sketch(webp: bytes | None, alt: str) -> str:
    """Write an unfinished picture that fills its column as HTML; its place while there is none."""
    if webp is None:
        return f'<div class="large-picture" role="img" aria-label="{escape(alt)}"></div>'
    return f'<img class="large-picture sketch" src="{data_url(webp)}" alt="{escape(alt)}">'


def page_style() -> None:
    """Give a page the house style; the theme itself stands in ``.streamlit/config.toml``."""
    st.html(FRONTEND / "page.css")


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
