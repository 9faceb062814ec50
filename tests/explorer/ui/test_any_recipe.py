"""Recipes and links from strangers: whatever stands in them, one sentence or something valid."""

import io
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from core.errors import ExplorerError
from core.recipes import kinds
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.recipes.variations import plan_variations
from explorer.recipe_fields import FIELDS
from explorer.recipe_fields.field import RecipeField
from explorer.rendering import png_metadata
from explorer.text import recipe_summary
from explorer.ui import url_codecs

PICTURE, OTHER = "ab" * 16, "cd" * 16
STYLE = {"content": PICTURE, "styles": (OTHER,), "content_layers": ("c",), "style_layers": ("a",)}
STAGES: dict[str, Any] = {"style_depths": ("a",), "content_depths": ("b",), "stages": ("a", "b")}
RECIPES: dict[str, Any] = {
    "neurons": NeuronRecipe("tiny", "0" * 16, layer="3", units=(2, 5), size=64, steps=9),
    "dream": DreamRecipe("tiny", "0" * 16, layers=("3",), image=PICTURE),
    "style": StyleRecipe("tiny", "0" * 16, **STYLE),  # type: ignore[arg-type]
    "style-film": StyleFilmRecipe("tiny", "0" * 16, clip=(OTHER,), **STYLE),  # type: ignore[arg-type]
    "style-depths": StyleDepthsRecipe(
        "tiny", "0" * 16, content=PICTURE, style=OTHER, content_layer="b", **STAGES
    ),
}
RECIPES["variations"] = plan_variations(RECIPES["dream"], "strength", (0.5, 1.0), "seed", (0, 1))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [0, -1, 10**300, 10**4000, 2**31, 0.0, -0.0, 1e-300, 1e300, math.nan, math.inf]
    )
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.sampled_from(["x" * 5000, "\ud800", "\0", PICTURE, "3", ""])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def check(text: str) -> None:
    """Check that a recipe is refused in one short sentence, or that all can be done with it."""
    try:
        recipe = kinds.read(text)
    except ExplorerError as error:
        assert str(error).isprintable() and len(str(error)) < 500
        return
    assert kinds.read(recipe.to_json()) == recipe
    assert all(it.key for it in recipe.parts()) and recipe.pictures is not None
    assert recipe_summary.describe_recipe(recipe).encode()
    assert all(isinstance(it, str) for it in recipe.inputs)
    try:
        url_codecs.link_to(recipe)
    except ExplorerError as error:
        assert str(error).isprintable() and len(str(error)) < 500


@pytest.mark.parametrize("kind", RECIPES)
def test_any_value_in_a_recipe(kind: str) -> None:
    content = json.loads(RECIPES[kind].to_json())

    @settings(max_examples=150, deadline=None)
    @given(st.dictionaries(st.sampled_from(sorted(content)), VALUES, min_size=1, max_size=2))
    def change(changed: dict[str, Any]) -> None:
        check(json.dumps({**content, **changed}))

    change()


@given(st.text(st.characters(), max_size=200) | st.just("[" * 100_000) | st.just("9" * 5000))
def test_any_text_as_a_recipe(text: str) -> None:
    check(text)


@pytest.mark.parametrize("kind", RECIPES)
def test_a_number_of_5000_digits_in_a_recipe(kind: str) -> None:
    text = RECIPES[kind].to_json()
    check(text.replace('"seed":0', f'"seed":{"9" * 5000}'))
    check(text.replace('"size":', f'"size":{"9" * 4000}'))


def png(chunks: dict[str, str]) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, value in chunks.items():
        info.add_itxt(name, value)
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(RECIPES)),
    st.sampled_from(["9" * 5000, "-1", "1_0", "0x1", "nan", "\N{FULLWIDTH DIGIT ONE}", "2", ""])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
def test_any_chunk_of_a_dropped_picture(kind: str, part: str, other: str) -> None:
    recipe = RECIPES[kind]
    for text in (recipe.to_json(), other, recipe.to_json()[:-1], "9" * 5000):
        try:
            read, number = png_metadata.read_recipe(png({"recipe": text, "part": part}))
        except ExplorerError as error:
            assert "\n" not in str(error) and len(str(error)) < 500
        else:
            assert read == recipe and number in recipe.pictures


ROWS = [
    (kind, field) for kind, fields in FIELDS.items() for field in fields.values() if field.query
]
NUMBERS = st.from_regex(r"[-+]?[0-9]{0,6}(\.[0-9]{0,6})?([eE][-+]?[0-9]{1,4})?", fullmatch=True)
TEXTS = (
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | NUMBERS
    | st.sampled_from(["9" * 5000, "nan", "inf", "-inf", "1e999", "1_0", "0x10", "x" * 5000])
)


@pytest.mark.parametrize(("kind", "field"), ROWS, ids=[f"{kind} {it.name}" for kind, it in ROWS])
def test_any_value_in_a_link(kind: str, field: RecipeField) -> None:
    @settings(max_examples=60, deadline=None)
    @given(TEXTS)
    def read(text: str) -> None:
        try:
            found = url_codecs.read_fields(kind, {field.query: text})
        except ExplorerError as error:
            assert str(error).isprintable() and len(str(error)) < 300
            return
        if field.bounds and found:
            low, high = field.bounds
            assert low <= found[field.name] <= high

    if kind != "dream-depths":
        read()


@pytest.mark.parametrize(("kind", "field"), ROWS, ids=[f"{kind} {it.name}" for kind, it in ROWS])
def test_every_number_within_its_bounds_has_a_label(kind: str, field: RecipeField) -> None:
    """A link may name numbers between those that a slider offers, and the bounds themselves."""
    if not field.bounds:
        return
    low, high = field.bounds
    numbers = st.floats(low, high) if isinstance(field.default, float) else st.integers(low, high)

    @given(numbers | st.sampled_from([low, high]))
    def label(value: float) -> None:
        assert field.label(value)

    label()
