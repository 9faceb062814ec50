"""Plain words for what a recipe makes."""

from dataclasses import replace
from typing import Any

import pytest

from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from explorer.text import recipe_summary


@pytest.mark.parametrize(
    ("units", "words"),
    [
        ((5,), "neuron 5"),
        (tuple(range(64)), "neurons 0-63"),
        ((7, 0, 1, 2, 40), "neurons 7, 0-2, 40"),
        ((3, 2, 1, 0), "neurons 3, 2, 1, 0"),
        (tuple(range(0, 40, 2)), "neurons 0, 2, 4, 6 and 16 more"),
    ],
)
def test_neurons_are_named_briefly(units: tuple[int, ...], words: str) -> None:
    recipe = NeuronRecipe("sketchnet", "0123456789abcdef", layer="relu3b", units=units)
    assert recipe_summary.describe_recipe(recipe) == f"SketchNet relu3b, {words}"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"objective": "neuron"}, "neurons 3, 8 at one place"),
        ({"objective": "joint"}, "neurons 3, 8 together"),
        ({"objective": "interpolation", "count": 5}, "from neuron 3 to neuron 8"),
        ({"objective": "energy", "units": ()}, "energy"),
        ({"negative": True, "canvas": "maco"}, "neurons 3, 8, negative, maco"),
        ({"count": 4, "image": "ab" * 16}, "neurons 3, 8, 4 different ones, from a picture"),
        (
            {"objective": "caricature", "units": (), "image": "ab" * 16, "canvas": "pixels"},
            "caricature, pixels",
        ),
    ],
)
def test_what_is_not_as_usual_is_named(settings: dict[str, Any], words: str) -> None:
    recipe = NeuronRecipe("net", "w", layer="a.1", **{"units": (3, 8), **settings})
    assert recipe_summary.describe_recipe(recipe) == f"net a.1, {words}"


@pytest.mark.parametrize(
    ("switched", "words"),
    [
        ((), []),
        (("relu5b:17",), ["without neuron 17 of relu5b"]),
        (
            ("relu5b:3", "relu5b:4", "relu4b:9:0.5"),
            ["neuron 9 of relu4b \N{MULTIPLICATION SIGN} 0.5", "without neurons 3-4 of relu5b"],
        ),
    ],
)
def test_switched_neurons_are_named(switched: tuple[str, ...], words: list[str]) -> None:
    assert recipe_summary.describe_switched(switched) == words
    dream = DreamRecipe("sketchnet", layers=("relu3b",), weights="", image="ab" * 16)
    described = recipe_summary.describe_recipe(replace(dream, switched=switched))
    assert described == ", ".join(["SketchNet relu3b", "dream", *words])
