"""Make the pictures that ship with the project: ``python -m explorer.prebuilt.pictures``.

Every neuron of SketchNet, by the recipes that the Layers page asks for, and what the Style pages
show first; each in a store of the usual form, which later lies beside the user's own and is only
read. Before them the paintings that take long to draw, without loss. ``paintings``, ``sketchnet``
or ``styles`` behind the command makes one of these alone. Run it again when the manner of a
painting, the weights or the recipes change; tests make some of the pictures anew and compare.
"""

import io
import sqlite3
import sys
import time
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import track

from core import paintings
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
from explorer.store.results import NEURONS, STYLES, Store, StoredPicture
from explorer.ui import image_picker
from explorer.ui.style import style_view

# Lossy, to keep the project small; no difference is seen at the size of a tile.
WEBP_QUALITY = 88
# What the command calls the paintings.
PAINTINGS = "paintings"


def recipes(network: Network) -> list[NeuronRecipe]:
    """Write the recipes of every neuron of every layer that a person wants to see."""
    return [
        part for layer in network.shown for part in render_neurons.plan(network, layer.name).parts()
    ]


def first_styles(network: Network) -> list[StyleRecipe]:
    """Write the recipes of what the Style pages show where a link names nothing."""
    content, style = (
        image_picker.find_image(it) for it in (style_view.SAMPLE, style_view.PAINTING)
    )
    fingerprints = content.fingerprint, style.fingerprint
    one = transfer.plan(
        network, content=fingerprints[0], styles=fingerprints[1:], **PAGE_DEFAULTS[STYLE]
    )
    matrix = grid.plan_grid(network, *fingerprints)
    return [one, *matrix.parts()]


def style_inputs() -> dict[str, bytes]:
    """Encode the pictures that those start from, by their fingerprints."""
    found = [image_picker.find_image(it) for it in (style_view.SAMPLE, style_view.PAINTING)]
    return {it.fingerprint: image_io.encode_png(it.picture) for it in found}


def write_pictures(path: Path, what: str) -> None:
    """Render pictures of SketchNet into a new store at a path, replacing the one that is there."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    every: list[Recipe] = list(recipes(network) if what == NEURONS.name else first_styles(network))
    inputs = {} if what == NEURONS.name else style_inputs()
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    store = Store(partial, shipped=())
    for recipe in track(every, "rendering", console=Console(stderr=True)):
        started = time.monotonic()
        *_, last = render_recipe.RENDERERS[recipe.kind](network, recipe, inputs)
        store.put(
            recipe, [encode(picture) for picture in last.pictures], time.monotonic() - started
        )
    store.close()
    with sqlite3.connect(partial) as connection:
        # One file without a log beside it, as read-only places need.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")
    connection.close()
    partial.replace(path)


def encode(picture: Picture) -> StoredPicture:
    """Encode one picture as WebP."""
    buffer = io.BytesIO()
    shown: Image.Image = image_io.to_picture(picture.image)
    shown.save(buffer, "WEBP", quality=WEBP_QUALITY, method=6)
    return StoredPicture(picture.part, buffer.getvalue(), picture.facts)


def write_paintings() -> None:
    """Draw the paintings that are kept finished, and keep them to the last bit."""
    for name in paintings.STORED:
        drawn = paintings.draw(name)
        drawn.save(paintings.stored_path(name), "WEBP", lossless=True, quality=100, method=6)


if __name__ == "__main__":
    wanted = sys.argv[1:] or (PAINTINGS, NEURONS.stem, STYLES.stem)
    if PAINTINGS in wanted:
        write_paintings()
    for file in (NEURONS, STYLES):
        if file.stem in wanted:
            write_pictures(file, file.name)
