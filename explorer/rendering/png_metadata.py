"""The text chunks of PNG files, which record how a picture was rendered."""

from collections.abc import Mapping

from PIL import Image

from core.errors import BadPicture, ExplorerError
from core.images import picture_file
from core.recipes import kinds
from core.recipes.recipe import Recipe

# The keys of the text chunks: the recipe as JSON; the number of the picture within the recipe
# (absent if the file is a montage of all pictures); and the software that rendered the picture.
RECIPE_CHUNK = "recipe"
PART_CHUNK = "part"
SOFTWARE_CHUNK = "software"

# Larger files (in bytes) and longer text chunks (in characters) are refused. The project writes
# none: a recipe with the maximum number of units takes a quarter of TEXT_AT_MOST.
BYTES_AT_MOST = 256 * 2**20
TEXT_AT_MOST = 200_000
PART_DIGITS = 9


def read_recipe(data: bytes) -> tuple[Recipe, int | None]:
    """Read the recipe of a picture.

    Args:
        data: a PNG that the project wrote.

    Returns:
        The recipe, and the number of the picture within the recipe. The number is None if the file
        is a montage of all pictures of the recipe. A recipe of an older version is returned with
        the same settings in the present version, which renders another picture.

    Raises:
        BadPicture: the file is not a PNG, is damaged, or is too large.
        ExplorerError: the file contains no recipe, the recipe cannot be read, or it has no picture
            with the number in the file.
    """
    text = read_text_chunks(data)
    if RECIPE_CHUNK not in text:
        raise ExplorerError(
            "there is no recipe in this picture; "
            "it was not made here, or another program has saved it since"
        )
    recipe, part = kinds.read_older(text[RECIPE_CHUNK]), text.get(PART_CHUNK)
    if part is None:
        return recipe, None
    if not is_part_number(part):
        raise ExplorerError("this picture does not say which one of its recipe it is")
    if int(part) not in recipe.pictures:
        raise ExplorerError(f"the recipe in this picture does not make picture {int(part)}")
    return recipe, int(part)


def is_part_number(text: str) -> bool:
    """Whether a text is the number of a picture within a recipe: up to nine decimal digits."""
    return text.isascii() and text.isdecimal() and len(text) <= PART_DIGITS


def read_text_chunks(data: bytes) -> dict[str, str]:
    """Read the text chunks of a PNG by their keys.

    Raises:
        BadPicture: the file is not a PNG, is damaged, or is too large.
    """
    with open_png(data) as picture:
        text: Mapping[str, str] = picture.text
    if any(len(value) > TEXT_AT_MOST for value in text.values()):
        raise BadPicture("what this picture says of how it was made is too long to be read")
    return {str(key): str(value) for key, value in text.items()}


def read_software(data: bytes) -> str:
    """Return the text chunk that names the software that rendered a picture; "" if there is none.

    Raises:
        BadPicture: as for ``read_text_chunks``.
    """
    return read_text_chunks(data).get(SOFTWARE_CHUNK, "")


def open_png(data: bytes) -> Image.Image:
    """Open a PNG and decode it completely.

    Raises:
        BadPicture: the file is not a PNG, is damaged, or is too large.
    """
    if len(data) > BYTES_AT_MOST:
        raise BadPicture(f"this file is larger than {BYTES_AT_MOST // 2**20} MB")
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        raise BadPicture("this file is no PNG; only PNGs made by the explorer carry their recipe")
    with picture_file.open_file(data, "this PNG", ["PNG"]) as picture:
        picture.load()
        return picture
