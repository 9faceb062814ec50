"""Units that are multiplied by factors, as texts."""

import json
from dataclasses import replace
from typing import Any

import pytest

from core.errors import ExplorerError
from core.recipes.dream import DreamRecipe
from core.recipes.kinds import read
from core.recipes.style import StyleRecipe
from core.recipes.switched_units import SWITCHED_AT_MOST, SwitchedUnit, read_switched
from core.recipes.variations import plan_variations


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("relu5b:17", SwitchedUnit("relu5b", 17)),
        ("features.7.cat:3:0.5", SwitchedUnit("features.7.cat", 3, 0.5)),
        ("layer1.0.add:0:3", SwitchedUnit("layer1.0.add", 0, 3.0)),
        ("odd:name:4:1", SwitchedUnit("odd:name", 4, 1.0)),
    ],
)
def test_a_unit_is_written_as_it_is_read(text: str, unit: SwitchedUnit) -> None:
    assert SwitchedUnit.parse(text) == unit
    assert str(unit) == text


@pytest.mark.parametrize(
    "text", ["relu5b", "relu5b:", ":3", "relu5b:-1", "relu5b:1:4", "relu5b:1:nan", "relu5b:1:-1"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ExplorerError):
        SwitchedUnit.parse(text)


def test_several_units_come_in_one_order_and_each_once() -> None:
    assert list(map(str, read_switched(["b:2", "a:10", "b:1:0.25"]))) == ["a:10", "b:1:0.25", "b:2"]
    with pytest.raises(ExplorerError, match="named twice"):
        read_switched(["a:1", "a:1:0.5"])
    with pytest.raises(ExplorerError, match="at most"):
        read_switched([f"a:{it}" for it in range(SWITCHED_AT_MOST + 1)])


DREAM = DreamRecipe("tiny", "ab" * 8, layers=("relu",), image="ab" * 16)
STYLE = StyleRecipe("tiny", "ab" * 8, content="ab" * 16, content_layers=("relu",))


@pytest.mark.parametrize("recipe", [DREAM, STYLE], ids=lambda it: it.kind)
def test_recipes_leave_out_what_they_do_not_switch(recipe: DreamRecipe | StyleRecipe) -> None:
    assert "switched" not in json.loads(recipe.to_json())
    ones = replace(recipe, switched=("relu:1:1",))
    assert ones == recipe and ones.key == recipe.key
    switched = replace(recipe, switched=("relu:4", "conv:2:0.5", "relu:1"))
    content = json.loads(switched.to_json())
    assert content["switched"] == ["conv:2:0.5", "relu:1", "relu:4"]
    assert switched.key != recipe.key and read(switched.to_json()) == switched
    same = replace(recipe, switched=("relu:1", "relu:4:0", "conv:2:0.50"))
    assert same.key == switched.key


@pytest.mark.parametrize("bad", [["relu:1"], ("relu",), (1,), ("relu:1:9",), "relu:1"])
def test_other_lists_are_refused(bad: Any) -> None:
    with pytest.raises(ExplorerError):
        replace(DREAM, switched=bad)


def test_variations_keep_what_their_base_switches() -> None:
    base = replace(DREAM, switched=("relu:1",))
    recipe = plan_variations(base, "seed", (1, 2))
    assert [it.switched for it in recipe.parts()] == [("relu:1",)] * 2
    assert read(recipe.to_json()) == recipe
    assert "switched" not in plan_variations(DREAM, "seed", (1, 2)).to_json()
