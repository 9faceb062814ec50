"""The text chunks inside a PNG: its recipe, which of the recipe's pictures it is, and what it was
made with.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Mapping

from PIL import Image

from core.errors import BadPicture, ExplorerError
from core.recipes import kinds
from core.recipes.recipe import Recipe

# The keys of the text chunks inside a PNG: its recipe, which of the recipe's pictures it is (none
# for all of them together), and what it was made with.
RECIPE_CHUNK = "recipe"
PART_CHUNK = "part"
SOFTWARE_CHUNK = "software"

# No picture that the project writes is larger.
BYTES_AT_MOST = 256 * 2**20
# A recipe of as many neurons as one may have is a quarter of it.
TEXT_AT_MOST = 200_000
PART_DIGITS = 9
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


def read_recipe(data: bytes) -> tuple[Recipe, int | None]:
    """Read how a picture was made.

    Args:
        data: a PNG that the project wrote.

    Returns:
        Its recipe, and which of the recipe's pictures it is, None for all of them as a montage.

    Raises:
        BadPicture: it is no PNG, damaged, or too large.
        ExplorerError: it has no recipe, or one that cannot be read.
    """

    text = read_text_chunks(data)
    if RECIPE_CHUNK not in text:
        raise ExplorerError(
            "there is no recipe in this picture; "
            "it was not made here, or another program has saved it since"
        )
    recipe, part = kinds.read(text[RECIPE_CHUNK]), text.get(PART_CHUNK)
    if part is None:
        return recipe, None
    if not is_part_number(part):
        raise ExplorerError("this picture does not say which one of its recipe it is")
    if int(part) not in recipe.pictures:
        raise ExplorerError(f"the recipe in this picture does not make picture {int(part)}")
    return recipe, int(part)


def is_part_number(text: str) -> bool:
    """Tell whether a text can say which picture of a recipe is meant."""
    return text.isascii() and text.isdecimal() and len(text) <= PART_DIGITS


def read_text_chunks(data: bytes) -> dict[str, str]:
    """Read the text chunks of a PNG, by their keys.

    Raises:
        BadPicture: it is no PNG, damaged, or too large.
    """
    with open_png(data) as picture:
        text: Mapping[str, str] = picture.text
    if any(len(value) > TEXT_AT_MOST for value in text.values()):
        raise BadPicture("what this picture says of how it was made is too long to be read")
    return {str(key): str(value) for key, value in text.items()}


def read_software(data: bytes) -> str:
    """Tell what a picture was made with; empty where it does not say.

    Raises:
        BadPicture: as ``read_text``.
    """

    return read_text_chunks(data).get(SOFTWARE_CHUNK, "")


def open_png(data: bytes) -> Image.Image:
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
