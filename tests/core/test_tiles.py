"""Tiles cover every pixel once, whatever the size."""

import pytest
import torch

from core.tiles import GRID, Tiles


@pytest.mark.parametrize("size", [(50, 41), (128, 128), (260, 129), (701, 390)])
def test_every_pixel_is_one_tiles_own(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        counted = torch.zeros(size)
        share = 0.0
        for tile in Tiles(128, 32).cover(size, generator):
            counted[tile.own] += 1
            share += tile.share
            seen = counted[tile.seen]
            assert seen.shape == tuple(min(128, length) for length in size)
            assert tile.area == seen.numel()
            # What lies within the seen part is what the tile owns.
            rows, cols = tile.seen
            row, col = tile.within
            assert rows.start + row.start == tile.own[0].start
            assert cols.start + col.stop == tile.own[1].stop
        assert bool((counted == 1).all())
        assert share == pytest.approx(1)


def test_a_tile_sees_its_surroundings() -> None:
    generator = torch.Generator().manual_seed(0)
    for tile in Tiles(128, 32).cover((700, 128), generator):
        own, seen = tile.own[0], tile.seen[0]
        assert seen.start == 0 or own.start - seen.start >= 32 - GRID // 2
        assert seen.start % GRID == 0 or seen.stop == 700
        assert seen.stop == 700 or seen.stop - own.stop >= 32 - GRID // 2


def test_borders_move() -> None:
    generator = torch.Generator().manual_seed(0)
    tiles = Tiles(128, 32)
    first = {next(tiles.cover((700, 128), generator)).own[0].stop for _ in range(20)}
    assert len(first) > 10
