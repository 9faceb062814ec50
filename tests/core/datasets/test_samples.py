"""The sample images."""

import pytest
import skimage.data
from PIL import Image

from core.datasets import samples
from core.errors import UnknownName


@pytest.mark.parametrize("name", {**samples.SAMPLES, **samples.STYLES})
def test_every_sample_opens_upright_in_colour(name: str) -> None:
    picture = samples.picture(name)
    assert picture.mode == "RGB" and min(picture.size) >= 300
    assert len(set(picture.resize((64, 64)).get_flattened_data())) > 50


def test_a_sample_is_the_same_every_time() -> None:
    first = samples.picture("village").tobytes()
    samples.picture.cache_clear()
    assert samples.picture("village").tobytes() == first


def test_an_unknown_sample_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match="did you mean 'village'"):
        samples.picture("vilage")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("astronaut", "astronaut"),
        ("cat", "chelsea"),
        ("coffee", "coffee"),
        ("rocket", "rocket"),
        ("galaxies", "hubble_deep_field"),
        ("tissue", "immunohistochemistry"),
        ("retina", "retina"),
        ("gravel", "gravel"),
    ],
)
def test_photographs_are_those_of_scikit_image(name: str, function: str) -> None:
    expected = Image.fromarray(getattr(skimage.data, function)()).convert("RGB")
    assert samples.picture(name).tobytes() == expected.tobytes()
