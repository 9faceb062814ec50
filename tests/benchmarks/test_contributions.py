"""The formulas that the benchmark of contributions compares."""

import pytest
import torch

from benchmarks import contributions
from benchmarks.contributions import Answer
from core.analysis.contributions import exact_effects
from core.images import image_io
from core.networks import registry
from core.sketchworld.world import draw


def answer(layer: str) -> Answer:
    network = registry.load(registry.SKETCHNET, device="cpu")
    drawing = draw(5, 3)
    image = image_io.from_bytes(torch.from_numpy(drawing.image)[None])
    return Answer(network, network.layer(layer), image, drawing.label)


@pytest.mark.parametrize("layer", ["relu4b", "relu5b"])
def test_integrated_gradients_and_conductance_add_up_to_the_change_of_the_logit(
    layer: str,
) -> None:
    given = answer(layer)
    whole = given.activations(given.image)
    grey = given.activations(torch.full_like(given.image, contributions.GREY))
    logits = [float(given.logits(it)[0, given.wanted]) for it in (whole, 0 * whole, grey)]
    summed = float(contributions.integrated_gradients(given).sum())
    assert summed == pytest.approx(logits[0] - logits[1], rel=0.05)
    summed = float(contributions.conductance(given).sum())
    assert summed == pytest.approx(logits[0] - logits[2], rel=0.2)


def test_behind_a_linear_layer_gradients_predict_effects() -> None:
    given = answer("relu5b")
    true = exact_effects(given.network, given.image, given.layer, given.wanted)
    for formula in (contributions.gradient_times_activation, contributions.integrated_gradients):
        torch.testing.assert_close(formula(given), true, rtol=1e-3, atol=1e-4)


def test_deletion_falls_below_insertion_in_the_order_of_effects() -> None:
    given = answer("relu5b")
    order = contributions.gradient_times_activation(given).argsort(descending=True)
    deleted, inserted = contributions.curves(given, order)
    assert 0 < deleted < 0.3 < 0.7 < inserted < 1
    # In the other order both change places.
    assert contributions.curves(given, order.flip(0))[0] > inserted - 0.1
