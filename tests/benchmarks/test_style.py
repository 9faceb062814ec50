"""The benchmark of style: sides minimise the same loss, and only their own work is timed."""

import importlib.util
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch import Tensor

from benchmarks import style
from benchmarks.style_sides import SIDES, Loss, StyleTask
from core import paintings
from core.datasets import samples
from core.images import image_io
from core.networks import registry
from core.style import transfer


@pytest.fixture(scope="module")
def task() -> StyleTask:
    network = registry.load(registry.SKETCHNET, device="cpu")
    pictures = (
        image_io.resize_longer_side(samples.picture("coffee"), 64),
        paintings.picture("mosaic", 0, 64),
    )
    inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
    content, painting = inputs
    settings = {"size": 64, "smallest": 32, "steps": 4, "loss": "gram", "variation": 0.0}
    recipe = transfer.plan(network, content=content, styles=(painting,), **settings)
    return StyleTask(network, recipe, inputs)


@pytest.mark.parametrize("name", SIDES)
def test_every_side_goes_down_the_cost_that_is_measured(task: StyleTask, name: str) -> None:
    if name == "pystiche" and importlib.util.find_spec("pystiche") is None:
        pytest.skip("pystiche is not installed; requirements-bench.txt has it")
    loss = Loss(task, task.subjects().size)
    # From noise, the loss of L-BFGS rises first; rounding decides for how many steps.
    costs = [loss.measured(image) for image in islice(SIDES[name](task), 100)]
    assert costs[-1] < 0.8 * costs[0]


def test_only_the_sides_own_work_is_timed(task: StyleTask) -> None:
    class Slow(Loss):
        def measured(self, image: Tensor) -> float:
            time.sleep(0.05)
            return float(image)

    def side(task: StyleTask) -> Iterator[Tensor]:
        for value in range(100):
            yield torch.tensor(float(value))

    loss = Slow(task, (24, 32))
    points = style.run("counting", side, task, loss, steps=50)
    costs = [cost for _, cost in points]
    assert costs == sorted(set(costs)) and (costs[0], costs[-1]) == (0.0, 49.0)
    assert len(costs) >= len(style.MARKS) - 2
    assert points[-1][0] < 0.05
    assert style.reached(points, 0.0) == points[0][0]
    assert style.reached(points, -1.0) is None
    # A side that ends by itself is measured at its end.
    assert style.run("short", side, task, loss, seconds=1e9)[-1][1] == 99.0


def test_a_step_is_timed_beside_the_bare_network_in_both_its_forms(task: StyleTask) -> None:
    found = style.step_ratio(task, task.subjects().size)
    assert set(found) == {"bare", "rewritten", "step", "bare of step", "rewritten of step"}
    assert min(found.values()) > 0


def test_what_is_measured_exactly_does_not_slow_down_the_sides(task: StyleTask) -> None:
    """A network caches its truncated networks: one in full precision must not be reused."""
    Loss(task, task.subjects().size)
    layers = sorted({*task.recipe.content_layers, *task.recipe.style_layers})
    kept = {
        it.dtype for it in task.network.extractor(layers, for_gradients=True).state_dict().values()
    }
    fresh = replace(task.network).extractor(layers, for_gradients=True)
    assert kept == {it.dtype for it in fresh.state_dict().values()}
