"""Pictures as HTML for notebooks: in rows, with captions, on light and on dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from PIL import Image

from core.images.data_urls import encode_url
from core.images.image_io import resize_longer_side, to_picture

if TYPE_CHECKING:
    from torch import Tensor

# A notebook is saved with all HTML in it. These limits keep that of any number of pictures below
# 5 MB, and mostly below 1 MB.
PICTURES_AT_MOST = 64
PIXELS_AT_MOST = PICTURES_AT_MOST * 192**2
QUALITY = 90  # of WebP, from 0 to 100
COLUMNS_AT_MOST = 8
# Widths in CSS pixels: of all columns at most, of a column where there is room and at least, and of
# the gap between columns.
WIDTH, COLUMN, NARROWEST, GAP = 960, 112, 72, 8
# Pixels of a picture for each CSS pixel of its column, at most: enough for screens of high density.
DENSITY = 2
# Channel counts of images that are one picture; of others, each channel is a grey picture.
PICTURE_CHANNELS = (1, 3)


@dataclass(frozen=True)
class CaptionedPicture:
    """A picture with its caption.

    Attributes:
        picture: the picture.
        caption: text below the picture; may be empty.
        details: text that appears when the mouse is over the picture; may be empty.
    """

    picture: Image.Image
    caption: str = ""
    details: str = ""


def captioned(image: "Tensor", caption: str = "", details: str = "") -> list[CaptionedPicture]:
    """Return an image ``[C, H, W]`` in ``[0, 1]`` as one picture, or as one for each channel."""
    if image.shape[0] in PICTURE_CHANNELS:
        return [CaptionedPicture(to_picture(image), caption, details)]
    names = (f"{caption}, channel {at}".removeprefix(", ") for at in range(image.shape[0]))
    return [
        CaptionedPicture(to_picture(channel[None]), name, details)
        for channel, name in zip(image, names, strict=True)
    ]


def pictures_html(pictures: Sequence[CaptionedPicture]) -> str:
    """Return pictures in rows as HTML.

    Text has the colour of the page around it. Large pictures are reduced, and of many pictures only
    the first are included, with a line that says how many are missing.
    """
    shown = pictures[:PICTURES_AT_MOST]
    if not shown:
        return "<p>no pictures yet</p>"
    count = column_count(len(shown))
    widest = max(max(it.picture.width for it in shown), COLUMN)
    width = min(count * widest + (count - 1) * GAP, WIDTH)
    # A tenth of a pixel less, so that rounding never drops a column.
    share = f"calc((100% - {(count - 1) * GAP}px) / {count} - 0.1px)"
    columns = f"repeat(auto-fill, minmax(max({NARROWEST}px, {share}), 1fr))"
    longest = min(math.sqrt(PIXELS_AT_MOST / len(shown)), DENSITY * width / count)
    figures = "".join(_figure(it, math.floor(longest)) for it in shown)
    more = len(pictures) - len(shown)
    return (
        f'<div style="display: grid; grid-template-columns: {columns}; gap: {GAP}px; '
        f'max-width: {width}px">{figures}</div>' + (f"<p>and {more} more</p>" if more else "")
    )


def column_count(count: int) -> int:
    """Return the number of columns that leaves the fewest gaps in the last row."""
    if count <= COLUMNS_AT_MOST:
        return count
    return min(
        range(COLUMNS_AT_MOST, COLUMNS_AT_MOST // 2, -1), key=lambda columns: -count % columns
    )


def _figure(shown: CaptionedPicture, longest: int) -> str:
    picture = shown.picture
    if max(picture.size) > longest:
        picture = resize_longer_side(picture, longest)
    text = escape(shown.caption or "picture")
    title = f' title="{escape(shown.details)}"' if shown.details else ""
    caption = ""
    if shown.caption:
        caption = (
            '<figcaption style="font-size: 12px; line-height: 1.5; opacity: 0.8; '
            f'overflow-wrap: anywhere">{escape(shown.caption)}</figcaption>'
        )
    return (
        f'<figure style="margin: 0"><img src="{encode_url(picture, QUALITY)}" alt="{text}"{title} '
        f'style="display: block; width: 100%; height: auto; border-radius: 4px">{caption}</figure>'
    )
