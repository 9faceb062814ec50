"""Saved recipes keep their keys, and render the same pictures as when they were saved."""

import json
from pathlib import Path

import pytest
import torch.nn.functional as F

from core import paintings
from core.datasets import samples
from core.images import image_io
from core.recipes.kinds import KINDS, read
from core.recipes.recipe import Recipe
from explorer.rendering import png_metadata, replay

SAVED = Path(__file__).with_name("saved")
KEYS: dict[str, str] = json.loads((SAVED / "pictures.json").read_text("utf-8"))
RECIPES: list[dict[str, str]] = json.loads((SAVED / "recipes.json").read_text("utf-8"))
# Mean difference, in levels of 255, that another processor's rounding may cause: in a picture, and
# in each square of it, because a sheet is mostly background. Convolutions in float32 instead of
# bfloat16 cause 0.8 and 2.1. Another seed of the noise causes 3 to 40.
LEVELS, LEVELS_OF_SQUARE = 2.0, 4.0
SQUARE = 16  # pixels


def inputs(recipe: Recipe) -> dict[str, bytes]:
    """Return the pictures that a recipe starts from; all saved recipes start from these two."""
    ours = (samples.picture("cat"), paintings.picture("swirls"))
    encoded = {image_io.fingerprint(it): image_io.encode_png(it) for it in ours}
    return {name: encoded[name] for name in recipe.inputs}


def text_chunks(png: bytes) -> dict[str, str]:
    """Return the text chunks of a picture except for the versions of libraries."""
    text = png_metadata.read_text_chunks(png)
    assert text.pop(png_metadata.SOFTWARE_CHUNK)
    return text


@pytest.mark.parametrize("name", KEYS)
def test_a_saved_picture_is_made_again(name: str) -> None:
    saved = (SAVED / name).read_bytes()
    recipe, part = png_metadata.read_recipe(saved)
    assert recipe.key == KEYS[name]
    made = replay.render_again(recipe, part, inputs=inputs(recipe), device="cpu")
    assert text_chunks(made) == text_chunks(saved)
    before, now = (image_io.to_tensor(image_io.open_picture(it)) for it in (saved, made))
    assert before.shape == now.shape
    apart = (before - now).abs().mean(1) * 255  # [1, H, W]
    assert float(apart.mean()) <= LEVELS
    assert float(F.avg_pool2d(apart, SQUARE, SQUARE // 2).max()) <= LEVELS_OF_SQUARE


@pytest.mark.parametrize("row", RECIPES, ids=lambda row: f"{row['kind']}-{row['key'][:8]}")
def test_a_recipe_that_was_written_once_keeps_its_key(row: dict[str, str]) -> None:
    recipe = read(row["json"])
    assert (recipe.kind, recipe.key, recipe.to_json()) == (row["kind"], row["key"], row["json"])


def test_every_kind_is_among_them() -> None:
    saved = {png_metadata.read_recipe((SAVED / name).read_bytes())[0].kind for name in KEYS}
    assert saved == {row["kind"] for row in RECIPES} == set(KINDS)
