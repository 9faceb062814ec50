"""Recipes to JSON and back, their keys, and invalid settings."""

import dataclasses
import json

import pytest

from core.errors import ExplorerError
from core.recipes import kinds
from core.recipes.neuron import NeuronRecipe

RECIPE = NeuronRecipe(
    "tiny", "0123456789abcdef", seed=3, layer="a.b", units=(2, 5), size=64, steps=9
)


def changed(**settings: object) -> str:
    return json.dumps({**json.loads(RECIPE.to_json()), **settings})


def test_there_and_back() -> None:
    assert NeuronRecipe.from_json(RECIPE.to_json()) == RECIPE


def test_key_depends_on_every_field_and_on_nothing_else() -> None:
    others: list[dict[str, object]] = [
        {"network": "x"},
        {"weights": "y"},
        {"seed": 4},
        {"layer": "c"},
        {"units": (5, 2)},
        {"size": 65},
        {"steps": 10},
        {"objective": "neuron"},
        {"negative": True},
        {"count": 2},
        {"canvas": "maco"},
        {"image": "ab" * 16},
        {"total_variation": 0.1},
        {"l2": 0.1},
        {"blur": 0.1},
        {"canvas": "maco", "spectrum": "cd" * 16},
    ]
    assert {name for each in others for name in each} == {
        field.name for field in dataclasses.fields(NeuronRecipe)
    }
    keys = {dataclasses.replace(RECIPE, **each).key for each in others} | {RECIPE.key}
    assert len(keys) == len(others) + 1
    shuffled = dict(reversed(json.loads(RECIPE.to_json()).items()))
    assert NeuronRecipe.from_json(json.dumps(shuffled)).key == RECIPE.key


def test_key_is_stable() -> None:
    # Keys identify results in users' stores; a changed key would lose them all.
    assert RECIPE.key == "2a4fd0993c1fe00ef25e8d45a359dd36"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON"),
        ("[]", "must be a JSON object"),
        ("[" * 100_000, "must be JSON"),
        (changed(kind="dream"), "no neurons recipe"),
        (changed(version=1), "has version 1; this program reads 5"),
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
        (changed(objective="chanel"), "no objective 'chanel'; did you mean 'channel'"),
        (changed(objective=["channel"]), "objective is"),
        (changed(objective="energy"), "energy is of a whole layer; name no units"),
        (changed(objective="caricature", units=[]), "caricature looks at a picture; name one"),
        (changed(objective="interpolation"), "an interpolation leads from one unit to another"),
        (changed(objective="interpolation", units=[1], count=4), "name two units"),
        (changed(canvas="oil"), "no canvas 'oil'"),
        (changed(count=0), "count is 0; it must be a whole number from 1 to 16"),
        (changed(count=5, size=256), "count is 5; it must be a whole number from 1 to 4"),
        (changed(negative=1), "negative is 1"),
        (changed(image="../../etc/passwd"), "must be a fingerprint"),
        (changed(spectrum="ab" * 16), "only the canvas maco keeps to a spectrum"),
        (changed(blur=-0.5), "blur is -0.5; it must be a number from 0.0 to 1000.0"),
        (changed(l2=float("nan")), "l2 is nan"),
        ('{"kind":"neurons","version":5,"network":"tiny"}', "incomplete"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExplorerError, match=message):
        NeuronRecipe.from_json(text)


def test_any_kind_is_read_by_its_name() -> None:
    assert kinds.read(RECIPE.to_json()) == RECIPE
    for text, message in (
        ("{", "must be JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "does not say of which kind"),
        (changed(kind=["neurons"]), "does not say of which kind"),
        (changed(kind="neuron"), "no kind 'neuron' in recipes; did you mean 'neurons'?"),
        (changed(size=0), "size is 0"),
    ):
        with pytest.raises(ExplorerError, match=message):
            kinds.read(text)


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
    # Four times the pixels, so a quarter of the units.
    assert [
        it.units for it in dataclasses.replace(large, size=256, units=(5, 1, 3, 0, 7)).parts()
    ] == [
        (5, 1, 3, 0),
        (7,),
    ]


def test_pictures_are_numbered_by_unit_and_then_by_place() -> None:
    varied = dataclasses.replace(RECIPE, units=(3, 0, 7), count=3)
    assert varied.pictures == (9, 10, 11, 0, 1, 2, 21, 22, 23)
    assert [varied.unit_of(it) for it in varied.pictures] == [3, 3, 3, 0, 0, 0, 7, 7, 7]
    assert RECIPE.pictures == RECIPE.units and RECIPE.plain and not varied.plain
    together = dataclasses.replace(RECIPE, objective="joint", count=2)
    assert together.pictures == (0, 1) and together.unit_of(1) is None


def test_pictures_of_one_unit_climb_in_one_batch() -> None:
    varied = dataclasses.replace(RECIPE, units=tuple(range(7)), count=6)
    assert [part.units for part in varied.parts()] == [(0, 1), (2, 3), (4, 5), (6,)]
    assert sum((part.pictures for part in varied.parts()), ()) == varied.pictures


def test_inputs_are_the_picture_and_the_spectrum() -> None:
    both = dataclasses.replace(RECIPE, canvas="maco", image="ab" * 16, spectrum="cd" * 16)
    assert both.inputs == ("ab" * 16, "cd" * 16) and both.starts_from_image
    looked_at = dataclasses.replace(
        RECIPE, units=(), objective="caricature", image="ab" * 16, count=1
    )
    assert looked_at.inputs == ("ab" * 16,) and not looked_at.starts_from_image
