"""Small versions of pictures, and pictures as ``data:`` URLs."""

import functools
import io
import logging

from PIL import Image, ImageDraw

from core.images.data_urls import data_url as data_url
from core.images.data_urls import encode_url as encode_url

LOG = logging.getLogger(__name__)
THUMBNAIL_QUALITY = 88


@functools.lru_cache(maxsize=4096)
def thumbnail(image: bytes, pixels: int) -> str:
    """Scale an encoded picture to about the size at which a page shows it.

    Args:
        image: the encoded picture, PNG or WebP.
        pixels: length of the thumbnail's shorter side. A smaller picture is enlarged by Lanczos
            resampling, which looks better than enlarging in the browser.

    Returns:
        A WebP as a ``data:`` URL.
    """
    try:
        picture = Image.open(io.BytesIO(image)).convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        # Bytes on the disk can change. The page still shows all other pictures.
        LOG.warning("a picture in the store is damaged: %s", error)
        picture = _damaged(pixels)
    return shrink(picture, pixels)


def shrink(picture: Image.Image, pixels: int) -> str:
    """Return a picture as ``thumbnail`` does, without encoding it at full size before."""
    scale = pixels / min(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return encode_url(picture.resize((width, height), Image.Resampling.LANCZOS), THUMBNAIL_QUALITY)


def _damaged(pixels: int) -> Image.Image:
    """Return what stands for a picture that cannot be decoded: a cross on grey."""
    picture = Image.new("RGB", (pixels, pixels), "#bbbbbb")
    draw = ImageDraw.Draw(picture)
    draw.line((0, 0, pixels, pixels), "#cc3333", 3)
    draw.line((0, pixels, pixels, 0), "#cc3333", 3)
    return picture
