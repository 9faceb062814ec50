"""Images side by side, each with a title and a few lines beneath."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from explorer import thumbnails


@dataclass(frozen=True)
class CaptionedImage:
    """One image of a row.

    Attributes:
        title: beneath it.
        url: None while there is no image yet.
        words: lines beneath the title.
        colour: of the dot before the title; "" for none.
        preview: whether the image is unfinished.
        alt: what a screen reader says of it; by default the title.
    """

    title: str
    url: str | None
    words: tuple[str, ...] = ()
    colour: str = ""
    preview: bool = False
    alt: str = ""


def captioned(
    image: bytes | None,
    preview: bytes | None,
    pixels: int,
    title: str,
    words: tuple[str, ...] = (),
    colour: str = "",
    alt: str = "",
) -> CaptionedImage:
    """Return a finished image with its caption, or its preview as long as there is only that.

    Args:
        image: the finished image, encoded, if it is there.
        preview: the unfinished one, encoded as WebP, if it is there.
        pixels: the shorter side of the finished image as it is shown.
        title, words, colour, alt: as ``CaptionedImage`` has them.
    """
    if image is not None:
        url = thumbnails.thumbnail(image, pixels)
        return CaptionedImage(title, url, words, colour, alt=alt)
    waiting = None if preview is None else thumbnails.data_url(preview)
    return CaptionedImage(title, waiting, words, colour, preview is not None, alt)


def figure_row(
    images: Sequence[CaptionedImage],
    size: tuple[int, int] = (1, 1),
    style_class: str = "depths lesson-row",
    columns: int = 0,
    waiting: str = "not there yet",
) -> None:
    """Show images side by side.

    Args:
        images: what to show.
        size: their (height, width); only the proportion matters.
        style_class: classes of the row in the style sheets.
        columns: number of images side by side; 0 for all.
        waiting: what a screen reader says of an image that is not there.
    """
    figures = []
    for it in images:
        alt, title = escape(it.alt or it.title), escape(it.title)
        shown = f'<div class="place" role="img" aria-label="{alt}, {waiting}"></div>'
        if it.url is not None:
            kind, state = (' class="preview"', ", unfinished") if it.preview else ("", "")
            shown = f'<img{kind} src="{it.url}" alt="{alt}{state}">'
        dot = f'<i style="background:{it.colour}"></i>' if it.colour else ""
        lines = "".join(f"<small>{escape(line)}</small>" for line in it.words)
        caption = f"<figcaption><b>{dot}{title}</b>{lines}</figcaption>"
        figures.append(f"<figure>{shown}{caption}</figure>")
    style = f"--columns: {columns or len(images)}; --proportion: {size[1]} / {size[0]}"
    alone = " alone" if len(images) == 1 else ""
    st.html(f'<div class="{style_class}{alone}" style="{style}">{"".join(figures)}</div>')
