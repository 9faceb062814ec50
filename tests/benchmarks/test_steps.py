"""Comparison of settings of Adam: how a setting is read, what is compared, and the default."""

from dataclasses import replace

import pytest
import torch

from benchmarks import steps
from benchmarks.steps import Setting
from core.errors import ExplorerError
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from core.optim.canvases import Fourier
from core.recipes.neuron import STEPS, NeuronRecipe

# The settings of the explorer until November 2026.
FORMER = Setting(64, 0.25, 0.9, 0.999)


def test_a_setting_is_read() -> None:
    assert Setting.parse("64,0.25,0.9,0.999") == FORMER
    assert Setting.parse("32,0.5,0.3,0.99,0.75,0.1") == Setting(32, 0.5, 0.3, 0.99, 0.75, 0.1)


@pytest.mark.parametrize("text", ["", "32", "a,0.5,0.3,0.99", "32,0.5,0.3,0.99,1,1,1"])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ExplorerError, match="is no setting"):
        Setting.parse(text)


def test_units_are_spread() -> None:
    assert steps.spread(1, 4, 12) == [1, 4, 7, 10]
    assert steps.spread(5, 9, 6) == [5, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("negative", [False, True])
def test_each_setting_is_compared_with_the_first(tiny: Network, negative: bool) -> None:
    recipe = NeuronRecipe("tiny", tiny.fingerprint, layer="3", units=(0, 3, 6), size=24)
    recipe = replace(recipe, negative=negative, layer="2" if negative else "3")
    tried = [Setting(8, 0.25, 0.9, 0.999), Setting(8, 0.01, 0.9, 0.999)]
    sides = [[steps.make(tiny, recipe, setting)] for setting in tried]
    first, second = steps.compare(recipe, sides, tried, judged=False)
    assert first["ratio"] == first["tenth"] == 1
    assert first["pictures"] == second["pictures"] == 3
    assert second["compared"] and second["ratio"] < 1, "tiny steps climb less"


def test_a_recipe_is_made_with_the_settings_of_its_canvas(tiny: Network) -> None:
    recipe = NeuronRecipe("tiny", tiny.fingerprint, layer="3", units=(1, 4), size=24, steps=6)
    same = Setting(6, Fourier.learning_rate, *Fourier.betas)
    *_, last = render_neurons.render(tiny, recipe)
    made = steps.make(tiny, recipe, same)
    assert torch.equal(made.images, torch.stack([it.image for it in last.pictures]))


def test_the_default_excites_units_as_much_as_twice_the_steps_did() -> None:
    network = registry.load(registry.SKETCHNET, device="cpu")
    recipe = render_neurons.plan(network, "relu3b", [4, 28, 52, 76], size=64)
    tried = [FORMER, Setting(STEPS, Fourier.learning_rate, *Fourier.betas)]
    sides = [[steps.make(network, recipe, setting)] for setting in tried]
    _, present = steps.compare(recipe, sides, tried, judged=False)
    assert tried[0].steps == 2 * tried[1].steps
    assert present["ratio"] > 0.99  # 0.96 with a first decay rate of 0.9
