"""Activations and statistics of whole images, computed tile by tile to bound memory.

Every position of a layer belongs to exactly one tile. The sums over the positions of each tile
therefore add up to the exact sums over all positions. ``core.style.loss_sum`` computes losses and
gradients from these sums.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import ExplorerError
from core.images.tiles import Box, Tile, Tiles
from core.networks.layers import Layer
from core.networks.network import Network
from core.style.losses import LayerWindow
from core.style.moments import Sums
from core.style.moments import moments as position_sums

# Shorter side, in pixels, of the strips on which ``layer_sizes`` runs the network. It must be large
# enough for the strides of every network; with larger strips the measurement would take longer.
STRIP = 64


@dataclass(frozen=True)
class TileWindows:
    """A tile, and the positions of each layer that belong to it.

    Attributes:
        tile: the tile.
        windows: the positions by layer name.
    """

    tile: Tile
    windows: Mapping[str, LayerWindow]


def tile_windows(
    network: Network, names: Iterable[str], tiles: Tiles, size: tuple[int, int]
) -> list[TileWindows]:
    """Return the tiles of an image; each position of each layer belongs to exactly one tile.

    Args:
        network: the network.
        names: names of layers of the network.
        tiles: size and margin of the tiles.
        size: (height, width) of the image.

    Raises:
        ExplorerError: the stride or receptive field of a layer is unknown, so the layer cannot be
            computed tile by tile.
    """
    layers = [network.layer(name) for name in names]
    cover = list(tiles.fixed(size))
    if len(cover) == 1:
        return [TileWindows(cover[0], {layer.name: LayerWindow() for layer in layers})]
    return [
        TileWindows(tile, {layer.name: _window(layer, tile, size) for layer in layers})
        for tile in cover
    ]


def activations(
    network: Network, image: Tensor, names: Sequence[str], tiles: Tiles
) -> dict[str, Tensor]:
    """Return the activations of each layer, ``[1, C, h, w]``, for an image ``[1, 3, H, W]``."""
    parts: dict[str, list[tuple[Box, Tensor]]] = {name: [] for name in names}
    for windows, own in _own_activations(network, image, names, tiles):
        for name, window in windows.items():
            parts[name].append((window.whole, own[name]))
    return {name: _assemble(layer_parts) for name, layer_parts in parts.items()}


def moments(network: Network, image: Tensor, names: Sequence[str], tiles: Tiles) -> dict[str, Sums]:
    """Return ``moments.moments`` of each layer for an image ``[1, 3, H, W]``."""
    total: dict[str, Sums] = {}
    for _, own in _own_activations(network, image, names, tiles):
        for name, values in own.items():
            sums = position_sums(values)
            total[name] = tuple(map(torch.add, total[name], sums)) if name in total else sums
    return total


def layer_sizes(
    network: Network, names: Sequence[str], size: tuple[int, int]
) -> dict[str, tuple[int, int]]:
    """Return how many (rows, columns) of positions layers have for an image of (height, width).

    The number of rows depends only on the height of the image, and the number of columns only on
    its width. So the network only needs to run on a narrow strip of the full height, and on another
    of the full width.
    """
    shorter = min(STRIP, *size)
    strips = (
        torch.zeros(1, network.channels, *strip)
        for strip in ((size[0], shorter), (shorter, size[1]))
    )
    vertical, horizontal = (network.activations(strip, names) for strip in strips)
    return {name: (vertical[name].shape[2], horizontal[name].shape[3]) for name in names}


@torch.no_grad()
def _own_activations(
    network: Network, image: Tensor, names: Sequence[str], tiles: Tiles
) -> Iterator[tuple[Mapping[str, LayerWindow], dict[str, Tensor]]]:
    """Yield for each tile the positions that belong to it, and their activations, by layer name."""
    extractor = network.extractor(names, for_gradients=True)
    for tile_window in tile_windows(network, names, tiles, (image.shape[2], image.shape[3])):
        rows, cols = tile_window.tile.padded
        activations = extractor(image[..., rows, cols])
        own = {
            name: activations[name][..., window.within[0], window.within[1]]
            for name, window in tile_window.windows.items()
        }
        yield tile_window.windows, own


def _assemble(parts: list[tuple[Box, Tensor]]) -> Tensor:
    """Join the activations of a layer's tiles to those of the whole layer.

    Args:
        parts: for each tile, its (rows, columns) in the whole layer, and its activations.
    """
    _, first = parts[0]
    if len(parts) == 1:
        return first
    height = max(box[0].start + part.shape[2] for box, part in parts)
    width = max(box[1].start + part.shape[3] for box, part in parts)
    joined = first.new_empty(1, first.shape[1], height, width)
    for box, part in parts:
        top, left = box[0].start, box[1].start
        joined[..., top : top + part.shape[2], left : left + part.shape[3]] = part
    return joined


def _window(layer: Layer, tile: Tile, size: tuple[int, int]) -> LayerWindow:
    """Return the positions of a layer that belong to a tile of an image of (height, width)."""
    if layer.spans is None or layer.stride is None:
        raise ExplorerError(
            f"layer {layer.name} sees the whole picture at once; "
            "choose a smaller size, or another layer"
        )
    within, whole = [], []
    for axis, span in enumerate(layer.spans):
        stride = layer.stride[axis]
        if span.window is None:
            raise ExplorerError(f"layer {layer.name} needs the whole picture; choose a smaller one")
        centre = sum(span.window) / 2
        interior, padded = tile.interior[axis], tile.padded[axis]
        before = padded.start // stride
        # A position belongs to the tile that contains the centre of its receptive field. Positions
        # whose centre is outside the image belong to the nearest tile.
        first = 0 if interior.start == 0 else math.ceil((interior.start - centre) / stride)
        last = None if interior.stop == size[axis] else math.ceil((interior.stop - centre) / stride)
        within.append(slice(first - before, None if last is None else last - before))
        whole.append(slice(first, last))
    return LayerWindow((within[0], within[1]), (whole[0], whole[1]))
