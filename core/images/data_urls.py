"""Pictures as ``data:`` URLs, without NumPy: the app's first page is shown before its import."""

import base64
import io

from PIL import Image


def encode_url(picture: Image.Image, quality: int) -> str:
    """Encode a picture as a WebP of a quality from 0 to 100, and return it as a ``data:`` URL."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return data_url(buffer.getvalue())


def data_url(image: bytes, kind: str = "webp") -> str:
    """Return an encoded picture as a ``data:`` URL; ``kind`` is its format, ``webp`` or ``png``."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
