"""Replay: the recipe inside a picture, and the same picture made again from nothing.

Reading needs no PyTorch until it is called, as pages import this before that is there.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from core.errors import BadPicture, ExplorerError
from core.recipes import kinds
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from explorer.store import StoredPicture

if TYPE_CHECKING:
    from explorer.claims import Update

# No picture that the project writes is larger.
BYTES_AT_MOST = 256 * 2**20
# A recipe of as many neurons as one may have is a quarter of it.
TEXT_AT_MOST = 200_000
PART_DIGITS = 9
# A montage of more pixels than this, without the gaps, could not be opened again.
MONTAGE_PIXELS = 32_000_000
# What Pillow raises for files that are damaged, or made to do harm.
DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    IndexError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Comparison:
    """How far two pictures of one size are apart.

    Attributes:
        pixels: how many each of them has.
        differing: how many of these differ.
        levels: by how many levels of 255 a colour differs at most.
    """

    pixels: int
    differing: int
    levels: int

    @property
    def identical(self) -> bool:
        """Whether every pixel is the same, bit for bit."""
        return self.differing == 0


def read_chunks(data: bytes) -> tuple[Recipe, int | None]:
    """Read how a picture was made.

    Args:
        data: a PNG that the project wrote.

    Returns:
        Its recipe, and which of the recipe's pictures it is, None for all of them as a montage.

    Raises:
        BadPicture: it is no PNG, damaged, or too large.
        ExplorerError: it has no recipe, or one that cannot be read.
    """
    from explorer.work import PART_CHUNK, RECIPE_CHUNK

    text = read_text(data)
    if RECIPE_CHUNK not in text:
        raise ExplorerError(
            "there is no recipe in this picture; "
            "it was not made here, or another program has saved it since"
        )
    recipe, part = kinds.read(text[RECIPE_CHUNK]), text.get(PART_CHUNK)
    if part is None:
        return recipe, None
    if not is_part(part):
        raise ExplorerError("this picture does not say which one of its recipe it is")
    if int(part) not in recipe.pictures:
        raise ExplorerError(f"the recipe in this picture does not make picture {int(part)}")
    return recipe, int(part)


def is_part(text: str) -> bool:
    """Tell whether a text can say which picture of a recipe is meant."""
    return text.isascii() and text.isdecimal() and len(text) <= PART_DIGITS


def read_text(data: bytes) -> dict[str, str]:
    """Read the text chunks of a PNG, by their keys.

    Raises:
        BadPicture: it is no PNG, damaged, or too large.
    """
    with _opened(data) as picture:
        text: Mapping[str, str] = picture.text
    if any(len(value) > TEXT_AT_MOST for value in text.values()):
        raise BadPicture("what this picture says of how it was made is too long to be read")
    return {str(key): str(value) for key, value in text.items()}


def software(data: bytes) -> str:
    """Tell what a picture was made with; empty where it does not say.

    Raises:
        BadPicture: as ``read_text``.
    """
    from explorer.work import SOFTWARE_CHUNK

    return read_text(data).get(SOFTWARE_CHUNK, "")


def again(
    recipe: Recipe,
    part: int | None,
    checkpoint: Path | None = None,
    inputs: Mapping[str, bytes] | None = None,
    device: str = "auto",
    notice: "Callable[[Update], None] | None" = None,
) -> bytes:
    """Make a picture again from nothing, and give its PNG.

    Args:
        recipe: how it was made.
        part: which of the recipe's pictures it is, None for all of them as a montage.
        checkpoint: the file of its weights, if they are not the published ones.
        inputs: the pictures that it starts from, encoded, by their fingerprints.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        notice: is told how far it is.

    Raises:
        ExplorerError: the recipe cannot be worked on here, or has no such part.
    """
    from explorer import work

    pictures: list[StoredPicture] = []
    for update in work.updates(recipe, checkpoint, inputs, device):
        if notice is not None:
            notice(update)
        for picture in update.pictures:
            if picture.part == part:
                return picture.image
        pictures += update.pictures
    if part is not None:
        raise ExplorerError(f"the recipe in this picture does not make part {part}")
    return work.sheet(recipe, pictures, inputs, checkpoint, device)


def check_montage(recipe: Recipe) -> None:
    """Refuse, before any work, a montage that would be too large to be opened again.

    Raises:
        ExplorerError: it would.
    """
    if isinstance(recipe, NeuronRecipe) and len(recipe.pictures) * recipe.size**2 > MONTAGE_PIXELS:
        raise ExplorerError(
            f"a montage of {len(recipe.pictures)} pictures of {recipe.size} x {recipe.size} "
            f"pixels is too large; take fewer units or a smaller size, "
            f"{MONTAGE_PIXELS // 1_000_000} megapixels in all at most"
        )


def compare(one: bytes, other: bytes) -> Comparison:
    """Compare two pictures pixel by pixel.

    Args:
        one: a PNG that the project wrote once.
        other: the PNG that its recipe gives.

    Raises:
        BadPicture: one cannot be opened.
        ExplorerError: they are not of one size.
    """
    before, now = (_pixels(data) for data in (one, other))  # [H, W, 3]
    if before.shape != now.shape:
        (height, width), (rows, cols) = before.shape[:2], now.shape[:2]
        raise ExplorerError(
            f"this picture has {height} x {width} pixels and its recipe makes {rows} x {cols}; "
            "it was cut or resized after it was made"
        )
    apart = np.abs(before.astype(np.int16) - now).max(axis=2)
    return Comparison(apart.size, int(np.count_nonzero(apart)), int(apart.max()))


def _pixels(data: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with _opened(data) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.uint8)


def _opened(data: bytes) -> Image.Image:
    """Open a PNG, all of it.

    Raises:
        BadPicture: it is no PNG, damaged, or too large.
    """
    from core.images.image_io import MAX_PIXELS

    if len(data) > BYTES_AT_MOST:
        raise BadPicture(f"this file is larger than {BYTES_AT_MOST // 2**20} MB")
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise BadPicture("this file is no PNG; only PNGs made by the explorer carry their recipe")
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; ours is an error with a limit of its own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=["PNG"])
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise BadPicture(f"this picture is larger than {MAX_PIXELS // 1_000_000} megapixels")
        picture.load()
    except DAMAGED as error:
        raise BadPicture(f"this picture is damaged: {error}") from error
    return picture
