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
import sys
import time
from contextlib import closing
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import track

from core import paintings
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
# The name of the group of paintings on the command line.
PAINTINGS = "paintings"


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
        with closing(sqlite3.connect(partial)) as connection:
            # A file in write-ahead mode cannot be opened in a read-only folder.
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("VACUUM")


def encode(picture: Picture) -> StoredPicture:
    """Encode a picture as a lossy WebP."""
    buffer = io.BytesIO()
    image: Image.Image = image_io.to_picture(picture.image)
    image.save(buffer, "WEBP", quality=WEBP_QUALITY, method=6)
    return StoredPicture(picture.part, buffer.getvalue(), picture.facts)


def write_paintings() -> None:
    """Draw the paintings that ship as files, and write them as lossless WebP."""
    for name in paintings.STORED:
        drawn = paintings.draw(name)
        with replacing(paintings.stored_path(name)) as partial:
            drawn.save(partial, "WEBP", lossless=True, quality=100, method=6)


if __name__ == "__main__":
    groups = sys.argv[1:] or (PAINTINGS, NEURONS.stem, STYLES.stem)
    if PAINTINGS in groups:
        write_paintings()
    for file in (NEURONS, STYLES):
        if file.stem in groups:
            write_pictures(file, file.name)
