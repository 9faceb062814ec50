"""Plain words for what a recipe makes."""

import pytest

from core.recipes import NeuronRecipe
from explorer import naming


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
    assert naming.describe(recipe) == f"sketchnet relu3b, {words}"
