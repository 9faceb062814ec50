"""Tiling of large images: tiles whose interiors together cover an image exactly once.

If the borders of the tiles are random and change at every step, no position of the image is always
at a border. Each tile is processed with a margin around its interior, so that the border of the
tile is not visible even after a single step.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

# Padded tiles begin at multiples of this many pixels, so that strided layers sample the same pixels
# as without tiles.
GRID = 32

Box = tuple[slice, slice]
# The interior and the padded pixels of a tile, along one axis.
AxisTile = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """One tile of an image; boxes are (rows, columns).

    Attributes:
        interior: the pixels that belong to this tile only.
        padded: the interior with its margin.
        interior_in_padded: the interior, with indices that start at the padded box.
        share: fraction of the image's pixels that are in the interior.
        area: number of pixels in the padded box.
    """

    interior: Box
    padded: Box
    interior_in_padded: Box
    share: float
    area: int


@dataclass(frozen=True)
class Tiles:
    """Settings of the tiling.

    Attributes:
        side: largest number of pixels along a side of a padded tile; more than two margins and a
            ``GRID``.
        margin: smallest number of pixels between a tile's interior and the border of the padded
            tile.
    """

    side: int = 768
    margin: int = 64

    def random(self, size: tuple[int, int], generator: torch.Generator) -> Iterator[Tile]:
        """Yield the tiles of an image of (height, width), with random borders.

        Along an axis that is longer than ``side``, every padded tile has exactly ``side`` pixels;
        only at the end of the image it may have up to ``GRID`` fewer. So all tiles take about the
        same time, and nearly all have the same shape.
        """
        return _tiles(size, *(list(self._random_spans(side, generator)) for side in size))

    def fixed(self, size: tuple[int, int]) -> Iterator[Tile]:
        """Yield the tiles of an image of (height, width), with fixed borders on the ``GRID``."""
        return _tiles(size, *(list(self._fixed_spans(side)) for side in size))

    @property
    def _grid_margin(self) -> int:
        """The margin, rounded up to a multiple of ``GRID``."""
        return -(-self.margin // GRID) * GRID

    def _fixed_spans(self, length: int) -> Iterator[AxisTile]:
        margin = self._grid_margin
        step = max(GRID, (self.side - 2 * margin) // GRID * GRID)
        if length <= self.side:
            step = length
        for start in range(0, length, step):
            stop = min(start + step, length)
            yield slice(start, stop), slice(max(0, start - margin), min(length, stop + margin))

    def _random_spans(self, length: int, generator: torch.Generator) -> Iterator[AxisTile]:
        if length <= self.side:
            yield slice(0, length), slice(0, length)
            return
        margin = self._grid_margin
        cells = max(1, (self.side - 2 * margin) // GRID)
        first = GRID * int(torch.randint(1, cells + 1, (), generator=generator))
        borders = [0, *range(first, length, cells * GRID), length]
        for start, stop in itertools.pairwise(borders):
            # The first multiple of GRID from which ``side`` pixels reach the end of the image.
            furthest = -(-(length - self.side) // GRID) * GRID
            begin = min(max(0, start - margin), furthest)
            yield slice(start, stop), slice(begin, min(begin + self.side, length))


def _tiles(
    size: tuple[int, int], rows: Sequence[AxisTile], cols: Sequence[AxisTile]
) -> Iterator[Tile]:
    """Yield a tile for every combination of an interval of rows and an interval of columns."""
    for (inner_rows, padded_rows), (inner_cols, padded_cols) in itertools.product(rows, cols):
        interior = (inner_rows, inner_cols)
        padded = (padded_rows, padded_cols)
        relative = (_relative(inner_rows, padded_rows), _relative(inner_cols, padded_cols))
        share = _area(interior) / (size[0] * size[1])
        yield Tile(interior, padded, relative, share, _area(padded))


def _relative(inner: slice, outer: slice) -> slice:
    return slice(inner.start - outer.start, inner.stop - outer.start)


def _area(box: Box) -> int:
    rows, cols = box
    return int((rows.stop - rows.start) * (cols.stop - cols.start))
