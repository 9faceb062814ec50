"""The command that renders the pictures that ship with the project.

It is run as ``python -m explorer.prebuilt.pictures``, and writes three groups of files:

- ``paintings``: the paintings that take long to draw, as lossless files;
- ``sketchnet``: a store with the pictures of all units of SketchNet, rendered by the recipes of the
  Layers page;
- ``styles``: a store with the pictures that the Style pages show by default.

If the command's arguments name groups, only these are rendered. The app reads the shipped stores in
addition to the user's own store. Run the command again when a painting's style, the weights or the
recipes change. Tests render some of the pictures again and compare them with the shipped ones.
"""

import io
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.console import Console
from rich.progress import track

from core import paintings
from core.errors import quoted
from core.files import replacing
from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from core.progress import Picture
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.style import grid, transfer
from explorer.recipe_fields import PAGE_DEFAULTS, STYLE
from explorer.rendering import render_recipe
from explorer.store.database import NEURONS, STYLES
from explorer.store.results import Store, StoredPicture
from explorer.ui import image_picker
from explorer.ui.style import style_view

# Lossy compression keeps the project small; the loss is not visible at the size of a tile.
WEBP_QUALITY = 88
# Without loss, the quality is the effort to make the file small.
LOSSLESS_EFFORT = 100
# The name of the group of paintings on the command line; the others are called as their files.
PAINTINGS = "paintings"
GROUPS = (PAINTINGS, NEURONS.stem, STYLES.stem)


def recipes(network: Network) -> list[NeuronRecipe]:
    """Return the recipes of all units in the layers that pages show."""
    return [
        part for layer in network.shown for part in render_neurons.plan(network, layer.name).parts()
    ]


def first_styles(network: Network) -> list[StyleRecipe]:
    """Return the recipes of the pictures that the Style pages show by default."""
    content, style = style_inputs()
    default_style = transfer.plan(network, content=content, styles=(style,), **PAGE_DEFAULTS[STYLE])
    return [default_style, *grid.plan_grid(network, content, style).parts()]


def style_inputs() -> dict[str, bytes]:
    """Return the encoded input pictures of the ``first_styles`` recipes, by fingerprint."""
    chosen = [image_picker.find_image(it) for it in (style_view.SAMPLE, style_view.PAINTING)]
    return {it.fingerprint: image_io.encode_png(it.picture) for it in chosen}


def write_pictures(path: Path, what: str) -> None:
    """Render pictures of SketchNet into a new store, which replaces an existing one.

    Args:
        path: file of the store.
        what: file name of the shipped store whose recipes are rendered: ``NEURONS.name`` or
            ``STYLES.name``.
    """
    network = registry.load(registry.SKETCHNET, device="cpu")
    neurons = what == NEURONS.name
    all_recipes: list[Recipe] = list(recipes(network) if neurons else first_styles(network))
    inputs = {} if neurons else style_inputs()
    with replacing(path) as partial:
        store = Store(partial, shipped=())
        for recipe in track(all_recipes, "rendering", console=Console(stderr=True)):
            started = time.monotonic()
            *_, last = render_recipe.RENDERERS[recipe.kind](network, recipe, inputs)
            store.put(
                recipe, [encode(picture) for picture in last.pictures], time.monotonic() - started
            )
        store.close()
        pack(partial)


def pack(path: Path) -> None:
    """Make the file of a closed store as small as possible, and usable in a read-only folder."""
    with closing(sqlite3.connect(path)) as connection:
        # A file in write-ahead mode cannot be opened in a read-only folder.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")


def encode(picture: Picture, lossless: bool = False) -> StoredPicture:
    """Encode a picture as a WebP, lossy by default."""
    buffer = io.BytesIO()
    image: Image.Image = image_io.to_picture(picture.image)
    quality = LOSSLESS_EFFORT if lossless else WEBP_QUALITY
    image.save(buffer, "WEBP", lossless=lossless, quality=quality, method=6)
    return StoredPicture(picture.part, buffer.getvalue(), picture.facts)


def write_paintings() -> None:
    """Draw the paintings that ship as files, and write them as lossless WebP."""
    for name in paintings.PAINTINGS:
        drawn = paintings.draw(name)
        with replacing(paintings.stored_path(name)) as partial:
            drawn.save(partial, "WEBP", lossless=True, quality=LOSSLESS_EFFORT, method=6)


def known_words(given: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    """Return the words that a command was given; all if there are none.

    Raises:
        BadParameter: one of them is not known.
    """
    for word in given or ():
        if word not in known:
            raise typer.BadParameter(f"{quoted(word)} is none of {', '.join(known)}")
    return given or known


def main(
    groups: Annotated[
        list[str] | None, typer.Argument(help=f"Of: {', '.join(GROUPS)}; by default all.")
    ] = None,
) -> None:
    """Render the pictures that ship with the project, and replace their files."""
    chosen = known_words(groups, GROUPS)
    if PAINTINGS in chosen:
        write_paintings()
    for file in (NEURONS, STYLES):
        if file.stem in chosen:
            write_pictures(file, file.name)


if __name__ == "__main__":
    typer.run(main)
