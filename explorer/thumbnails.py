"""Small versions of pictures, and pictures as ``data:`` URLs."""

import base64
import functools
import io
import logging

from PIL import Image, ImageDraw

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
    scale = pixels / min(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return encode_url(picture, THUMBNAIL_QUALITY)


def _damaged(pixels: int) -> Image.Image:
    """Return what stands for a picture that cannot be decoded: a cross on grey."""
    picture = Image.new("RGB", (pixels, pixels), "#bbbbbb")
    draw = ImageDraw.Draw(picture)
    draw.line((0, 0, pixels, pixels), "#cc3333", 3)
    draw.line((0, pixels, pixels, 0), "#cc3333", 3)
    return picture


def encode_url(picture: Image.Image, quality: int) -> str:
    """Encode a picture as a WebP of a quality from 0 to 100, and return it as a ``data:`` URL."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return data_url(buffer.getvalue())


def data_url(image: bytes, kind: str = "webp") -> str:
    """Return an encoded picture as a ``data:`` URL; ``kind`` is its format, ``webp`` or ``png``."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
