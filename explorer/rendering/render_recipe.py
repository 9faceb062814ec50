"""Rendering recipes of every kind into encoded pictures.

The functions use neither the job queue nor the store. ``render_updates`` is a generator; a caller
stops the rendering by closing it, for example by leaving its ``for`` loop.
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
from torch import Tensor

from core import allocator
from core.dreams import render_dreams
from core.figures import style_grid_sheet, variations_sheet
from core.images import image_io
from core.networks import registry
from core.networks.known_networks import torchvision_version
from core.networks.network import Network
from core.neurons import render_neurons
from core.progress import LossHistory, Picture, Progress, downsample_curve
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.recipes.variations import VariationsRecipe
from core.style import film, transfer
from core.style.transfer import StylePicture
from explorer.rendering import png_metadata
from explorer.rendering.png_metadata import PART_CHUNK, RECIPE_CHUNK, SOFTWARE_CHUNK
from explorer.rendering.update import Update
from explorer.store.results import StoredPicture

# The shortest time between two previews, and the longest side of a preview.
PREVIEW_SECONDS = 0.3
PREVIEW_PIXELS = 512
PREVIEW_QUALITY = 80
WARM_UP_PIXELS = 32
# A process keeps at most this many networks loaded.
NETWORKS_AT_MOST = 2

Renderer = Callable[[Network, Any, Mapping[str, bytes]], Iterator[Progress]]


def _render_parts(
    network: Network, recipe: Recipe, inputs: Mapping[str, bytes]
) -> Iterator[Progress]:
    """Render a grid picture by picture; each picture is one part of the recipe."""
    parts = recipe.parts()
    for number, part in enumerate(parts):
        for it in RENDERERS[part.kind](network, part, inputs):
            pictures = tuple(StylePicture(number, one.image, one.facts) for one in it.pictures)
            yield Progress(number * it.total + it.done, len(parts) * it.total, {}, pictures)


# The function that renders each kind of recipe, given a network and the encoded input pictures.
RENDERERS: dict[str, Renderer] = {
    NeuronRecipe.kind: render_neurons.render,
    DreamRecipe.kind: render_dreams.render,
    StyleRecipe.kind: transfer.render,
    StyleFilmRecipe.kind: film.render,
    StyleDepthsRecipe.kind: _render_parts,
    VariationsRecipe.kind: _render_parts,
}


def render_updates(
    recipe: Recipe,
    checkpoint: Path | None = None,
    inputs: Mapping[str, bytes] | None = None,
    device: str = "auto",
) -> Iterator[Update]:
    """Render a recipe.

    Args:
        recipe: a recipe of any kind.
        checkpoint: file of the weights; None for published weights.
        inputs: the encoded pictures that the recipe starts from, by their fingerprints.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Yields:
        The progress. The first preview is encoded without delay, later ones at most every
        ``PREVIEW_SECONDS``.

    Raises:
        ExplorerError: the network cannot be loaded, or the recipe does not fit the network.
    """
    network = _load_network(recipe.network, recipe.weights, checkpoint, device)
    last_preview = -math.inf
    for progress in RENDERERS[recipe.kind](network, recipe, inputs or {}):
        previews: Mapping[int, bytes] = {}
        history = ""
        if progress.previews and time.monotonic() - last_preview >= PREVIEW_SECONDS:
            previews = {part: encode_preview(image) for part, image in progress.previews.items()}
            history = "" if progress.history is None else history_json(progress.history)
            last_preview = time.monotonic()
        pictures = tuple(encode(recipe, it, network.device) for it in progress.pictures)
        yield Update(progress.done, progress.total, previews, pictures, history)


# The networks that were used last, by name, fingerprint of the weights, and requested device.
_networks: OrderedDict[tuple[str, str, str], Network] = OrderedDict()


def remember_network(network: Network, device: str = "auto") -> None:
    """Keep a loaded network, so that recipes for it are rendered without loading it again.

    Args:
        network: the loaded network.
        device: the ``device`` argument with which ``registry.load`` loaded the network, such as
            ``auto``.
    """
    # Every step of an optimisation allocates the same large tensors, so freed memory is reused.
    allocator.keep_freed_memory()
    key = network.name, network.fingerprint, device
    _networks[key] = network
    _networks.move_to_end(key)
    while len(_networks) > NETWORKS_AT_MOST:
        _networks.popitem(last=False)


def warm_up() -> None:
    """Load SketchNet, and render and discard a tiny picture.

    What this process does only once, such as loading PyTorch's optimisers, is then done: that is
    most of the time until the first preview of a small picture.

    Raises:
        ExplorerError: SketchNet cannot be loaded.
    """
    network = registry.load(registry.SKETCHNET)
    remember_network(network)
    layer = network.shown[len(network.shown) // 2].name
    recipe = render_neurons.plan(network, layer, [0], size=WARM_UP_PIXELS, steps=1)
    for _ in render_updates(recipe):
        pass


def forget_networks() -> None:
    """Drop all networks that are kept loaded."""
    _networks.clear()


def _load_network(name: str, weights: str, checkpoint: Path | None, device: str) -> Network:
    """Return a network that is kept loaded, or else load it.

    Args:
        name: name of the network.
        weights: fingerprint of the weights. A network that is loaded here may have weights with
            another fingerprint; every renderer checks that.
        checkpoint, device: as for ``render_updates``.
    """
    network = _networks.get((name, weights, device))
    if network is None:
        network = registry.load(name, checkpoint, device)
    remember_network(network, device)
    return network


def encode(recipe: Recipe, picture: Picture, device: torch.device) -> StoredPicture:
    """Encode a picture of a recipe as a PNG whose text chunks record how it was rendered."""
    text = text_chunks(recipe, picture.part, device)
    png = image_io.encode_png(image_io.to_picture(picture.image), text)
    return StoredPicture(picture.part, png, picture.facts)


def render_sheet(
    recipe: Recipe,
    pictures: Sequence[StoredPicture],
    inputs: Mapping[str, bytes] | None = None,
    checkpoint: Path | None = None,
    device: str = "auto",
) -> bytes:
    """Draw all pictures of a recipe as one PNG whose text chunks record how they were rendered.

    Args:
        recipe: the recipe of all pictures.
        pictures: the pictures in the order of their numbers.
        inputs, checkpoint, device: as for ``render_updates``; used only for the labels of style
            grids.
    """
    # Pictures from the store may have been rendered by other versions of the software.
    made_with = " and ".join(sorted({png_metadata.read_software(it.image) for it in pictures}))
    text = {RECIPE_CHUNK: recipe.to_json(), SOFTWARE_CHUNK: made_with}
    if isinstance(recipe, StyleDepthsRecipe):
        network = _load_network(recipe.network, recipe.weights, checkpoint, device)
        encoded = {number: it.image for number, it in enumerate(pictures)}
        return image_io.encode_png(
            style_grid_sheet.draw_grid_sheet(network, recipe, inputs or {}, encoded), text
        )
    if isinstance(recipe, VariationsRecipe):
        opened = [image_io.open_picture(it.image) for it in pictures]
        return image_io.encode_png(variations_sheet.draw_variations(recipe, opened), text)
    tiles = torch.cat([image_io.to_tensor(image_io.open_picture(it.image)) for it in pictures])
    return image_io.encode_png(image_io.to_picture(image_io.montage(tiles)), text)


def text_chunks(recipe: Recipe, part: int, device: torch.device) -> dict[str, str]:
    """Return the text chunks of picture number ``part`` of a recipe, by their keys."""
    made_with = software(device)
    return {RECIPE_CHUNK: recipe.to_json(), PART_CHUNK: str(part), SOFTWARE_CHUNK: made_with}


def software(device: torch.device) -> str:
    """Return the versions of PyTorch and torchvision and the type of the device.

    All of them affect rounding. An example is ``torch 2.4.0, torchvision 0.19.0, cpu``.
    """
    return f"torch {torch.__version__}, torchvision {torchvision_version()}, {device.type}"


def history_json(history: LossHistory) -> str:
    """Return loss curves as JSON: ``{"share": 0.5, "curves": {"style relu1a": [0.9, 0.4]}}``.

    ``share`` is the fraction of the steps that are done. A curve is shortened to at most
    ``CURVE_POINTS`` values.
    """
    curves = {name: downsample_curve(curve) for name, curve in history.losses.items()}
    return json.dumps({"share": history.share, "curves": curves})


def encode_preview(image: Tensor) -> bytes:
    """Encode an unfinished image ``[3, H, W]`` as a WebP of at most ``PREVIEW_PIXELS`` per side."""
    picture = image_io.to_picture(image)
    picture.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=PREVIEW_QUALITY, method=0)
    return buffer.getvalue()
