"""The benchmark of the style losses: its measures, and a small comparison."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import style_losses
from core import paintings
from core.datasets import samples
from core.images import image_io


def test_patches_are_as_far_apart_as_their_colours() -> None:
    one = torch.full((1, 3, 40, 30), 0.2)
    assert style_losses.patch_distance(one, one, 5) == 0
    apart = style_losses.patch_distance(one, torch.full((1, 3, 24, 36), 0.5), 5)
    # All values of a patch change by 0.3: the mean over directions of |sum of weights| * 0.3.
    generator = torch.Generator().manual_seed(style_losses.SEED)
    directions = torch.randn(style_losses.DIRECTIONS, 75, generator=generator)
    directions = directions / directions.norm(dim=1, keepdim=True)
    expected = float((0.3 * directions.sum(1)).abs().mean()) / 75**0.5
    assert apart == pytest.approx(expected, rel=1e-4)


def test_patches_know_strokes_of_the_same_colours() -> None:
    generator = torch.Generator().manual_seed(1)
    stripes = (torch.arange(64) % 8 < 4).float().expand(1, 3, 64, 64)
    mixed = stripes.flatten(2)[..., torch.randperm(64 * 64, generator=generator)]
    mixed = mixed.view(1, 3, 64, 64)
    assert style_losses.patch_distance(stripes, mixed, 1, 1) == pytest.approx(0, abs=1e-6)
    assert style_losses.patch_distance(stripes, mixed, 5, 1) > 0.02


def test_losses_are_compared_in_one_sheet(tmp_path: Path) -> None:
    files = []
    for name, picture in (("a", samples.picture("cat")), ("b", paintings.picture("dots", 0, 64))):
        image_io.resize_longer_side(picture, 64).save(tmp_path / f"{name}.png")
        files.append(str(tmp_path / f"{name}.png"))
    out, sheet = tmp_path / "found.json", tmp_path / "sheet.png"
    style_losses.main(
        *("sketchnet", None, "sketchnet", None, files[0], files[1], "gram,nearest", 64, 2),
        sheet=sheet,
        json_file=out,
    )
    told = json.loads(out.read_text("utf-8"))
    assert list(told["means"]) == ["gram", "nearest"] and told["means"]["gram"]["time"] == 1
    for loss in told["means"]:
        row = told["pairs"][0][loss]
        assert row["content"] > 0 and row["edges"] <= 1 and 0 < row["patches"] < 2
    drawn = image_io.open_picture(sheet)
    assert drawn.width == 4 * (64 + style_losses.GAP)


def test_kept_pictures_are_used_again(tmp_path: Path) -> None:
    image_io.resize_longer_side(samples.picture("cat"), 64).save(tmp_path / "a.png")
    kept = tmp_path / "kept"

    def run() -> dict[str, object]:
        out = tmp_path / "found.json"
        style_losses.main(
            *("sketchnet", None, "sketchnet", None, str(tmp_path / "a.png"), "dots", "gram", 64, 1),
            json_file=out,
            kept=kept,
        )
        found: dict[str, object] = json.loads(out.read_text("utf-8"))["pairs"][0]["gram"]
        return found

    first = run()
    (picture,) = [it for it in kept.glob("*.png") if it.with_suffix(".txt").exists()]
    (kept / "sketchnet 01 a dots.png").unlink()
    made = picture.stat().st_mtime_ns
    again = run()
    assert picture.stat().st_mtime_ns == made
    # Pixels of a file are rounded, so measures differ a little.
    assert again["seconds"] == first["seconds"]
    assert again["content"] == pytest.approx(first["content"], rel=0.02)
    assert (kept / "sketchnet 01 a dots.png").is_file()


def test_the_twelve_pairs_are_files_or_samples(tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    for pair in style_losses.TWELVE:
        for name in pair:
            if name not in (*samples.SAMPLES, *paintings.PAINTINGS):
                (tmp_path / "art" / f"{name}.jpg").touch()
    found = style_losses.find_pictures(tmp_path)
    assert len(found) == 12 == len(set(found))
    assert [tuple(Path(it).stem for it in pair) for pair in found] == list(style_losses.TWELVE)
    (tmp_path / "art" / "the_scream.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="no picture the_scream"):
        style_losses.find_pictures(tmp_path)
