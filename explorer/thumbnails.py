"""Small pictures as data URLs."""

import base64
import functools
import io

from PIL import Image

# A picture drawn in 32 pixels is enlarged well here rather than carelessly by the browser.
THUMBNAIL_QUALITY = 88


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
    return data_url(buffer.getvalue())


def data_url(webp: bytes) -> str:
    """Turn a WebP as it is into a ``data:`` URL."""
    return "data:image/webp;base64," + base64.b64encode(webp).decode()
