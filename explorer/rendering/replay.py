"""Replay: rendering a saved picture again from the recipe in its PNG, and comparing both pictures.

Importing this module does not import PyTorch, because pages import it before PyTorch is loaded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import ExplorerError
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from explorer import cores
from explorer.rendering.png_metadata import open_png
from explorer.rendering.update import Update
from explorer.store.results import StoredPicture

# The largest montage, in pixels without the gaps between pictures, that can be opened again.
MONTAGE_PIXELS = 32_000_000


@dataclass(frozen=True)
class Comparison:
    """The differences between two pictures of the same size.

    Attributes:
        pixels: number of pixels of each picture.
        differing: number of pixels that differ.
        levels: largest difference between two values of the same colour channel, from 0 to 255.
    """

    pixels: int
    differing: int
    levels: int

    @property
    def identical(self) -> bool:
        """Whether all pixels are equal, bit for bit."""
        return self.differing == 0


def render_again(
    recipe: Recipe,
    part: int | None,
    checkpoint: Path | None = None,
    inputs: Mapping[str, bytes] | None = None,
    device: str = "auto",
    on_update: Callable[[Update], None] | None = None,
) -> bytes:
    """Render a picture of a recipe again, and return it as a PNG.

    Args:
        recipe: the recipe of the picture.
        part: number of the picture within the recipe; None for a montage of all pictures.
        checkpoint: file of the weights; None for published weights.
        inputs: the encoded pictures that the recipe starts from, by their fingerprints.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        on_update: called with every update, for example to show progress.

    Raises:
        ExplorerError: the recipe cannot be rendered on this machine, or has no picture with the
            number ``part``.
    """
    from explorer.rendering import render_recipe  # This import loads PyTorch.

    pictures: list[StoredPicture] = []
    render = cores.sharing(render_recipe.render_updates)
    for update in render(recipe, checkpoint, inputs, device):
        if on_update is not None:
            on_update(update)
        for picture in update.pictures:
            if picture.part == part:
                return picture.image
        pictures += update.pictures
    if part is not None:
        raise ExplorerError(f"the recipe in this picture does not make part {part}")
    return render_recipe.render_sheet(recipe, pictures, inputs, checkpoint, device)


def check_montage(recipe: Recipe) -> None:
    """Check, before rendering, that the montage of a recipe is not too large to be opened again.

    Raises:
        ExplorerError: the montage is too large.
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
        one: a PNG that the project wrote.
        other: the PNG that was rendered again from its recipe.

    Raises:
        BadPicture: one of the pictures cannot be opened.
        ExplorerError: the pictures have different sizes.
    """
    old, new = (_pixels(data) for data in (one, other))  # [H, W, 3]
    if old.shape != new.shape:
        (height, width), (rows, cols) = old.shape[:2], new.shape[:2]
        raise ExplorerError(
            f"this picture has {height} x {width} pixels and its recipe makes {rows} x {cols}; "
            "it was cut or resized after it was made"
        )
    difference = np.abs(old.astype(np.int16) - new).max(axis=2)  # [H, W]
    return Comparison(difference.size, int(np.count_nonzero(difference)), int(difference.max()))


def _pixels(data: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with open_png(data) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.uint8)
