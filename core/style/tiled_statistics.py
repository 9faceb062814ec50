"""Costs of a whole picture, and their gradient, exactly, though only a tile is ever looked at.

How channels fire together is a property of the whole picture, so tiles cannot be judged one by one.
But costs are functions of sums over places, and sums add up over tiles: one pass adds them up, they
are judged, and a second pass sends the gradient of each sum back through each tile. Memory holds
the activations of one tile.
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
from core.style import losses
from core.style.losses import LayerWindow, Sums

# Pixels that every network takes, and that cost little.
STRIP = 64


@dataclass(frozen=True)
class TileWindows:
    """A tile, and which places of each layer are its own.

    Attributes:
        tile: the tile.
        windows: of each layer, by its name.
    """

    tile: Tile
    windows: Mapping[str, LayerWindow]


def tile_windows(
    network: Network, names: Iterable[str], tiles: Tiles, size: tuple[int, int]
) -> list[TileWindows]:
    """Cut a picture of (height, width) up so that each place of each layer is one tile's own.

    Args:
        network: whose layers.
        names: of the layers whose places are shared out.
        tiles: how large tiles are.
        size: of the picture.

    Raises:
        ExplorerError: a layer has no places of a known stride, so it needs the whole picture.
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
    """Look at a picture ``[1, 3, H, W]`` tile by tile; give each layer's ``[1, C, h, w]``."""
    parts: dict[str, list[tuple[Box, Tensor]]] = {name: [] for name in names}
    for windows, seen in _looks(network, image, names, tiles):
        for name, window in windows.items():
            own = seen[name][..., window.within[0], window.within[1]]
            parts[name].append((window.whole, own))
    return {name: _joined(own) for name, own in parts.items()}


def moments(network: Network, image: Tensor, names: Sequence[str], tiles: Tiles) -> dict[str, Sums]:
    """Add up ``style_losses.moments`` of a picture ``[1, 3, H, W]``, tile by tile, by layer."""
    total: dict[str, Sums] = {}
    for windows, seen in _looks(network, image, names, tiles):
        for name, window in windows.items():
            own = losses.moments(seen[name][..., window.within[0], window.within[1]])
            total[name] = tuple(map(torch.add, total[name], own)) if name in total else own
    return total


def layer_sizes(
    network: Network, names: Sequence[str], size: tuple[int, int]
) -> dict[str, tuple[int, int]]:
    """Tell how many (rows, columns) layers have on a picture of (height, width).

    Rows depend on the height alone, and columns on the width, so that two thin strips tell.
    """
    thin = min(STRIP, *size)
    strips = (torch.zeros(1, 3, size[0], thin), torch.zeros(1, 3, thin, size[1]))
    tall, broad = (network.activations(strip, names) for strip in strips)
    return {name: (tall[name].shape[2], broad[name].shape[3]) for name in names}


@torch.no_grad()
def _looks(
    network: Network, image: Tensor, names: Sequence[str], tiles: Tiles
) -> Iterator[tuple[Mapping[str, LayerWindow], dict[str, Tensor]]]:
    """Look at a picture tile by tile."""
    extractor = network.extractor(names, for_gradients=True)
    for piece in tile_windows(network, names, tiles, _size(image)):
        rows, cols = piece.tile.padded
        yield piece.windows, extractor(image[..., rows, cols])


def _joined(parts: list[tuple[Box, Tensor]]) -> Tensor:
    """Put what tiles have of their own together."""
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


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[2], image.shape[3]


def _window(layer: Layer, tile: Tile, size: tuple[int, int]) -> LayerWindow:
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
        own, seen = tile.interior[axis], tile.padded[axis]
        before = seen.start // stride
        # Places of which the middle lies within; the outermost tiles have all that is beyond.
        first = 0 if own.start == 0 else math.ceil((own.start - centre) / stride)
        last = None if own.stop == size[axis] else math.ceil((own.stop - centre) / stride)
        within.append(slice(first - before, None if last is None else last - before))
        whole.append(slice(first, last))
    return LayerWindow((within[0], within[1]), (whole[0], whole[1]))
