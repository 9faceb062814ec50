"""The benchmark of painted films: its drawn scenes, its measures, and a small run."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks import moving_scenes, style_film
from core.images import image_io

CENTRE = (moving_scenes.SIZE - 1) / 2


@pytest.fixture(scope="module")
def scenes() -> dict[str, moving_scenes.Scene]:
    return {it.name: it for it in moving_scenes.scenes()}


def bilinear(image: Tensor, row: float, col: float) -> Tensor:
    top, left = math.floor(row), math.floor(col)
    y, x = row - top, col - left
    corners = image[0, :, top : top + 2, left : left + 2]
    weights = torch.tensor([[(1 - y) * (1 - x), (1 - y) * x], [y * (1 - x), y * x]])
    return (corners * weights).sum((1, 2))


@pytest.mark.parametrize("name", ["pan", "turn", "object in front", "turning object"])
def test_the_motion_of_a_scene_is_exact(scenes: dict[str, moving_scenes.Scene], name: str) -> None:
    """A drawn frame, moved, is the next one where it is visible, by less than resampling errs."""
    scene = scenes[name]
    frames = torch.cat([scene.frame(it) for it in range(3)])
    assert frames.shape == (3, 3, 256, 256)
    assert style_film.warp_error(scene, frames) < 1.2
    assert style_film.warp_error(scene, frames, 2) < 1.2
    apart = (frames[1:] - frames[:-1]).square().mean().sqrt()
    assert 100 * float(apart) > 3 * style_film.warp_error(scene, frames)


def test_places_are_those_of_geometry(scenes: dict[str, moving_scenes.Scene]) -> None:
    places, visible = scenes["turn"].motion(4)
    angle, grow = math.radians(1.2), 1.006
    for row, col in ((100, 140), (60, 200), (128, 128)):
        down, right = row - CENTRE, col - CENTRE
        # Backwards by one frame: turned clockwise, and reduced.
        before = (
            CENTRE + (math.cos(angle) * down + math.sin(angle) * right) / grow,
            CENTRE + (-math.sin(angle) * down + math.cos(angle) * right) / grow,
        )
        x, y = ((float(it) + 1) * 128 - 0.5 for it in places[0, row, col])
        assert (y, x) == pytest.approx(before, abs=1e-3)
        assert bool(visible[0, 0, row, col])
    first, second = scenes["turn"].frame(3), scenes["turn"].frame(4)
    sampled = bilinear(first, *before)
    assert torch.allclose(sampled, second[0, :, 128, 128], atol=0.05)


def test_an_object_hides_what_it_comes_over(scenes: dict[str, moving_scenes.Scene]) -> None:
    """The car moves by 3.2 pixels to the left, so a rim at its right is uncovered."""
    scene = scenes["object in front"]
    _, visible = scene.motion(5)
    mask = scene.layers[1].mask[0, 0] > 0.5
    hidden = ~visible[0, 0]
    hidden[:, :4] = hidden[:, -4:] = False
    hidden[:4] = hidden[-4:] = False
    # About the height of the car times its way against the background, and the mixed rim.
    height = int(mask.any(1).sum())
    assert 3 * height < int(hidden.sum()) < 12 * height + 2 * int(mask.any(0).sum())


def test_flicker_and_drift_are_told() -> None:
    scene = moving_scenes.scenes()[0]
    frames = torch.cat([scene.frame(it) for it in range(4)])
    noisy = frames + 0.1 * torch.randn(frames.shape, generator=torch.Generator().manual_seed(0))
    exact = style_film.warp_error(scene, frames)
    assert style_film.warp_error(scene, noisy) > 10 * exact
    losses = ({"style a": 1.0, "content b": 2.0},) * 4
    starts = ({"style a": 11.0, "content b": 0.0},) * 4
    single = style_film.Painted(frames, losses, starts, 2.0)
    worse = ({"style a": 1.5, "content b": 1.0},) * 4
    grey = frames.lerp(frames.mean((1, 2, 3), keepdim=True), 0.5) + 0.1
    found = style_film.measure(scene, style_film.Painted(grey, worse, starts, 1.0), single)
    assert (found.style, found.content, found.time) == (1.5, 0.5, 0.5)
    assert found.strength == pytest.approx((1 - 1.5 / 11) / (1 - 1.0 / 11))
    assert found.light == pytest.approx(10, abs=0.1)
    assert found.contrast == pytest.approx(0.5, rel=0.05)
    assert found.colour == pytest.approx(0.5, rel=1e-3)
    assert found.detail == pytest.approx(0.25, rel=1e-3)


def test_a_small_run_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, sheet = tmp_path / "found.json", tmp_path / "sheet.png"
    style_film.main(
        *("sketchnet", None, "dots", 2, 1, 1, "10"), only="pan", sheet=sheet, json_file=out
    )
    told = json.loads(out.read_text("utf-8"))
    assert list(told["means"]) == ["frame by frame", "film, keep 10"]
    assert told["means"]["frame by frame"]["style"] == 1
    assert all(row["flicker"] > 0 for row in told["rows"]) and "pan" in capsys.readouterr().out
    assert image_io.open_picture(sheet).width == 6 * (256 + style_film.GAP)


@pytest.mark.parametrize("name", ["turn", "object in front"])
def test_the_smooth_flow_errs_less(scenes: dict[str, moving_scenes.Scene], name: str) -> None:
    windows, smooth = (style_film.flow_errors(scenes[name], it) for it in (False, True))
    assert smooth["error"] < 0.5 * windows["error"] and smooth["error"] < 0.4
    assert smooth["visible"] > 0.95 and smooth["hidden"] < windows["hidden"] + 0.05
