"""A row of images, each with a title and a few lines beneath it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from explorer import thumbnails
from explorer.text.formatting import name_html


@dataclass(frozen=True)
class CaptionedImage:
    """One image of a row.

    Attributes:
        title: title beneath the image.
        url: URL of the image; None while there is no image yet.
        words: lines of text beneath the title.
        colour: CSS colour of a dot before the title; "" for no dot.
        preview: whether the image is unfinished.
        alt: description for screen readers; by default the title.
        sample: URL of an image that is shown pale while there is no image; None for an empty frame.
    """

    title: str
    url: str | None
    words: tuple[str, ...] = ()
    colour: str = ""
    preview: bool = False
    alt: str = ""
    sample: str | None = None


def captioned(
    image: bytes | None,
    preview: bytes | None,
    pixels: int,
    title: str,
    words: tuple[str, ...] = (),
    colour: str = "",
    alt: str = "",
    sample: bytes | None = None,
) -> CaptionedImage:
    """Return an image with its caption: the finished image, else its preview, else a frame.

    Args:
        image: the finished image, encoded; None if it is not finished.
        preview: the unfinished image, encoded as WebP; None if there is none.
        pixels: shorter side of the thumbnail of the finished image.
        title, words, colour, alt: as in ``CaptionedImage``.
        sample: an image that is shown pale in the frame, encoded; None for an empty frame.
    """
    if image is not None:
        url = thumbnails.thumbnail(image, pixels)
        return CaptionedImage(title, url, words, colour, alt=alt)
    waiting = None if preview is None else thumbnails.data_url(preview)
    pale = None if sample is None else thumbnails.thumbnail(sample, pixels)
    return CaptionedImage(title, waiting, words, colour, preview is not None, alt, pale)


def figure_row(
    images: Sequence[CaptionedImage],
    size: tuple[int, int] = (1, 1),
    style_class: str = "depths lesson-row",
    columns: int = 0,
    waiting: str = "not there yet",
) -> None:
    """Show images side by side.

    Args:
        images: the images.
        size: (height, width) of every image; only their proportion matters.
        style_class: CSS classes of the row.
        columns: number of images side by side; 0 for all.
        waiting: what a screen reader says of an image that has no URL yet.
    """
    figures = []
    for it in images:
        alt, title = escape(it.alt or it.title), name_html(it.title)
        pale = "" if it.sample is None else f'<img class="sample" src="{it.sample}" alt="">'
        shown = f'<div class="place" role="img" aria-label="{alt}, {waiting}">{pale}</div>'
        if it.url is not None:
            kind, state = (' class="preview"', ", unfinished") if it.preview else ("", "")
            shown = f'<img{kind} src="{it.url}" alt="{alt}{state}">'
        dot = f'<i style="background:{it.colour}"></i>' if it.colour else ""
        lines = "".join(f"<small>{name_html(line)}</small>" for line in it.words)
        caption = f"<figcaption><b>{dot}{title}</b>{lines}</figcaption>"
        figures.append(f"<figure>{shown}{caption}</figure>")
    style = f"--columns: {columns or len(images)}; --proportion: {size[1]} / {size[0]}"
    alone = " alone" if len(images) == 1 else ""
    st.html(f'<div class="{style_class}{alone}" style="{style}">{"".join(figures)}</div>')
