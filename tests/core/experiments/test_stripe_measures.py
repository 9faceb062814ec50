"""Answers without the units that respond most to stripes."""

import pytest
import torch

from core.experiments import stripe_measures
from core.experiments.stripe_measures import STRIPED
from core.networks.interventions import with_units_switched
from core.networks.network import Network
from core.recipes.switched_units import SwitchedUnit


def answers(network: Network, images: torch.Tensor) -> torch.Tensor:
    name = network.layers[-1].name
    return network.activations(images, [name])[name].argmax(1)


def test_units_are_in_the_order_of_their_difference(tiny: Network) -> None:
    layer = tiny.layer("1")
    pictures = stripe_measures.drawings(tiny, 7)
    assert pictures.labels[:10] == (STRIPED[0],) * 10 and len(pictures) == 40 + 68
    order = stripe_measures.units_of_stripes(tiny, layer, pictures)
    assert sorted(order) == list(range(layer.channels))
    means = tiny.activations(pictures.images(slice(None)), ["1"])["1"].mean((2, 3))
    striped, others = means[:40], means[40:]
    scores = []
    for unit in range(layer.channels):
        spread = float(means[:, unit].std())
        apart = float(striped[:, unit].mean() - others[:, unit].mean())
        scores.append(apart / spread if spread else 0.0)
    found = [scores[unit] for unit in order]
    assert found == pytest.approx(sorted(scores, reverse=True), abs=1e-4)


def test_other_answers_are_those_of_a_network_without_the_units(tiny: Network) -> None:
    layer = tiny.layer("1")
    order = list(reversed(range(layer.channels)))
    found = stripe_measures.count_other_answers(tiny, layer, order)
    assert list(found) == [it for it in stripe_measures.COUNTS if it < layer.channels]
    pictures = stripe_measures.drawings(tiny, stripe_measures.COUNTING)
    images = pictures.images(slice(None))
    before = answers(tiny, images)
    for count, its in found.items():
        off = with_units_switched(tiny, [SwitchedUnit("1", it) for it in order[:count]])
        changed = (answers(off, images) != before).float()
        assert its.striped == pytest.approx(float(changed[:40].mean()))
        assert its.others == pytest.approx(float(changed[40:].mean()))
        assert 0 <= its.random <= 1


def test_half_is_reached_by_the_smallest_number_or_never() -> None:
    assert stripe_measures.first_half({8: 0.2, 2: 0.0, 16: 0.5, 24: 0.9}) == 16
    assert stripe_measures.first_half({1: 0.1, 2: 0.49}) is None
