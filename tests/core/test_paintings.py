"""Paintings that the project draws itself."""

import numpy as np
import pytest

from core import paintings
from core.errors import UnknownName


@pytest.mark.parametrize("name", paintings.PAINTINGS)
def test_a_seed_is_a_painting(name: str) -> None:
    one = np.asarray(paintings.picture(name, 0, 96), dtype=float)
    paintings._picture.cache_clear()
    assert np.array_equal(one, np.asarray(paintings.picture(name, 0, 96), dtype=float))
    assert one.shape == (96, 96, 3) and one.std() > 25
    assert np.abs(one - np.asarray(paintings.picture(name, 1, 96), dtype=float)).mean() > 1


def test_names_are_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'mosaic'"):
        paintings.picture("mosiac")
