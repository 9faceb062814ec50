"""The benchmark of feature visualisation: every side renders, turns are fair, ratios are right."""

import importlib.util

import pytest
import torch

from benchmarks import neurons as bench
from benchmarks import turns
from benchmarks.sides import Explorer, Limit, NeuronTask, Side, clean_activations, schedule
from benchmarks.turns import Timing
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons

needs_others = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("lucent", "horama")),
    reason="torch-lucent or horama is not installed: pip install -r requirements-bench.txt",
)


@pytest.fixture(scope="module")
def network() -> Network:
    return registry.load("sketchnet", device="cpu")


def task(network: Network) -> NeuronTask:
    return NeuronTask(network, "relu1b", (3, 5), size=24, steps=3, lucent_steps=3, seed=0)


class Other:
    """A library that always renders the same image."""

    name, pieces = "other", 1

    def __init__(self, grey: float) -> None:
        self.pictures = {unit: torch.full((3, 24, 24), grey) for unit in (3, 5)}

    def warm(self) -> None:
        """Do nothing."""

    def work(self, turn: int) -> float:
        """Do nothing."""
        return 1


def test_turns_are_spread_evenly(network: Network) -> None:
    limit, other = Limit(task(network), torch.float32), Other(0.5)
    assert limit.pieces == 3
    assert schedule([limit, other]) in ([0, 0, 1, 0], [0, 1, 0, 0])


def test_the_explorers_side_draws_what_the_explorer_draws(network: Network) -> None:
    side = Explorer(task(network), 3)
    assert side.work(0) == 2
    recipe = render_neurons.plan(network, "relu1b", [3, 5], 24, 3)
    expected = [it for step in render_neurons.render(network, recipe) for it in step.pictures]
    clean = clean_activations(task(network), side.pictures, 24)
    for picture in expected:
        assert torch.equal(side.pictures[picture.part], picture.image)
        assert clean[picture.part] == pytest.approx(picture.activation, rel=1e-4)


def test_a_library_is_passed_by_the_quickest_side_that_excites_as_much(network: Network) -> None:
    quick, slow = Explorer(task(network), 3), Explorer(task(network), 40)
    for side in (quick, slow):
        side.work(0)
    low, high = Other(0.5), Other(0.5)
    all_sides: list[Side] = [quick, slow, low, Limit(task(network), torch.float32)]
    timings = {
        side.name: [Timing(1, seconds, seconds)]
        for side, seconds in zip(all_sides, (1.0, 4.0, 36.0, 0.5), strict=True)
    }
    found = turns.report(task(network), all_sides, timings)["passed"]["other"]
    assert (found["by"], found["times_faster"]) == (quick.name, [36.0])
    # An activation that the longer run reaches, and the shorter one does not.
    high.pictures = slow.pictures
    again = turns.report(task(network), [quick, slow, high, all_sides[3]], timings)
    assert again["passed"]["other"]["by"] == slow.name
    assert again["passed"]["other"]["times_faster"] == [9.0]
    assert again["sides"]["limit in float32"]["seconds_against_explorer"] == 0.5
    high.pictures = {unit: _loud(network, unit) for unit in (3, 5)}
    lost = turns.report(task(network), [quick, slow, high, all_sides[3]], timings)
    assert lost["passed"]["other"]["by"] is None and not lost["passed"]["other"]["times_faster"]


def _loud(network: Network, unit: int) -> torch.Tensor:
    """An image with a higher activation than forty steps can reach."""
    recipe = render_neurons.plan(network, "relu1b", [unit], 24, 400)
    *_, last = render_neurons.render(network, recipe)
    return last.pictures[0].image


@needs_others
def test_all_sides_draw_the_same_units(network: Network) -> None:
    all_sides = bench.sides(task(network), 1, 2, [2], horama_steps=3)
    timings = turns.measure(all_sides, 2, network.device)
    assert bench.LIMIT in timings
    drawn = {side.name: sorted(side.pictures) for side in all_sides if side.pictures}
    assert len(drawn) == 5 and set(map(tuple, drawn.values())) == {(3, 5)}
    for side in all_sides:
        for picture in side.pictures.values():
            assert picture.shape == (3, 24, 24) and 0 <= picture.min() <= picture.max() <= 1
