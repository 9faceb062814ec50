"""Tiles cover every pixel once, whatever the size, and see what is around them."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.images.tiles import GRID, Tiles


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    side=st.integers(97, 200),
    margin=st.sampled_from([0, 20, 32]),
    seed=st.integers(0, 99),
)
@example((701, 390), 128, 32, 3)
def test_every_pixel_is_one_tiles_own(
    size: tuple[int, int], side: int, margin: int, seed: int
) -> None:
    counted, share = torch.zeros(size), 0.0
    numbered = torch.arange(size[0] * size[1]).view(size)
    for tile in Tiles(side, margin).cover(size, torch.Generator().manual_seed(seed)):
        counted[tile.own] += 1
        share += tile.share
        assert tile.area == counted[tile.seen].numel()
        # What is its own lies inside what is seen, and `within` finds it there.
        assert torch.equal(numbered[tile.seen][tile.within], numbered[tile.own])
        for own, seen, whole in zip(tile.own, tile.seen, size, strict=True):
            assert seen.start % GRID == 0
            # All are of one length; only at the end of the picture a little shorter.
            least, length = min(side, whole), seen.stop - seen.start
            assert length == least or (seen.stop == whole and least - GRID < length < least)
            assert seen.start == 0 or own.start - seen.start >= margin
            assert seen.stop == whole or seen.stop - own.stop >= margin
    assert bool((counted == 1).all())
    assert share == pytest.approx(1)


def test_borders_move() -> None:
    generator = torch.Generator().manual_seed(0)
    tiles = Tiles(768, 64)
    first = {next(tiles.cover((2000, 128), generator)).own[0].stop for _ in range(40)}
    assert len(first) > 10
