"""Make the pictures that ship with the project: ``python -m explorer.shipping``.

Every neuron of SketchNet, by the recipes that the Layers page asks for, in a store of the usual
form, which later lies beside the user's own and is only read. Run it again when the weights or the
ascent change; a test renders some of the pictures anew and compares.
"""

import io
import sqlite3
import time
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import track

from core import images, networks, neurons
from core.networks import Network
from core.progress import Picture
from core.recipes import NeuronRecipe
from explorer.store import SHIPPED, Store, StoredPicture

# Lossy, to keep the project small; no difference is seen at the size of a tile.
WEBP_QUALITY = 88


def recipes(network: Network) -> list[NeuronRecipe]:
    """Write the recipes of every neuron of every layer that a person wants to see."""
    return [part for layer in network.shown for part in neurons.plan(network, layer.name).parts()]


def ship(path: Path) -> None:
    """Render SketchNet's neurons into a new store at a path, replacing the one that is there."""
    network = networks.load(networks.SKETCHNET, device="cpu")
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    store = Store(partial, shipped=None)
    for recipe in track(recipes(network), "rendering", console=Console(stderr=True)):
        started = time.monotonic()
        *_, last = neurons.render(network, recipe)
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
    """Encode one neuron's picture as WebP."""
    buffer = io.BytesIO()
    shown: Image.Image = images.to_picture(picture.image)
    shown.save(buffer, "WEBP", quality=WEBP_QUALITY, method=6)
    return StoredPicture(picture.part, buffer.getvalue(), picture.facts)


if __name__ == "__main__":
    SHIPPED.parent.mkdir(exist_ok=True)
    ship(SHIPPED)
