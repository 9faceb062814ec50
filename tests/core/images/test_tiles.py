"""The interiors of tiles cover every pixel once, for every image size, with a margin around."""

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
    for tile in Tiles(side, margin).random(size, torch.Generator().manual_seed(seed)):
        counted[tile.interior] += 1
        share += tile.share
        assert tile.area == counted[tile.padded].numel()
        # The interior is inside the padded box, where `interior_in_padded` locates it.
        assert torch.equal(numbered[tile.padded][tile.interior_in_padded], numbered[tile.interior])
        for interior, padded, whole in zip(tile.interior, tile.padded, size, strict=True):
            assert padded.start % GRID == 0
            # All have the same length, except for a little less at the end of the image.
            expected, length = min(side, whole), padded.stop - padded.start
            assert length == expected or (
                padded.stop == whole and expected - GRID < length < expected
            )
            assert padded.start == 0 or interior.start - padded.start >= margin
            assert padded.stop == whole or padded.stop - interior.stop >= margin
    assert bool((counted == 1).all())
    assert share == pytest.approx(1)


def test_borders_move() -> None:
    generator = torch.Generator().manual_seed(0)
    tiles = Tiles(768, 64)
    first = {next(tiles.random((2000, 128), generator)).interior[0].stop for _ in range(40)}
    assert len(first) > 10
