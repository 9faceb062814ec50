"""Large pictures in small pieces: tiles that together cover a picture exactly once.

Where their borders run is drawn anew at every step, so that no border is ever seen twice in one
place; and each tile is looked at with its surroundings, so that there is nothing to see even once.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch

# What is seen begins at multiples of so many pixels, so that layers that look at every second or
# sixteenth of them look at the same ones as without tiles.
GRID = 32

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """One piece of a picture, as (rows, columns).

    Attributes:
        own: the pixels that only this tile has.
        seen: these with their surroundings.
        within: the own pixels inside those that are seen.
        share: its own pixels as a fraction of the picture's.
        area: pixels seen.
    """

    own: Box
    seen: Box
    within: Box
    share: float
    area: int


@dataclass(frozen=True)
class Tiles:
    """How to cut pictures up.

    Attributes:
        side: pixels along each side of what is seen of a tile, at most; more than two margins and
            a ``GRID``.
        margin: pixels around a tile that are seen beside its own, at least.
    """

    side: int = 768
    margin: int = 64

    def cover(self, size: tuple[int, int], generator: torch.Generator) -> Iterator[Tile]:
        """Cut a picture of (height, width) up, at borders drawn at random.

        Along a side that is longer than ``side`` exactly so much is seen of every tile, but for
        less than a ``GRID`` at the end: all cost the same, and the network hardly meets another
        shape.
        """
        rows, cols = (list(self._spans(side, generator)) for side in size)
        for own_rows, seen_rows in rows:
            for own_cols, seen_cols in cols:
                own, seen = (own_rows, own_cols), (seen_rows, seen_cols)
                within = (_inside(own_rows, seen_rows), _inside(own_cols, seen_cols))
                yield Tile(own, seen, within, _area(own) / (size[0] * size[1]), _area(seen))

    def grid(self, size: tuple[int, int]) -> Iterator[Tile]:
        """Cut a picture of (height, width) up at borders that stay, all of them on the ``GRID``."""
        rows, cols = (list(self._fixed(side)) for side in size)
        for own_rows, seen_rows in rows:
            for own_cols, seen_cols in cols:
                own, seen = (own_rows, own_cols), (seen_rows, seen_cols)
                within = (_inside(own_rows, seen_rows), _inside(own_cols, seen_cols))
                yield Tile(own, seen, within, _area(own) / (size[0] * size[1]), _area(seen))

    def _fixed(self, length: int) -> Iterator[tuple[slice, slice]]:
        margin = -(-self.margin // GRID) * GRID
        step = max(GRID, (self.side - 2 * margin) // GRID * GRID)
        if length <= self.side:
            step = length
        for start in range(0, length, step):
            stop = min(start + step, length)
            yield slice(start, stop), slice(max(0, start - margin), min(length, stop + margin))

    def _spans(self, length: int, generator: torch.Generator) -> Iterator[tuple[slice, slice]]:
        """Cut one side up: what is a tile's own, and what is seen of it."""
        if length <= self.side:
            yield slice(0, length), slice(0, length)
            return
        margin = -(-self.margin // GRID) * GRID
        cells = max(1, (self.side - 2 * margin) // GRID)
        first = GRID * int(torch.randint(1, cells + 1, (), generator=generator))
        borders = [0, *range(first, length, cells * GRID), length]
        for start, stop in itertools.pairwise(borders):
            # As far into the picture as fits; there the last tile may see a little less.
            furthest = -(-(length - self.side) // GRID) * GRID
            begin = min(max(0, start - margin), furthest)
            yield slice(start, stop), slice(begin, min(begin + self.side, length))


def _inside(own: slice, seen: slice) -> slice:
    return slice(own.start - seen.start, own.stop - seen.start)


def _area(box: Box) -> int:
    rows, cols = box
    return int((rows.stop - rows.start) * (cols.stop - cols.start))
