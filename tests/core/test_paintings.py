"""Tests of the generated paintings."""

import numpy as np
import pytest

from core import paintings
from core.errors import UnknownName
from core.paintings.pixel_math import Array


@pytest.mark.parametrize("name", paintings.PAINTINGS)
def test_a_seed_is_a_painting(name: str) -> None:
    one = np.asarray(paintings.picture(name, 0, 96), dtype=float)
    paintings._picture.cache_clear()
    assert np.array_equal(one, np.asarray(paintings.picture(name, 0, 96), dtype=float))
    assert one.shape == (96, 96, 3) and one.std() > 25
    assert np.abs(one - np.asarray(paintings.picture(name, 1, 96), dtype=float)).mean() > 1


@pytest.mark.parametrize("name", paintings.PAINTINGS)
def test_one_that_is_kept_is_what_would_be_drawn(name: str) -> None:
    drawn, kept = np.asarray(paintings.draw(name)), np.asarray(paintings.picture(name))
    assert kept.shape == drawn.shape == (paintings.SIZE, paintings.SIZE, 3)
    # Other versions of Pillow may round edges of strokes differently. A changed function changes
    # all pixels.
    differ = float((kept != drawn).any(-1).mean())
    assert differ < 0.01, "run python -m explorer.prebuilt.pictures paintings: its manner changed"


@pytest.mark.parametrize("name", paintings.PAINTINGS)
def test_one_that_is_kept_takes_no_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(rng: np.random.Generator, side: int) -> Array:
        raise AssertionError("it is drawn")

    slow = paintings.Painting("drawn", never)
    monkeypatch.setattr(paintings, "PAINTINGS", {name: slow})
    paintings._picture.cache_clear()
    paintings.small_picture.cache_clear()
    assert paintings.picture(name).mode == "RGB"
    assert paintings.small_picture(name, 96).size == (96, 96)
    for other in ({"seed": 1}, {"size": 96}):
        with pytest.raises(AssertionError, match="it is drawn"):
            paintings.picture(name, **other)


def test_names_are_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'mosaic'"):
        paintings.small_picture("mosiac", 96)
    with pytest.raises(UnknownName, match="did you mean 'mosaic'"):
        paintings.picture("mosiac")
