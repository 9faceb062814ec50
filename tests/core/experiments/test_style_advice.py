"""What is wrong with a style transfer: the measures, and the setting that is named."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from skimage import color
from torch import Tensor

from core.experiments import style_advice
from core.experiments.style_advice import StyleLook
from core.images import image_io
from core.recipes.style import StyleRecipe

USUAL: dict[str, Any] = {"style_layers": ("a", "b"), "content_layers": ("b",)}
PHOTO, PAINTING = "ab" * 16, "cd" * 16
RECIPE = StyleRecipe("net", "w", content=PHOTO, styles=(PAINTING,), **USUAL)
FINE = StyleLook(saturation=1.0, edges=0.6, content=0.4, foreign=0.1)


def noise(seed: int, height: int = 48, width: int = 64) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def told(look: StyleLook, **settings: Any) -> list[tuple[str, str, Any]]:
    recipe = replace(RECIPE, **settings)
    return [(it.problem, it.setting, it.value) for it in style_advice.advise(recipe, look, USUAL)]


def test_nothing_is_said_of_a_good_picture() -> None:
    assert told(FINE) == []


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        ({"init": "noise", "steps": 3}, ("steps", 50)),
        ({"init": "noise", "steps": 50}, ("balance", 0.0125)),
        ({"style_layers": ("b",)}, ("style_layers", ("a", "b"))),
        ({"balance": 1.0}, ("balance", 0.25)),
    ],
)
def test_a_grey_picture_has_one_cause(settings: dict[str, Any], change: tuple[str, Any]) -> None:
    assert told(replace(FINE, saturation=0.2), **settings) == [("grey", *change)]


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        ({"style_layers": ("b",), "loss": "gram"}, ("style_layers", ("a", "b"))),
        ({"loss": "gram"}, ("loss", "wasserstein")),
        ({"balance": 0.01}, ("balance", 0.05)),
        ({}, ("balance", 0.2)),
    ],
)
def test_blotches_have_one_cause(settings: dict[str, Any], change: tuple[str, Any]) -> None:
    assert told(replace(FINE, foreign=0.5), **settings) == [("blotchy", *change)]


def test_fewer_foreign_colours_are_blotches_where_the_shallowest_layer_is_left_out() -> None:
    look = replace(FINE, foreign=0.25)
    assert told(look) == told(look, style_layers=("a",)) == []
    assert told(look, style_layers=("b",)) == [("blotchy", "style_layers", ("a", "b"))]
    assert told(FINE, style_layers=("b",)) == []


def test_too_weak_and_too_strong_pictures_move_the_balance() -> None:
    # A picture that is hardly painted may be as grey as its photograph.
    weak = replace(FINE, edges=0.99, content=0.001, saturation=0.1)
    assert told(weak, balance=1.0) == [("weak", "balance", 0.25)]
    assert told(weak, balance=100.0) == [("weak", "balance", 0.4)]
    strong = replace(FINE, edges=0.05, content=2.0)
    assert told(strong, balance=0.01) == [("strong", "balance", 0.05)]
    assert told(strong) == [("strong", "loss", "nearest")]
    assert told(strong, init="noise") == [("strong", "init", "content")]
    assert told(strong, loss="nearest", balance=0.5) == [("strong", "balance", 2.0)]


def test_the_worst_comes_first() -> None:
    bad = StyleLook(saturation=0.1, edges=-0.05, content=2.0, foreign=0.9)
    assert [it[0] for it in told(bad)] == ["grey", "blotchy", "strong"]
    assert style_advice.advise(RECIPE, bad, USUAL)[2].measured == 0


def lab(image: Tensor) -> np.ndarray:
    """Return the CIELAB colours of the means of four by four pixels, one row for each."""
    pixels = image[0].double().numpy()
    means = pixels.reshape(3, pixels.shape[1] // 4, 4, pixels.shape[2] // 4, 4).mean((2, 4))
    return color.rgb2lab(means.transpose(1, 2, 0)).reshape(-1, 3)


def test_chroma_is_the_mean_distance_from_grey_without_grain() -> None:
    image = noise(0)
    colours = lab(image)
    expected = float(np.hypot(colours[:, 1], colours[:, 2]).mean())
    assert style_advice.chroma(image) == pytest.approx(expected, rel=1e-5)
    assert style_advice.chroma(image.mean(1, keepdim=True).expand(-1, 3, -1, -1)) < 0.1


def test_coarse_coloured_noise_has_less_chroma_than_an_even_colour() -> None:
    even = torch.tensor([0.6, 0.3, 0.2]).view(1, 3, 1, 1).expand(1, 3, 96, 128)
    squares = noise(0, 32, 32).repeat_interleave(3, 2).repeat_interleave(4, 3)
    assert style_advice.chroma(squares) < 0.7 * style_advice.chroma(even)
    assert style_advice.chroma(even) == pytest.approx(style_advice.chroma(even[..., :8, :8]))


def test_foreign_colours_are_in_none_of_the_sources() -> None:
    image, sources = noise(1), (0.5 * noise(2, 24, 32), 0.4 + 0.5 * noise(3, 40, 20))
    known = np.concatenate([lab(it) for it in sources])
    least = [min(float(np.linalg.norm(it - other)) for other in known) for it in lab(image)]
    expected = float(np.mean(np.array(least) > style_advice.FOREIGN_DISTANCE))
    found = style_advice.foreign_share(image, sources)
    assert found == pytest.approx(expected) and 0 < found < 1
    assert style_advice.foreign_share(image, (image, sources[0])) == 0


def smooth(seed: int) -> Tensor:
    coarse = noise(seed, 6, 8)
    return torch.nn.functional.interpolate(coarse, (48, 64), mode="bilinear")


def test_a_finished_picture_is_measured() -> None:
    photograph, painting = smooth(5), smooth(6)
    encoded = {
        name: image_io.encode_png(image_io.to_picture(it))
        for name, it in ((PHOTO, photograph), (PAINTING, painting))
    }
    losses = json.dumps({"content b": {"end": 0.2}, "style a": {"end": 0.7}})
    picture = encoded[PHOTO]
    look = style_advice.measure_look(RECIPE, encoded, picture, losses)
    assert look is not None
    assert look.edges == 1 and look.content == 0.2 and look.foreign == 0
    usual = max(style_advice.chroma(painting), style_advice.LEAST_CHROMA)
    assert look.saturation == pytest.approx(style_advice.chroma(photograph) / usual, rel=0.02)
    kept = replace(RECIPE, colours="matched")
    own = style_advice.measure_look(kept, encoded, picture, losses)
    assert own is not None and own.saturation == pytest.approx(1)


@pytest.mark.parametrize(
    "recipe",
    [
        replace(RECIPE, content="", content_layers=(), init="noise"),
        replace(RECIPE, styles=(), style_layers=()),
        replace(RECIPE, styles=(PAINTING, "ef" * 16)),
        replace(RECIPE, masks=("ef" * 16,)),
        RECIPE,
    ],
)
def test_what_cannot_be_compared_is_not_measured(recipe: StyleRecipe) -> None:
    assert style_advice.measure_look(recipe, {}, b"", "{}") is None
