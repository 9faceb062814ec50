"""Cells of images and their columns, for the matches of ``core.style.cell_matching``.

    cell     4 x 4 pixels of an image
    column   the activations of all style layers in a cell, one layer after the other: finer layers
             averaged, coarser ones interpolated. The mean over all cells of the image is
             subtracted, and each layer is divided by its standard deviation, so that all layers
             have the same influence on a match

Images are processed tile by tile, which bounds memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.devices import indices_on
from core.fixed_order import one_thread, squares_per_image, sum_per_image
from core.images.resize import resize_linearly
from core.images.tiles import Box, Tile, Tiles
from core.networks.layers import Layer
from core.networks.network import Network
from core.optim.activations import at_least_float32
from core.optim.objectives import TINY

# Side of a cell in pixels. It divides ``core.images.tiles.GRID``, so that tiles consist of cells.
CELL = 4

# Activations in the cells of a rectangle by layer name, ``[rows, cols, K, C]``: K is the number of
# positions of the layer in a cell, row by row.
CellValues = Mapping[str, Tensor]


@dataclass(frozen=True)
class Scaling:
    """How one layer of an image enters its columns.

    Attributes:
        mean: mean over all cells, ``[C]``.
        factor: 1 / standard deviation: the root of the mean squared distance from ``mean``.
    """

    mean: Tensor
    factor: Tensor


class ImageCells:
    """The cells of an image, tile by tile; those of a single tile are computed only once."""

    def __init__(self, network: Network, names: Sequence[str], image: Tensor, tiles: Tiles) -> None:
        """Prepare the computation of the activations of layers for an image ``[1, 3, H, W]``."""
        self.size = grid_size(image)
        self._image, self._names = image, names
        self._extractor = network.extractor(names, for_gradients=True)
        self._tiles = list(tiles.fixed((image.shape[2], image.shape[3])))
        self._within = {name: positions_in_cell(network.layer(name)) for name in names}
        self._kept: tuple[Box, CellValues] | None = None

    def __iter__(self) -> Iterator[tuple[Box, CellValues]]:
        """Yield for each tile its cells, as (rows, columns), and their activations."""
        for tile in self._tiles:
            found = self._kept or self._compute(tile)
            if len(self._tiles) == 1:
                self._kept = found
            yield found

    @torch.no_grad()
    def _compute(self, tile: Tile) -> tuple[Box, CellValues]:
        part = self._image[..., tile.padded[0], tile.padded[1]]
        activations = self._extractor(part)
        spans = zip(tile.interior, tile.padded, strict=True)
        cells, inner = zip(*(_cells_of(*span) for span in spans), strict=True)
        size = grid_size(part)
        return cells, {
            name: _as_cells(activations[name], size, self._within[name])[inner]
            for name in self._names
        }


def _cells_of(interior: slice, padded: slice) -> tuple[slice, slice]:
    """Return the cells of a tile along one axis, counted in the image and in the padded tile."""
    first, stop, begin = (
        interior.start // CELL,
        math.ceil(interior.stop / CELL),
        padded.start // CELL,
    )
    return slice(first, stop), slice(first - begin, stop - begin)


def _as_cells(activations: Tensor, size: tuple[int, int], within: tuple[int, int]) -> Tensor:
    """Return activations ``[1, C, h, w]`` in a grid of cells, ``[rows, cols, K, C]``.

    Layers with one position in a cell are resized. Other positions are divided among the cells.
    """
    values = at_least_float32(activations)
    if within == (1, 1):
        # Computed by several threads, the values would depend on the number of threads.
        with one_thread():
            values = values if tuple(values.shape[2:]) == size else resize_linearly(values, size)
        return values[0].permute(1, 2, 0)[:, :, None]
    rows, cols = (
        indices_on(values.device, _positions_of_cells(*axis))
        for axis in zip(values.shape[2:], size, within, strict=True)
    )
    spread = values[0][:, rows[:, None, :, None], cols[None, :, None, :]]  # [C, rows, cols, k, l]
    return spread.flatten(3).permute(1, 2, 3, 0)


def positions_in_cell(layer: Layer) -> tuple[int, int]:
    """Return how many (rows, columns) of positions of a layer a cell has.

    It is 1 for layers with a stride of about a cell or more, or without a known stride.
    """
    if layer.stride is None:
        return 1, 1
    rows, cols = (max(1, round(CELL / it)) for it in layer.stride)
    return rows, cols


def _positions_of_cells(positions: int, cells: int, count: int) -> Tensor:
    """Return the positions in each cell along one axis, ``[cells, count]``."""
    blocks = -(-positions // count)
    block = ((torch.arange(cells, dtype=torch.float64) + 0.5) * (blocks / cells)).long()
    return (block[:, None] * count + torch.arange(count)).clamp(max=positions - 1)


def scaling_of(parts: Iterable[tuple[Box, CellValues]]) -> dict[str, Scaling]:
    """Compute the scaling of each layer of an image from the activations of all its cells."""
    sums: dict[str, Tensor] = {}
    squares: dict[str, Tensor] = {}
    count = 0
    for box, values in parts:
        count += math.prod(it.stop - it.start for it in box)
        for name, value in values.items():
            flat = value.mean(2).flatten(0, 1).T  # [C, P]
            sums[name] = sums.get(name, torch.zeros(())).to(flat) + sum_per_image(flat)
            squares[name] = squares.get(name, torch.zeros(())).to(flat) + squares_per_image(flat)
    found = {}
    for name, total in sums.items():
        mean = total / count
        variance = (squares[name] / count - mean.square()).clamp(min=0)
        found[name] = Scaling(mean, sum_per_image(variance[None])[0].clamp(min=TINY).rsqrt())
    return found


def columns_of(values: CellValues, scaling: Mapping[str, Scaling]) -> Tensor:
    """Return columns of length 1 of activations ``[..., K, C]`` by layer name: ``[..., D]``."""
    with one_thread():
        scaled = [
            (it.mean(-2) - scaling[name].mean) * scaling[name].factor for name, it in values.items()
        ]
        return F.normalize(torch.cat(scaled, -1), dim=-1)


def grid_size(image: Tensor) -> tuple[int, int]:
    """Return how many (rows, columns) of cells an image ``[1, 3, H, W]`` has."""
    return math.ceil(image.shape[2] / CELL), math.ceil(image.shape[3] / CELL)
