"""Conversion between image files, image tensors and pictures (PIL images).

An image tensor is float32 ``[N, 3, H, W]``, RGB, in ``[0, 1]``. Only this module converts between
values from 0 to 255 and ``[0, 1]``. It imports PyTorch only when a tensor is made, so that pictures
can be opened without it. ``core.images.channels`` has images of other channels.
"""

import hashlib
import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, PngImagePlugin

from core.errors import BadPicture
from core.images import picture_file
from core.images.opening_limits import JPEG_FORMATS, least_reduction
from core.images.picture_file import Source
from core.images.rgb_conversion import SIDEWAYS, needs_conversion, turn_of, upright_rgb

if TYPE_CHECKING:
    from torch import Tensor

# The background of transparent images, and the colour between the tiles of a montage: white.
BACKGROUND = 1.0


def open_picture(source: Source) -> Image.Image:
    """Open an image file of any common format as upright 8-bit RGB.

    Transparent images are put on white, colours are converted to sRGB, grey values of other ranges
    are scaled, EXIF rotation is applied, and the first frame of an animation is used. An image that
    would take too much memory is opened at a half or a quarter of its size.

    Raises:
        BadPicture: the file is missing, no image, damaged, or too large (see
            ``core.images.opening_limits``).
    """
    return open_reduced(source)[0]


def open_reduced(
    source: Source, min_size: tuple[int, int] | None = None, name: str = ""
) -> tuple[Image.Image, tuple[int, int]]:
    """Open an image as ``open_picture`` does, but decode JPEGs at a reduced size, which is faster.

    Args:
        source: the file's path or its bytes.
        min_size: smallest (height, width) of the result. A JPEG is decoded at a half, a quarter or
            an eighth of its size as long as both sides have at least this many pixels. None for
            full size.
        name: the image's name in error messages; the path by default.

    Returns:
        The image, upright RGB, and the (height, width) with which ``open_picture`` opens it.

    Raises:
        BadPicture: as ``open_picture``.
    """
    memory = picture_file.free_memory(source)
    with picture_file.open_file(source, name) as picture:
        if picture.format in JPEG_FORMATS:
            sideways = turn_of(picture) in SIDEWAYS
            reduction = least_reduction(picture, needs_conversion(picture), memory)
            width, height = (-(-side // reduction) for side in picture.size)
            least = (picture.width // reduction, picture.height // reduction)
            if min_size is not None:
                wanted = min_size if sideways else min_size[::-1]
                least = (min(least[0], wanted[0]), min(least[1], wanted[1]))
            picture.draft(picture.mode, least)
            return _detached(picture), (width, height) if sideways else (height, width)
        kept, converted = (least_reduction(picture, it, memory) for it in (False, True))
        picture.load()
        # Only now is the orientation of every format known.
        upright = _detached(picture, converted if needs_conversion(picture) else kept)
        return upright, (upright.height, upright.width)


def _detached(picture: Image.Image, reduction: int = 1) -> Image.Image:
    """Return upright RGB without metadata, as ``upright_rgb``, but copy pixels only if needed."""
    picture.load()
    if reduction > 1 or needs_conversion(picture):
        return upright_rgb(picture, reduction)
    picture.info.clear()
    return picture


def to_tensor(picture: Image.Image) -> "Tensor":
    """Convert an image to a tensor, float32 ``[1, 3, H, W]`` in ``[0, 1]``."""
    import torch

    pixels = np.array(picture.convert("RGB"), dtype=np.uint8)  # [H, W, 3]
    return from_bytes(torch.from_numpy(pixels)[None])


def resize_longer_side(picture: Image.Image, longer_side: int) -> Image.Image:
    """Resize an image so that its longer side has ``longer_side`` pixels."""
    scale = longer_side / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def from_bytes(pixels: "Tensor") -> "Tensor":
    """Convert uint8 ``[N, H, W, C]`` to an image tensor, float32 ``[N, C, H, W]`` in ``[0, 1]``."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def to_bytes(image: "Tensor") -> "Tensor":
    """Round an image tensor ``[N, C, H, W]`` in ``[0, 1]`` to uint8 ``[N, H, W, C]`` on the CPU."""
    levels = image.detach().cpu().float().clamp(0, 1).mul(255).round()
    return levels.byte().permute(0, 2, 3, 1).contiguous()


def to_picture(image: "Tensor") -> Image.Image:
    """Convert one image tensor, ``[C, H, W]`` or ``[1, C, H, W]`` in ``[0, 1]``, to an RGB image.

    C is 3, or 1 for a grey image.

    Raises:
        BadPicture: the image has another number of channels.
    """
    batch = image if image.ndim == 4 else image[None]
    if batch.shape[0] != 1:
        raise ValueError(f"one image is wanted, not {batch.shape[0]}; montage() joins several")
    if batch.shape[1] not in (1, 3):
        raise BadPicture(
            f"an image of {batch.shape[1]} channels is no picture; choose one or three of them"
        )
    return Image.fromarray(to_bytes(batch.expand(-1, 3, -1, -1))[0].numpy())


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


def montage(image: "Tensor", columns: int | None = None, gap: int = 4) -> "Tensor":
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
    tiles = image.detach().cpu().float()
    sheet = tiles.new_full(
        (1, 3, rows * (height + gap) + gap, columns * (width + gap) + gap), BACKGROUND
    )
    for index, tile in enumerate(tiles):
        top = gap + (index // columns) * (height + gap)
        left = gap + (index % columns) * (width + gap)
        sheet[0, :, top : top + height, left : left + width] = tile
    return sheet
