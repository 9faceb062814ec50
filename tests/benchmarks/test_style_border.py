"""The benchmark of lines along the border: its measure, and a small run."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import style_border
from benchmarks.style_border import ELSEWHERE, NEAR
from core.images import image_io


def image(seed: int, height: int = 190, width: int = 170) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def slow_gradient(pixels: np.ndarray, distance: int) -> float:
    """Return the mean gradient across the line at a distance, side by side."""
    _, height, width = pixels.shape
    found = []
    for col in range(width):
        for one, other in ((distance - 1, distance), (height - distance, height - distance - 1)):
            found.append(np.abs(pixels[:, one, col] - pixels[:, other, col]).mean())
    for row in range(height):
        for one, other in ((distance - 1, distance), (width - distance, width - distance - 1)):
            found.append(np.abs(pixels[:, row, one] - pixels[:, row, other]).mean())
    return float(np.mean(found))


def test_lines_are_those_at_a_distance_from_all_sides() -> None:
    pixels = image(0)
    found = style_border.profile(pixels)
    assert len(found) == ELSEWHERE.stop - 1
    gradients = [slow_gradient(pixels[0].numpy(), it) for it in range(1, ELSEWHERE.stop)]
    expected = np.array(gradients) / np.mean(gradients[ELSEWHERE.start - 1 :])
    assert found.numpy() == pytest.approx(expected, rel=1e-5)


def test_a_seam_is_found_where_it_is() -> None:
    photographs = [style_border.profile(image(seed)) for seed in range(4, 8)]
    plain = [style_border.profile(image(seed)) for seed in range(4)]
    assert style_border.summarise(plain, photographs)["border"] < 1.05
    seams = []
    for seed in range(4):
        pixels = image(seed) * 0.5
        pixels[:, :, 8:-8, 8:-8] += 0.3
        seams.append(style_border.profile(pixels))
    told = style_border.summarise(seams, photographs)
    assert told["at"] == 8 <= NEAR and told["border"] > 1.5 > 1.05 > told["chance"]


def test_lines_of_the_photograph_are_no_seam() -> None:
    profiles, photographs = [], []
    for seed in range(4):
        photograph, picture = image(seed + 4), image(seed)
        for distance, height in ((6, 1.0), (40, 0.7), (61, 0.5)):
            photograph[:, :, distance:-distance, distance:-distance] += height
            picture[:, :, distance:-distance, distance:-distance] += 0.4 * height
        profiles.append(style_border.profile(picture))
        photographs.append(style_border.profile(photograph))
    told = style_border.summarise(profiles, photographs)
    assert told["border"] < 1.1 < 1.3 < told["with"]
    # A seam that the photograph does not have remains.
    for at, it in enumerate(profiles):
        profiles[at] = it + 0.3 * (torch.arange(len(it)) == 9)
    told = style_border.summarise(profiles, photographs)
    assert told["at"] == 10 and told["border"] > 1.2


def test_pairs_are_rendered_at_each_size(tmp_path: Path) -> None:
    paths = []
    for name, seed in (("a", 0), ("b", 1)):
        paths.append(str(tmp_path / f"{name}.png"))
        image_io.to_picture(image(seed)).save(paths[-1])
    out = tmp_path / "found.json"
    style_border.main(
        *("sketchnet", None, paths[0], paths[1], "176,184", "gram", 1),
        folder=tmp_path / "kept",
        json_file=out,
    )
    rows = json.loads(out.read_text("utf-8"))["rows"]
    assert [it["size"] for it in rows] == [176, 184] and all(it["border"] > 0 for it in rows)
    assert len(rows[0]["profile"]) == ELSEWHERE.stop - 1
    assert (tmp_path / "kept" / "sketchnet 184 a b.png").is_file()
