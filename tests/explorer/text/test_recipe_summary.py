"""Plain words for what a recipe makes."""

from typing import Any

import pytest

from core.recipes.neuron import NeuronRecipe
from core.recipes.style import LOSSES, StyleRecipe
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


def test_only_a_style_loss_other_than_the_default_is_named() -> None:
    layers = {"content_layers": ("b",), "style_layers": ("a", "b")}
    told = {
        loss: recipe_summary.describe_recipe(
            StyleRecipe("net", "w", content="ab" * 16, styles=("cd" * 16,), loss=loss, **layers)
        )
        for loss in LOSSES
    }
    usual = "net, style of a to b, content of b"
    assert told == {"wasserstein": usual, "gram": f"{usual}, gram", "nearest": f"{usual}, nearest"}
