"""What is wrong with a style transfer: the measures, and the setting that is named."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import color
from torch import Tensor

from core.experiments import style_advice
from core.experiments.style_advice import StyleLook
from core.images import image_io
from core.recipes.style import StyleRecipe

USUAL: dict[str, Any] = {"style_layers": ("a", "b"), "content_layers": ("b",)}
PHOTO, PAINTING = "ab" * 16, "cd" * 16
RECIPE = StyleRecipe("net", "w", content=PHOTO, styles=(PAINTING,), **USUAL)
FINE = StyleLook(saturation=1.0, edges=0.6, content=0.4, blotches=0.5)


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
    assert told(replace(FINE, blotches=9.0), **settings) == [("blotchy", *change)]


def test_too_weak_and_too_strong_pictures_move_the_balance() -> None:
    weak = replace(FINE, edges=0.99, content=0.001)
    assert told(weak, balance=1.0) == [("weak", "balance", 0.25)]
    strong = replace(FINE, edges=0.05, content=2.0)
    assert told(strong, balance=0.01) == [("strong", "balance", 0.05)]
    assert told(strong) == [("strong", "loss", "nearest")]
    assert told(strong, loss="nearest", balance=0.5) == [("strong", "balance", 2.0)]


def test_the_worst_comes_first() -> None:
    bad = StyleLook(saturation=0.1, edges=0.05, content=2.0, blotches=9.0)
    assert [it[0] for it in told(bad)] == ["grey", "blotchy", "strong"]


def test_chroma_is_the_mean_distance_from_grey() -> None:
    image = noise(0)
    lab = color.rgb2lab(image[0].permute(1, 2, 0).double().numpy())
    assert style_advice.chroma(image) == pytest.approx(np.hypot(lab[..., 1], lab[..., 2]).mean())
    assert style_advice.chroma(image.mean(1, keepdim=True).expand(-1, 3, -1, -1)) < 0.1


def blurred(image: Tensor, sigma: float) -> Tensor:
    smooth = ndimage.gaussian_filter(image.numpy(), (0, 0, sigma, sigma))
    spread = (smooth - smooth.mean()) / smooth.std() * 0.15 + 0.5
    return torch.from_numpy(spread).clamp(0, 1)


def test_blotches_are_broad_patches_that_the_photograph_does_not_have() -> None:
    photograph, painting = blurred(noise(1), 5), blurred(noise(2), 5)
    # A picture whose colours are a function of the photograph's has none, nor have fine strokes.
    assert style_advice.blotches(0.6 * photograph + 0.2, photograph, painting) < 0.1
    strokes = (photograph + 0.3 * (noise(3) - 0.5)).clamp(0, 1)
    assert style_advice.blotches(strokes, photograph, painting) < 0.2
    patches = blurred(noise(4), 5)
    found = style_advice.blotches(patches, photograph, painting)
    assert found > 0.5
    # Twice the contrast means twice as strong blotches, about: CIELAB is not linear.
    stronger = ((patches - 0.5) * 2 + 0.5).clamp(0, 1)
    assert 1.5 < style_advice.blotches(stronger, photograph, painting) / found < 2.5


def test_a_finished_picture_is_measured() -> None:
    photograph, painting = blurred(noise(5), 2), blurred(noise(6), 2)
    encoded = {
        name: image_io.encode_png(image_io.to_picture(it))
        for name, it in ((PHOTO, photograph), (PAINTING, painting))
    }
    losses = json.dumps({"content b": {"end": 0.2}, "style a": {"end": 0.7}})
    picture = encoded[PHOTO]
    look = style_advice.measure_look(RECIPE, encoded, picture, losses)
    assert look is not None
    assert look.edges == 1 and look.content == 0.2 and look.blotches < 1e-3
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
