"""Recipes of variations: their parts, their JSON and key, and what is refused."""

import dataclasses
import json
from typing import Any

import pytest

from core.errors import ExplorerError
from core.recipes import kinds
from core.recipes.dream import DreamRecipe
from core.recipes.style import StyleRecipe
from core.recipes.variations import VariationsRecipe, plan_variations

DREAM = DreamRecipe("tiny", "0" * 16, 7, layers=("3",), image="ab" * 16)
STYLE = StyleRecipe(
    "tiny",
    "0" * 16,
    content="ab" * 16,
    styles=("cd" * 16,),
    content_layers=("3",),
    style_layers=("1",),
)


def test_every_part_is_the_base_with_one_pair_of_values() -> None:
    recipe = plan_variations(DREAM, "strength", (0.5, 1, 2.0), "seed", (7, 8))
    parts = recipe.parts()
    wanted = [(strength, seed) for seed in (7, 8) for strength in (0.5, 1.0, 2.0)]
    assert [(it.strength, it.seed) for it in parts if isinstance(it, DreamRecipe)] == wanted
    # A picture that was made alone before has the same key.
    assert parts[1] == DREAM and parts[1].key == DREAM.key
    assert recipe.pictures == tuple(range(6)) and recipe.inputs == DREAM.inputs
    assert [recipe.picture_number(at, 0) for at in range(6)] == list(recipe.pictures)
    single = plan_variations(STYLE, "balance", (0.01, 0.1))
    assert [it.balance for it in single.parts() if isinstance(it, StyleRecipe)] == [0.01, 0.1]


def test_it_is_read_back_from_json_with_the_version_of_its_base() -> None:
    for recipe in (
        plan_variations(DREAM, "strength", (0.5, 1.0), "seed", (0, 1)),
        plan_variations(STYLE, "style_scale", (0.5, 2.0)),
    ):
        assert kinds.read(recipe.to_json()) == recipe
        content = json.loads(recipe.to_json())
        assert content["base"]["version"] == recipe.single.version
        assert recipe.version == DreamRecipe.version + StyleRecipe.version
        content["version"] -= 1
        content["base"]["version"] -= 1
        with pytest.raises(ExplorerError, match="has version"):
            kinds.read(json.dumps(content))
        assert kinds.read_older(json.dumps(content)) == recipe


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"across": "layers"}, "no setting 'layers'"),
        ({"across": "balance"}, "no setting 'balance'"),
        ({"across_values": ()}, "give 1 to 8"),
        ({"across_values": tuple(float(it) for it in range(9))}, "give 1 to 8"),
        ({"across_values": (1.0, 1.0)}, "give each once"),
        ({"across_values": (1, 2)}, "numbers of its kind"),
        ({"across_values": (1.0, 99.0)}, "strength is 99.0"),
        ({"down": "strength", "down_values": (1.0,)}, "cannot differ across and down"),
        ({"down_values": (1,)}, "no setting ''"),
        ({"seed": 3}, "must be those of the base"),
        ({"base": None}, "of which dream"),
        ({"base": {"kind": "neurons"}}, "cannot be made"),
        ({"base": dataclasses.replace(DREAM, frames=3)}, "a film has many"),
        ({"base": dataclasses.replace(DREAM, size=8192)}, "too large for one sheet"),
    ],
)
def test_what_cannot_be_made_is_refused(changed: dict[str, Any], words: str) -> None:
    recipe = plan_variations(DREAM, "strength", (0.5, 1.0))
    with pytest.raises(ExplorerError, match=words):
        dataclasses.replace(recipe, **changed)


def test_the_number_of_pictures_is_bounded() -> None:
    seeds = tuple(range(8))
    octaves = tuple(range(1, 9))
    with pytest.raises(ExplorerError, match="at most 36"):
        plan_variations(DREAM, "seed", seeds, "octaves", octaves)
    assert isinstance(plan_variations(DREAM, "seed", seeds, "octaves", (1, 2)), VariationsRecipe)
