"""Tiles: together they cover a picture exactly once, and see what is around them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tiles import Tiles


@settings(deadline=None, max_examples=60)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    side=st.integers(24, 90),
    margin=st.sampled_from([0, 4, 8]),
    seed=st.integers(0, 99),
)
def test_tiles_cover_a_picture_exactly_once(
    height: int, width: int, side: int, margin: int, seed: int
) -> None:
    covered, share = torch.zeros(height, width), 0.0
    for tile in Tiles(side, margin, grid=4).cover(
        (height, width), torch.Generator().manual_seed(seed)
    ):
        covered[tile.own] += 1
        share += tile.share
        seen = torch.zeros(height, width)
        seen[tile.seen] = 1
        rows, cols = seen.any(1).sum(), seen.any(0).sum()
        # All are of one shape, whole or as long as the picture; only the last may be shorter.
        for span, whole in zip(tile.seen, (height, width), strict=True):
            least, length = min(side, whole), span.stop - span.start
            assert length == least or (span.stop == whole and least - 4 < length < least)
        assert tile.area == rows * cols
        assert tile.seen[0].start % 4 == 0 and tile.seen[1].start % 4 == 0
        # What is its own lies inside what is seen, and `within` finds it there.
        numbered = torch.arange(height * width).view(height, width)
        assert torch.equal(numbered[tile.seen][tile.within], numbered[tile.own])
    assert (covered == 1).all()
    assert share == pytest.approx(1)


def test_every_own_pixel_has_its_surroundings() -> None:
    tiles = Tiles(side=56, margin=12, grid=4)
    for seed in range(20):
        for tile in tiles.cover((200, 56), torch.Generator().manual_seed(seed)):
            own, seen = tile.own[0], tile.seen[0]
            assert own.start - seen.start >= 12 or seen.start == 0
            assert seen.stop - own.stop >= 12 or seen.stop == 200


def test_borders_are_drawn_anew() -> None:
    generator = torch.Generator().manual_seed(0)
    borders = [
        tuple(tile.own[0].start for tile in Tiles(64, 8, 4).cover((400, 64), generator))
        for _ in range(10)
    ]
    assert len(set(borders)) > 5
