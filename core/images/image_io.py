"""The one way in and the one way out: files become tensors here, tensors become pictures here.

An image tensor is float32 ``[N, 3, H, W]``, RGB, in ``[0, 1]``; value ranges change nowhere else.
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

from core.errors import BadPicture

# 64 megapixels: beyond any camera's photograph a person would explore, below what exhausts memory.
MAX_PIXELS = 64_000_000
# EXIF orientations that swap height and width.
ON_ITS_SIDE = (5, 6, 7, 8)
# The colour that stands behind transparent pictures and between the tiles of a montage.
PAPER = 1.0


def open_picture(source: str | Path | bytes | BinaryIO) -> Image.Image:
    """Open a picture of any common kind as upright 8-bit RGB.

    Transparency is laid on white, 16-bit greys are scaled, EXIF rotation is applied, and of an
    animation the first frame is taken.

    Raises:
        BadPicture: the file is missing, no picture, damaged, or larger than ``MAX_PIXELS``.
    """
    return open_reduced(source)[0]


def open_reduced(
    source: str | Path | bytes | BinaryIO, least: tuple[int, int] | None = None, name: str = ""
) -> tuple[Image.Image, tuple[int, int]]:
    """Open a picture as ``open_picture`` does, JPEGs no larger than needed, which is faster.

    Args:
        source: a file, its path or its bytes.
        least: (height, width) that must be left; a JPEG is decoded at a half, a quarter or an
            eighth of its size where both sides keep as many pixels. None for full size.
        name: what errors call it; by default its path.

    Returns:
        The picture, upright RGB, and the (height, width) it has at full size.

    Raises:
        BadPicture: as ``open_picture``.
    """
    name = name or (str(source) if isinstance(source, str | Path) else "the upload")
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; ours is an error with a limit of its own, below.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(stream)
        with opened as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise BadPicture(
                    f"{name} has {height} x {width} pixels; "
                    f"at most {MAX_PIXELS // 1_000_000} megapixels can be opened"
                )
            on_its_side = picture.getexif().get(ExifTags.Base.Orientation, 1) in ON_ITS_SIDE
            if least is not None:
                picture.draft(picture.mode, least if on_its_side else least[::-1])
            picture.load()
            upright = upright_rgb(picture)
    except BadPicture:
        raise
    except FileNotFoundError:
        raise BadPicture(f"there is no file {name}") from None
    except Exception as error:
        # Damaged bytes make Pillow's many decoders raise nearly anything.
        reason = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = "its content is none that is known"  # Pillow names an object in memory.
        raise BadPicture(f"{name} cannot be opened as a picture: {reason}") from error
    return upright, (width, height) if on_its_side else (height, width)


def upright_rgb(picture: Image.Image) -> Image.Image:
    """Turn by EXIF, flatten transparency on white, and reduce to 8-bit RGB."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # 16-bit grey: Pillow's own conversion clips to the lowest 255 values instead of scaling.
        values = np.asarray(picture, dtype=np.float64) / (2**16 - 1)
        return Image.fromarray(np.uint8(np.clip(values, 0, 1) * 255 + 0.5)).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(paper, layer).convert("RGB")
    return picture.convert("RGB")


def to_tensor(picture: Image.Image) -> Tensor:
    """Turn an RGB picture into a tensor, float32 ``[1, 3, H, W]`` in ``[0, 1]``."""
    pixels = np.array(picture.convert("RGB"), dtype=np.uint8)  # [H, W, 3]
    return from_bytes(torch.from_numpy(pixels)[None])


def limit_size(picture: Image.Image, longer: int) -> Image.Image:
    """Scale a picture so that its longer side has so many pixels."""
    scale = longer / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def from_bytes(pixels: Tensor) -> Tensor:
    """Turn uint8 ``[N, H, W, 3]`` into an image tensor, float32 ``[N, 3, H, W]`` in ``[0, 1]``."""
    return pixels.permute(0, 3, 1, 2).to(torch.float32).div_(255)


def to_bytes(image: Tensor) -> Tensor:
    """Round an image tensor ``[N, 3, H, W]`` in ``[0, 1]`` to uint8 ``[N, H, W, 3]`` on the CPU."""
    levels = image.detach().to("cpu", torch.float32).clamp(0, 1).mul(255).round()
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def to_picture(image: Tensor) -> Image.Image:
    """Turn one image, ``[3, H, W]`` or ``[1, 3, H, W]`` in ``[0, 1]``, into a picture."""
    batch = image if image.ndim == 4 else image[None]
    if batch.shape[0] != 1:
        raise ValueError(f"one image is wanted, not {batch.shape[0]}; montage() joins several")
    return Image.fromarray(to_bytes(batch)[0].numpy())


def fingerprint(picture: Image.Image) -> str:
    """Name a picture by its pixels: 32 hexadecimal digits, the same whatever file they come from.

    The SHA-256 of width and height, each as four big-endian bytes, and the RGB bytes row by row.
    """
    shape = b"".join(side.to_bytes(4, "big") for side in picture.size)
    return hashlib.sha256(shape + picture.convert("RGB").tobytes()).hexdigest()[:32]


def encode_png(picture: Image.Image, text: Mapping[str, str] | None = None) -> bytes:
    """Encode a picture as PNG, with UTF-8 text chunks (iTXt) by key."""
    chunks = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        chunks.add_itxt(key, value)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def montage(image: Tensor, columns: int | None = None, gap: int = 4) -> Tensor:
    """Lay a batch out as one picture, row by row on white paper, as square as it gets.

    Args:
        image: ``[N, 3, H, W]`` in ``[0, 1]``, N at least 1.
        columns: tiles in a row; by default about the square root of N.
        gap: pixels of paper around and between tiles.

    Returns:
        ``[1, 3, rows * (H + gap) + gap, columns * (W + gap) + gap]`` on the CPU.
    """
    count, _, height, width = image.shape
    columns = columns or math.ceil(math.sqrt(count))
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    sheet = torch.full(
        (1, 3, rows * (height + gap) + gap, columns * (width + gap) + gap),
        PAPER,
        dtype=torch.float32,
    )
    for place, tile in enumerate(image.detach().cpu()):
        top = gap + (place // columns) * (height + gap)
        left = gap + (place % columns) * (width + gap)
        sheet[0, :, top : top + height, left : left + width] = tile
    return sheet
