"""Conversion between image files, image tensors and pictures (PIL images).

An image tensor is float32 ``[N, 3, H, W]``, RGB, in ``[0, 1]``. Only this module converts between
values from 0 to 255 and ``[0, 1]``.
"""

import hashlib
import io
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from core.errors import BadPicture, named

# 64 megapixels: more than a camera's photographs have, but not enough to exhaust memory.
MAX_PIXELS = 64_000_000
# EXIF orientations that swap height and width.
SIDEWAYS = (5, 6, 7, 8)
# The background of transparent images, and the colour between the tiles of a montage: white.
BACKGROUND = 1.0


def open_picture(source: str | Path | bytes | BinaryIO) -> Image.Image:
    """Open an image file of any common format as upright 8-bit RGB.

    Transparent images are put on white, 16-bit grey values are scaled to 8 bits, EXIF rotation is
    applied, and the first frame of an animation is used.

    Raises:
        BadPicture: the file is missing, no image, damaged, or larger than ``MAX_PIXELS``.
    """
    return open_reduced(source)[0]


def open_reduced(
    source: str | Path | bytes | BinaryIO, min_size: tuple[int, int] | None = None, name: str = ""
) -> tuple[Image.Image, tuple[int, int]]:
    """Open an image as ``open_picture`` does, but decode JPEGs at a reduced size, which is faster.

    Args:
        source: a file, its path or its bytes.
        min_size: smallest (height, width) of the result. A JPEG is decoded at a half, a quarter or
            an eighth of its size as long as both sides have at least this many pixels. None for
            full size.
        name: the image's name in error messages; the path by default.

    Returns:
        The image, upright RGB, and the (height, width) that the image has at full size.

    Raises:
        BadPicture: as ``open_picture``.
    """
    name = named(name or (source if isinstance(source, str | Path) else "the upload"))
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            # Pillow warns about large images; this function has its own limit and error below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(stream)
        with opened as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise BadPicture(
                    f"{name} has {height} x {width} pixels; "
                    f"at most {MAX_PIXELS // 1_000_000} megapixels can be opened"
                )
            sideways = picture.getexif().get(ExifTags.Base.Orientation, 1) in SIDEWAYS
            if min_size is not None:
                picture.draft(picture.mode, min_size if sideways else min_size[::-1])
            picture.load()
            upright = upright_rgb(picture)
    except BadPicture:
        raise
    except FileNotFoundError:
        raise BadPicture(f"there is no file {name}") from None
    except Exception as error:
        # Damaged bytes can raise almost any exception in Pillow's decoders.
        reason = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            # Pillow's own message contains the address of an object in memory.
            reason = "its content is none that is known"
        raise BadPicture(f"{name} cannot be opened as a picture: {reason}") from error
    return upright, (width, height) if sideways else (height, width)


def upright_rgb(picture: Image.Image) -> Image.Image:
    """Convert an image to 8-bit RGB: rotated as EXIF says, transparent areas on white."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        values = np.asarray(picture, dtype=np.float64) / (2**16 - 1)
        return Image.fromarray(np.uint8(np.clip(values, 0, 1) * 255 + 0.5)).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        background = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(background, layer).convert("RGB")
    return picture.convert("RGB")


def to_tensor(picture: Image.Image) -> Tensor:
    """Convert an image to a tensor, float32 ``[1, 3, H, W]`` in ``[0, 1]``."""
    pixels = np.array(picture.convert("RGB"), dtype=np.uint8)  # [H, W, 3]
    return from_bytes(torch.from_numpy(pixels)[None])


def resize_longer_side(picture: Image.Image, longer_side: int) -> Image.Image:
    """Resize an image so that its longer side has ``longer_side`` pixels."""
    scale = longer_side / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def from_bytes(pixels: Tensor) -> Tensor:
    """Convert uint8 ``[N, H, W, 3]`` to an image tensor, float32 ``[N, 3, H, W]`` in ``[0, 1]``."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(255)


def to_bytes(image: Tensor) -> Tensor:
    """Round an image tensor ``[N, 3, H, W]`` in ``[0, 1]`` to uint8 ``[N, H, W, 3]`` on the CPU."""
    levels = image.detach().to("cpu", torch.float32).clamp(0, 1).mul(255).round()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def to_picture(image: Tensor) -> Image.Image:
    """Convert one image tensor, ``[3, H, W]`` or ``[1, 3, H, W]`` in ``[0, 1]``, to a PIL image."""
    batch = image if image.ndim == 4 else image[None]
    if batch.shape[0] != 1:
        raise ValueError(f"one image is wanted, not {batch.shape[0]}; montage() joins several")
    return Image.fromarray(to_bytes(batch)[0].numpy())


def fingerprint(picture: Image.Image) -> str:
    """Return 32 hexadecimal digits that identify an image by its pixels, not by its file.

    They are the start of the SHA-256 of these bytes: width and height, each as four big-endian
    bytes, then the RGB values row by row.
    """
    shape = b"".join(side.to_bytes(4, "big") for side in picture.size)
    return hashlib.sha256(shape + picture.convert("RGB").tobytes()).hexdigest()[:32]


def encode_png(picture: Image.Image, text: Mapping[str, str] | None = None) -> bytes:
    """Encode an image as PNG, with a UTF-8 text chunk (iTXt) for each key of ``text``."""
    chunks = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        chunks.add_itxt(key, value)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def montage(image: Tensor, columns: int | None = None, gap: int = 4) -> Tensor:
    """Arrange the images of a batch in a grid, row by row on white; return one image.

    Args:
        image: ``[N, 3, H, W]`` in ``[0, 1]``, N at least 1.
        columns: tiles per row; by default about the square root of N.
        gap: white pixels around and between tiles.

    Returns:
        ``[1, 3, rows * (H + gap) + gap, columns * (W + gap) + gap]`` on the CPU.
    """
    count, _, height, width = image.shape
    columns = columns or math.ceil(math.sqrt(count))
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    sheet = torch.full(
        (1, 3, rows * (height + gap) + gap, columns * (width + gap) + gap),
        BACKGROUND,
        dtype=torch.float32,
    )
    for index, tile in enumerate(image.detach().cpu()):
        top = gap + (index // columns) * (height + gap)
        left = gap + (index % columns) * (width + gap)
        sheet[0, :, top : top + height, left : left + width] = tile
    return sheet
