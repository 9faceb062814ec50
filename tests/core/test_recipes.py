"""Recipes there and back, their keys, and what they refuse."""

import dataclasses
import json

import pytest

from core import recipes
from core.errors import ExplorerError
from core.recipes import NeuronRecipe

RECIPE = NeuronRecipe(
    "tiny", "0123456789abcdef", seed=3, layer="a.b", units=(2, 5), size=64, steps=9
)


def changed(**settings: object) -> str:
    return json.dumps({**json.loads(RECIPE.to_json()), **settings})


def test_there_and_back() -> None:
    assert NeuronRecipe.from_json(RECIPE.to_json()) == RECIPE


def test_key_depends_on_every_field_and_on_nothing_else() -> None:
    others = {"network": "x", "weights": "y", "seed": 4, "layer": "c", "units": (5, 2), "size": 65}
    keys = {dataclasses.replace(RECIPE, **{name: value}).key for name, value in others.items()}
    keys |= {dataclasses.replace(RECIPE, steps=10).key, RECIPE.key}
    assert len(keys) == len(dataclasses.fields(NeuronRecipe)) + 1
    shuffled = dict(reversed(json.loads(RECIPE.to_json()).items()))
    assert NeuronRecipe.from_json(json.dumps(shuffled)).key == RECIPE.key


def test_key_is_stable() -> None:
    # Keys name results in stores that people have; a change of this one orphans them all.
    assert RECIPE.key == "688ee9e14c76f4b0d47a68b802eda79f"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[]", "must be a JSON object"),
        ("[" * 100_000, "must be JSON"),
        (changed(kind="dream"), "no neurons recipe"),
        (changed(version=99), "has version 99"),
        (changed(sise=64), "no setting 'sise' in a neurons recipe; did you mean 'size'"),
        (changed(size=0), "size is 0; it must be a whole number from 16 to 1024"),
        (changed(size=10**9), "size is 1000000000"),
        (changed(size="64"), "size is '64'"),
        (changed(size=True), "size is True"),
        (changed(steps=0), "steps is 0"),
        (changed(seed=-1), "seed is -1"),
        (changed(units=[]), "no units are named"),
        (changed(units=[1, -1]), "unit is -1"),
        (changed(units=3), "units"),
        (changed(layer=7), "layer"),
        (changed(units=[0] * 5000), "5000 units are too many"),
        ('{"kind":"neurons","version":1,"network":"tiny"}', "incomplete"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExplorerError, match=message):
        NeuronRecipe.from_json(text)


def test_any_kind_is_read_by_its_name() -> None:
    assert recipes.read(RECIPE.to_json()) == RECIPE
    for text, message in (
        ("{", "must be JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "does not say of which kind"),
        (changed(kind=["neurons"]), "does not say of which kind"),
        (changed(kind="neuron"), "no kind 'neuron' in recipes; did you mean 'neurons'?"),
        (changed(size=0), "size is 0"),
    ):
        with pytest.raises(ExplorerError, match=message):
            recipes.read(text)


def test_a_large_recipe_has_parts_of_as_many_units_as_climb_together() -> None:
    large = dataclasses.replace(RECIPE, units=tuple(range(40)))
    parts = large.parts()
    assert [it.units for it in parts] == [
        tuple(range(16)),
        tuple(range(16, 32)),
        tuple(range(32, 40)),
    ]
    assert {dataclasses.replace(part, units=large.units) for part in parts} == {large}
    assert parts[0].parts() == (parts[0],) and RECIPE.parts() == (RECIPE,)
    # Four times the pixels, a quarter of the units.
    assert [
        it.units for it in dataclasses.replace(large, size=256, units=(5, 1, 3, 0, 7)).parts()
    ] == [
        (5, 1, 3, 0),
        (7,),
    ]
