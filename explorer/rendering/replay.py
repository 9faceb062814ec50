"""Replay: the recipe inside a picture, and the same picture made again from nothing.

Reading needs no PyTorch until it is called, as pages import this before that is there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ExplorerError
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from explorer.store.results import StoredPicture

if TYPE_CHECKING:
    from explorer.rendering.update import Update
from explorer.rendering.png_metadata import open_png

# A montage of more pixels than this, without the gaps, could not be opened again.
MONTAGE_PIXELS = 32_000_000


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


def render_again(
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
    from explorer.rendering import render_recipe

    pictures: list[StoredPicture] = []
    for update in render_recipe.render_updates(recipe, checkpoint, inputs, device):
        if notice is not None:
            notice(update)
        for picture in update.pictures:
            if picture.part == part:
                return picture.image
        pictures += update.pictures
    if part is not None:
        raise ExplorerError(f"the recipe in this picture does not make part {part}")
    return render_recipe.render_sheet(recipe, pictures, inputs, checkpoint, device)


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
    with open_png(data) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.uint8)
