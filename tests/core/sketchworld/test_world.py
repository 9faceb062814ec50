"""Tests of SketchWorld: drawings are deterministic, at every size and for every class."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import ExplorerError
from core.sketchworld import world
from core.sketchworld.world import CLASSES, SIZE, batch, class_of, draw
from tests.conftest import ROOT

# subjects in `drawings.png`: the first drawings of the seed 2026, at 32 pixels
STORED = "cup snail square fish disc horizontal stripes zigzag fir ladybird fir village bird"

EVERY_CLASS = pytest.mark.parametrize("label", range(len(CLASSES)), ids=CLASSES)


def test_there_are_enough_classes_and_no_two_share_a_name() -> None:
    assert len(CLASSES) >= 64
    assert len(set(CLASSES)) == len(CLASSES)


def test_same_numbers_same_drawing() -> None:
    first, again = draw(3, 14), draw(3, 14)
    assert first.label == again.label
    np.testing.assert_array_equal(first.image, again.image)


def test_a_class_is_known_without_drawing() -> None:
    for seed, index in ((0, 0), (3, 14), (5, 999), (1_000_033, 7)):
        assert class_of(seed, index) == draw(seed, index).label


def test_drawings_are_those_stored() -> None:
    """Compare with stored drawings, up to differences in rounding between platforms."""
    with Image.open(Path(__file__).with_name("drawings.png")) as sheet:
        expected = np.asarray(sheet.convert("RGB"))
    images, labels = batch(2026, range(12), 32)
    assert " ".join(CLASSES[label] for label in labels) == STORED
    away = np.abs(np.concatenate(list(images), axis=1).astype(int) - expected)
    assert (away <= 1).mean() > 0.999  # in levels from 0 to 255
    assert away.mean() < 0.01


def test_a_command_of_its_own_runs_without_a_warning() -> None:
    command = [sys.executable, "-W", "error", "-m", "core.sketchworld.world", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0
    assert "--sheet" in done.stdout
    assert done.stderr == ""


def test_seed_and_index_both_matter() -> None:
    usual = draw(3, 14).image
    assert not np.array_equal(usual, draw(4, 14).image)
    assert not np.array_equal(usual, draw(3, 15).image)
    assert not np.array_equal(draw(3, 14).image, draw(14, 3).image)


def test_a_drawing_does_not_depend_on_its_batch() -> None:
    images, labels = batch(5, [40, 2, 17], 32)
    assert images.shape == (3, 32, 32, 3)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    for row, index in enumerate((40, 2, 17)):
        alone = draw(5, index, 32)
        np.testing.assert_array_equal(images[row], alone.image)
        assert labels[row] == alone.label


def test_labels_do_not_depend_on_the_size() -> None:
    np.testing.assert_array_equal(batch(5, range(30), 8)[1], batch(5, range(30), 24)[1])


def test_every_class_comes_up_about_as_often() -> None:
    counts = np.bincount(batch(6, range(4000), 8)[1], minlength=len(CLASSES))
    expected = 4000 / len(CLASSES)
    assert counts.min() > expected / 2
    assert counts.max() < expected * 2


@EVERY_CLASS
def test_a_class_is_drawn_and_not_blank(label: int) -> None:
    for index in range(3):
        drawing = draw(1, index, label=label)
        assert drawing.label == label
        assert drawing.image.shape == (SIZE, SIZE, 3)
        assert drawing.image.dtype == np.uint8
        spread = np.ptp(drawing.image.astype(np.float32), axis=(0, 1))
        assert spread.max() > 40, "something stands out from the ground"


@EVERY_CLASS
def test_every_size_shows_the_same_scene(label: int) -> None:
    small = draw(2, 5, SIZE, label).image.astype(np.float32)
    large = draw(2, 5, 2 * SIZE, label).image.astype(np.float32)
    halved = large.reshape(SIZE, 2, SIZE, 2, 3).mean(axis=(1, 3))
    other = draw(2, 6, SIZE, label).image.astype(np.float32)
    assert np.abs(halved - small).mean() < 6.0  # in levels from 0 to 255, for noise and edges
    assert np.abs(halved - small).mean() < 0.3 * np.abs(other - small).mean()


def test_two_drawings_of_a_class_differ_everywhere() -> None:
    images = np.stack([draw(7, index, label=0).image for index in range(40)]).astype(np.float32)
    assert images.std(axis=0).min() > 25, "no pixel gives a class away"


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"size": 7}, "7 px"),
        ({"size": 2049}, "2049 px"),
        ({"label": len(CLASSES)}, "no class"),
        ({"label": -1}, "no class"),
        ({"seed": -1}, "0 or more"),
        ({"index": -1}, "0 or more"),
    ],
)
def test_bad_numbers_are_refused(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(ExplorerError, match=message):
        draw(**{"seed": 0, "index": 0, **numbers})


def test_contact_sheet_shows_every_class(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    world.main(["--sheet", str(path), "--examples", "2", "--size", "16", "--seed", "4"])
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    windows = np.lib.stride_tricks.sliding_window_view(pixels[:, :, 0], (16, 16))
    for label in (0, len(CLASSES) // 2, len(CLASSES) - 1):
        wanted = draw(4, 2 * label + 1, 16, label).image[:, :, 0]
        assert (windows == wanted).all(axis=(2, 3)).any(), CLASSES[label]
