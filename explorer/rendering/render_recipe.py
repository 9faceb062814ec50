"""From a recipe to encoded pictures, whoever asked for them and wherever they go.

The one place that knows how each kind of recipe is worked on. It knows nothing of jobs: it yields
how far it is, and whoever leaves the loop stops it.
"""

import io
import json
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor

from core import allocator
from core.dreams import render_dreams
from core.figures import style_grid_sheet
from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from core.progress import LossHistory, Picture, Progress, downsample_curve
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.style import transfer
from core.style.transfer import StylePicture
from explorer.rendering import png_metadata
from explorer.rendering.png_metadata import PART_CHUNK, RECIPE_CHUNK, SOFTWARE_CHUNK
from explorer.rendering.update import Update
from explorer.store.results import StoredPicture

# Unfinished pictures are encoded at most this often, and no larger than this along a side.
PREVIEW_SECONDS = 0.3
PREVIEW_PIXELS = 512
PREVIEW_QUALITY = 80
# Networks that a process keeps loaded, at most.
NETWORKS_AT_MOST = 2

Renderer = Callable[[Network, Any, Mapping[str, bytes]], Iterator[Progress]]


def _style_depths(
    network: Network, recipe: StyleDepthsRecipe, inputs: Mapping[str, bytes]
) -> Iterator[Progress]:
    """Paint one after the other, as jobs do part by part."""
    parts = recipe.parts()
    for at, part in enumerate(parts):
        for it in transfer.render(network, part, inputs):
            numbered = tuple(StylePicture(at, one.image, one.facts) for one in it.pictures)
            yield Progress(at * it.total + it.done, len(parts) * it.total, {}, numbered)


# How each kind of recipe is worked on, with the encoded pictures that it starts from.
RENDERERS: dict[str, Renderer] = {
    NeuronRecipe.kind: render_neurons.render,
    DreamRecipe.kind: render_dreams.render,
    StyleRecipe.kind: transfer.render,
    StyleDepthsRecipe.kind: _style_depths,
}


def render_updates(
    recipe: Recipe,
    checkpoint: Path | None = None,
    inputs: Mapping[str, bytes] | None = None,
    device: str = "auto",
) -> Iterator[Update]:
    """Work on a recipe.

    Args:
        recipe: of any kind.
        checkpoint: the file of its weights, if they are not the published ones.
        inputs: the pictures that it starts from, encoded, by their fingerprints.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        ExplorerError: the recipe cannot be worked on here.
    """
    network = _network(recipe.network, recipe.weights, checkpoint, device)
    # The first comes at once, as somebody waits for it.
    sketched = -math.inf
    for progress in RENDERERS[recipe.kind](network, recipe, inputs or {}):
        previews: Mapping[int, bytes] = {}
        history = ""
        if progress.previews and time.monotonic() - sketched >= PREVIEW_SECONDS:
            previews = {part: encode_preview(image) for part, image in progress.previews.items()}
            history = "" if progress.history is None else history_json(progress.history)
            sketched = time.monotonic()
        pictures = tuple(encode(recipe, it, network.device) for it in progress.pictures)
        yield Update(progress.done, progress.total, previews, pictures, history)


# The latest networks that were used, by name, fingerprint of the weights, and requested device.
_networks: OrderedDict[tuple[str, str, str], Network] = OrderedDict()


def remember_network(network: Network, device: str = "auto") -> None:
    """Keep a loaded network, so that recipes for it are rendered without loading it again.

    Args:
        network: the loaded network.
        device: for which ``registry.load`` loaded it.
    """
    # Every step of an optimisation allocates the same large tensors.
    allocator.keep_freed_memory()
    key = network.name, network.fingerprint, device
    _networks[key] = network
    _networks.move_to_end(key)
    while len(_networks) > NETWORKS_AT_MOST:
        _networks.popitem(last=False)


def forget_networks() -> None:
    """Drop all networks that are kept loaded."""
    _networks.clear()


def _network(name: str, weights: str, checkpoint: Path | None, device: str) -> Network:
    """Return the network with a fingerprint of weights; load it where it is not kept.

    What is loaded may have another fingerprint; every renderer checks that.
    """
    network = _networks.get((name, weights, device))
    if network is None:
        network = registry.load(name, checkpoint, device)
    remember_network(network, device)
    return network


def encode(recipe: Recipe, picture: Picture, device: torch.device) -> StoredPicture:
    """Encode one picture of a recipe as a PNG that says how it was made."""
    text = chunks(recipe, picture.part, device)
    png = image_io.encode_png(image_io.to_picture(picture.image), text)
    return StoredPicture(picture.part, png, picture.facts)


def render_sheet(
    recipe: Recipe,
    pictures: Sequence[StoredPicture],
    inputs: Mapping[str, bytes] | None = None,
    checkpoint: Path | None = None,
    device: str = "auto",
) -> bytes:
    """Lay all pictures of a recipe out as one PNG that says how they were made.

    Args:
        recipe: of all of them.
        pictures: in the order of the recipe's numbers.
        inputs, checkpoint, device: as ``updates`` takes them; needed where sheets have labels.
    """
    # Pictures out of the store may have been made with other software than is here now.
    made_with = " and ".join(sorted({png_metadata.read_software(it.image) for it in pictures}))
    text = {RECIPE_CHUNK: recipe.to_json(), SOFTWARE_CHUNK: made_with}
    if isinstance(recipe, StyleDepthsRecipe):
        network = _network(recipe.network, recipe.weights, checkpoint, device)
        encoded = {number: it.image for number, it in enumerate(pictures)}
        return image_io.encode_png(
            style_grid_sheet.draw_grid_sheet(network, recipe, inputs or {}, encoded), text
        )
    tiles = torch.cat([image_io.to_tensor(image_io.open_picture(it.image)) for it in pictures])
    return image_io.encode_png(image_io.to_picture(image_io.montage(tiles)), text)


def chunks(recipe: Recipe, part: int, device: torch.device) -> dict[str, str]:
    """Write the text chunks of a picture: its recipe, which part it is, what it was made with."""
    made_with = software(device)
    return {RECIPE_CHUNK: recipe.to_json(), PART_CHUNK: str(part), SOFTWARE_CHUNK: made_with}


def software(device: torch.device) -> str:
    """Name what decides the last bits of a picture: libraries and the kind of device."""
    return f"torch {torch.__version__}, torchvision {torchvision.__version__}, {device.type}"


def history_json(history: LossHistory) -> str:
    """Write how costs fell so far as JSON: ``share`` of all steps, ``curves`` by their names."""
    curves = {name: downsample_curve(curve) for name, curve in history.losses.items()}
    return json.dumps({"share": history.share, "curves": curves})


def encode_preview(image: Tensor) -> bytes:
    """Encode an unfinished picture ``[3, H, W]`` as a small WebP."""
    picture = image_io.to_picture(image)
    picture.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=PREVIEW_QUALITY, method=0)
    return buffer.getvalue()
