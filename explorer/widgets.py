"""The few pieces that several pages share: grid of pictures, ladder of layers, style.

Nothing here needs PyTorch, so that a page can show its frame while that is still being imported.
"""

import base64
import functools
import importlib
import io
import string
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape

import streamlit as st
from PIL import Image

from explorer import mounting

FRONTEND = mounting.FRONTEND
# The mark, alone for the browser tab and with the name for the page's head.
MARK = FRONTEND / "mark.svg"
LOGO = FRONTEND / "logo.svg"
# From the image to the logits, as light fades under water; legible on the light and dark theme.
DEPTH_COLOURS = ((111, 199, 183), (76, 140, 201), (118, 92, 190))
# A picture drawn in 32 pixels is enlarged well here rather than carelessly by the browser.
THUMBNAIL_QUALITY = 88


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
class Rung:
    """One layer on the ladder.

    Attributes:
        name: of the layer, which a click returns.
        count: how many neurons, and how far apart: ``96 neurons, step 4``.
        sees: its receptive field in words.
        colour: ``depth_colour(layer.depth)``.
        pictures: URLs of up to four sample neurons.
    """

    name: str
    count: str
    sees: str
    colour: str
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stop:
    """One layer on the slider of depths.

    Attributes:
        name: of the layer.
        words: what a screen reader says of it.
        colour: ``depth_colour(layer.depth)``.
        example: whether there is room for an example of it.
        picture: the example's URL, None while there is none.
    """

    name: str
    words: str
    colour: str
    example: bool = True
    picture: str | None = None


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


def ladder(
    rungs: Sequence[Rung],
    selected: str,
    key: str,
    label: str,
    on_pick: Callable[[str], None] | None = None,
) -> str | None:
    """Show the layers of a network from image to logits, each with a few of its neurons.

    Args:
        rungs: the layers, from the image.
        selected: name of the layer that is looked at.
        key: the widget's key.
        label: the network's name.
        on_pick: called with the name of a clicked layer before the page runs again.

    Returns:
        The name of the layer that was clicked just now, or None.
    """
    html = (
        '<nav class="ladder" aria-label="Layers">'
        '<span class="end">the picture goes in</span>'
        '<span class="end bottom">the answer comes out</span></nav>'
    )
    data = {"set": label, "selected": selected, "rungs": [vars(rung) for rung in rungs]}
    return mounting.mount("ladder", html, key, data, "pick", on_pick)


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


def pick(
    picture: str,
    size: tuple[int, int],
    key: str,
    label: str,
    on_pick: Callable[[str], None],
    place: tuple[float, float] | None = None,
    field: tuple[float, float, float, float] | None = None,
) -> str | None:
    """Show a picture in which a place can be chosen with a click.

    Args:
        picture: a URL.
        size: its (height, width); only their proportion matters.
        key: the widget's key.
        label: what a screen reader says.
        on_pick: called with what is returned, before the page runs again.
        place: the (row, col) that is chosen, as shares of the height and width.
        field: a box that is outlined: (top, left, bottom, right), as such shares.

    Returns:
        The row and the column of the place that was chosen just now, as shares, parted by a
        space; None if none was.
    """
    html = (
        '<div class="pick" tabindex="0" role="application"><img alt="" draggable="false">'
        '<span class="field" hidden></span><span class="place" hidden></span></div>'
    )
    data = {
        "picture": picture,
        "proportion": f"{size[1]} / {size[0]}",
        "label": label,
        "place": place,
        "field": field,
    }
    return mounting.mount("pick", html, key, data, "pick", on_pick)


def compare(
    before: str,
    after: str | None,
    size: tuple[int, int],
    key: str,
    label: str,
    place: str,
    word: str = "dream",
    above: float = 24.75,
) -> None:
    """Show a picture over what became of it; a slider uncovers one or the other.

    Args:
        before, after: URLs; None while nothing has become of it, and it is seen alone.
        size: the (height, width); only their proportion matters.
        key: the widget's key.
        label: what a screen reader says of the later picture.
        place: names what is looked at: under another name the slider begins anew.
        word: stands on the later picture.
        above: what stands above and beneath it, in rem, so that all of it is seen at once.
    """
    html = (
        '<div class="compare"><img class="after" alt="" draggable="false">'
        '<img class="before" alt="" draggable="false"><span class="line"></span>'
        '<span class="tag left">before</span><span class="tag right"></span>'
        '<input type="range" min="0" max="100" aria-label="Before and after"></div>'
    )
    height, width = size
    data = {
        "set": place,
        "word": word,
        "before": before,
        "after": after,
        "label": label,
        "proportion": f"{width} / {height}",
        "widest": f"calc(max(20rem, 100dvh - {above}rem) * {width / height:.4f})",
    }
    mounting.mount("compare", html, key, data, "nothing", None)


def depth_slider(
    stops: Sequence[Stop], selected: int, key: str, label: str, on_pick: Callable[[str], None]
) -> str | None:
    """Show a slider over the layers of a network, with examples of what they paint.

    Args:
        stops: the layers, from the image.
        selected: which of them is chosen.
        key: the widget's key.
        label: the network's name.
        on_pick: called with the name of the layer that was chosen before the page runs again.

    Returns:
        The name of the layer that was chosen just now, or None.
    """
    html = (
        '<div class="depth"><div class="examples" aria-hidden="true"></div><div class="track">'
        '<input type="range" min="0" step="1" aria-label="Depth"></div>'
        '<div class="ends" aria-hidden="true"><span>shallow</span><span>deep</span></div></div>'
    )
    data = {"set": label, "selected": selected, "stops": [vars(stop) for stop in stops]}
    return mounting.mount("depth", html, key, data, "pick", on_pick)


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


@functools.lru_cache(maxsize=4096)
def thumbnail(image: bytes, pixels: int) -> str:
    """Turn an encoded picture into a small WebP of about the size it is shown at.

    Args:
        image: PNG or WebP.
        pixels: its shorter side; a smaller picture is enlarged smoothly.

    Returns:
        A ``data:`` URL.
    """
    picture = Image.open(io.BytesIO(image)).convert("RGB")
    scale = pixels / min(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=THUMBNAIL_QUALITY, method=2)
    return encoded(buffer.getvalue())


def encoded(webp: bytes) -> str:
    """Turn a WebP as it is into a ``data:`` URL."""
    return "data:image/webp;base64," + base64.b64encode(webp).decode()


def about(seconds: float) -> str:
    """Write a duration as a person would: ``about 12 s``, ``about 3 min``."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def plain(text: str) -> str:
    """Write a text that others wrote so that Markdown shows it as it is."""
    return "".join(f"\\{it}" if it in string.punctuation else it for it in " ".join(text.split()))


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
    return f'<img class="large-picture sketch" src="{encoded(webp)}" alt="{escape(alt)}">'


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
    if "core.networks" not in sys.modules:
        with slot:
            skeleton("Starting ...", whole=True)
        importlib.import_module("core.networks")
        slot.empty()
