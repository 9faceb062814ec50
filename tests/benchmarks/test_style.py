"""The benchmark of style: sides minimise the same loss, and only their own work is timed."""

import importlib.util
import json
import runpy
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks import style, style_pictures
from benchmarks.style_sides import SIDES, Loss, StyleTask
from core import allocator, paintings
from core.datasets import samples
from core.images import image_io
from core.networks import registry
from core.style import loss_builder, transfer, wasserstein_loss
from tests.conftest import as_network


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


def test_what_is_measured_is_what_the_explorer_minimises() -> None:
    """All sides use the pooling of the recipe, which is not that of the network for VGG."""
    torch.manual_seed(0)
    convolutions = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
    network = as_network(nn.Sequential(convolutions[0], nn.MaxPool2d(2), convolutions[1]), (48, 64))
    settings = {"size": 64, "smallest": 64, "steps": 1, "loss": "gram", "pooling": "average"}
    layers = {"style_layers": ("0", "2"), "content_layers": ("2",)}
    task = StyleTask.named(network, "cat", "swirls", {**settings, **layers, "variation": 0.0})
    loss = Loss(task, task.subjects().size)
    *_, last = transfer.render(network, task.recipe, task.inputs)
    picture = last.pictures[0]
    assert isinstance(picture, transfer.StylePicture)
    ours = json.loads(str(picture.facts["losses"]))
    loss.measured(picture.image[None])
    for name, theirs in loss.costs.latest.items():
        torch.testing.assert_close(float(theirs), ours[name]["end"], rtol=0.05, atol=1e-6)


def test_only_the_sides_own_work_is_timed(task: StyleTask) -> None:
    class Slow(Loss):
        def measured(self, image: Tensor) -> float:
            time.sleep(0.05)
            return float(image)

    def side(task: StyleTask) -> Iterator[Tensor]:
        for value in range(200):
            yield torch.tensor(float(value))

    loss = Slow(task, (24, 32))
    points = style.run("counting", side, task, loss, steps=100)
    costs = [cost for _, cost in points]
    assert costs == sorted(set(costs)) and (costs[0], costs[-1]) == (1.0, 99.0)
    assert len(costs) >= len(style.MARKS) - 2
    assert points[-1][0] < 0.05
    assert style.reached(points, 1.0) == points[0][0]
    assert style.reached(points, -1.0) is None
    # A side that ends by itself is measured at its end.
    assert style.run("short", side, task, loss, seconds=1e9)[-1][1] == 199.0


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


def test_a_picture_is_timed_and_saved_by_a_program_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: False)
    settings = {"size": 48, "smallest": 48, "steps": 2}
    work = {"network": "sketchnet", "weights": None, "content": "cat", "style": "mosaic"}
    work |= {"settings": settings, "out": str(tmp_path / "a.png")}
    monkeypatch.setattr(sys, "argv", ["", json.dumps(work)])
    runpy.run_path(str(style_pictures.WORKER))["main"]()
    found = json.loads(capsys.readouterr().out)
    assert found["seconds"] > 0 and found["peak_mb"] > 100
    saved = image_io.open_picture((tmp_path / "a.png").read_bytes())
    assert max(saved.size) == 48


def test_sides_of_default_pictures_take_turns_and_are_compared_by_the_whole_loss(
    task: StyleTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Path, str]] = []
    seconds = iter([2.0, 1.0, 4.0, 3.0, 1.0, 9.0])

    def picture(checkout: Path, work: dict[str, Any]) -> dict[str, float]:
        made.append((checkout, work["settings"].get("loss", "")))
        content = image_io.open_picture(task.inputs[task.recipe.content])
        content.save(work["out"])
        return {"seconds": next(seconds), "peak_mb": 1.0}

    monkeypatch.setattr(style_pictures, "_picture", picture)
    other = tmp_path / "other"
    plan = style_pictures.Plan("cat", "swirls", {"sketchnet": None}, ["page"], 2, other, tmp_path)
    loss = Loss(replace(task, recipe=replace(task.recipe, loss="wasserstein")), (48, 64), True)
    found = style_pictures._sides(plan, "sketchnet", "page", loss)
    root = style_pictures.ROOT
    assert made == 2 * [(root, ""), (root, "gram"), (other, "")]
    assert found["default"]["seconds"] == 2.5 and found["default"]["all seconds"] == [2.0, 3.0]
    assert found["default"]["of Gram"] == 2.5
    assert found["default"]["times as fast as before"] == 2.5
    assert len({it["exact loss"] for it in found.values()}) == 1
    assert loss_builder.STYLE_LOSSES["wasserstein"] is wasserstein_loss.wasserstein


def test_checkpoints_are_found_by_the_names_of_networks(tmp_path: Path) -> None:
    (tmp_path / "vgg16_features.safetensors").touch()
    found = style_pictures.find_weights(["sketchnet", "vgg16"], tmp_path)
    assert found == {"sketchnet": None, "vgg16": tmp_path / "vgg16_features.safetensors"}
    with pytest.raises(FileNotFoundError, match="squeezenet1_0"):
        style_pictures.find_weights(["squeezenet1_0"], tmp_path)


def test_sides_that_were_measured_do_not_run_again(
    task: StyleTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, float]] = []

    def run(name: str, *_: Any, seconds: float = 0.0, steps: int = 0) -> style.Points:
        ran.append((name, seconds or steps))
        if len(ran) == 3:
            raise KeyboardInterrupt
        return [(1.0, 0.5), (2.0, 0.25)]

    monkeypatch.setattr(style, "run", run)
    loss, kept = Loss(task, task.subjects().size), tmp_path / "kept.json"
    with pytest.raises(KeyboardInterrupt):
        style.all_sides(task, loss, 7, ["pystiche"], kept=kept)
    found = style.all_sides(task, loss, 7, ["pystiche"], kept=kept)
    names = ["tutorial", "explorer", style.LONGER, style.LONGER, style.LARGE, "pystiche"]
    assert [name for name, _ in ran] == names
    assert [limit for _, limit in ran] == [7, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert all(them == [(1.0, 0.5), (2.0, 0.25)] for them in found.values())
    ran.clear()
    with pytest.raises(KeyboardInterrupt):
        style.all_sides(task, loss, 7, [], seconds=80.0)
    assert {limit for _, limit in ran} == {80.0}
