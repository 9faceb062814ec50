"""Images whose decoder ends the whole process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.datasets import sources
from core.index import build
from core.index.opening_log import OpeningLog, find_crashing
from core.networks.network import Network
from tests.conftest import ROOT
from tests.core.picture_folders import fill

COUNT, BAD = 8, "dogs/bad.png"
# Python imports this module at its start. Decoding a PNG of 13 x 17 pixels then reads from address
# 0, as a decoder with a bug does.
CRASH = """
import ctypes
from PIL import PngImagePlugin

prepare = PngImagePlugin.PngImageFile.load_prepare

def crash(self):
    if self.size == (13, 17):
        ctypes.string_at(0)
    prepare(self)

PngImagePlugin.PngImageFile.load_prepare = crash
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures, one of which ends every process that opens it, but not this one."""
    folder = fill(tmp_path / "pictures", COUNT)
    Image.new("RGB", (13, 17)).save(folder / BAD)
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(CRASH)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "patch"))
    monkeypatch.syspath_prepend(str(tmp_path / "patch"))
    return folder


def index(folder: Path, out: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "explorer", "index", "sketchnet", "--images", str(folder)]
    line += ["--layers", "relu1a", "--workers", "2", "--batch", "1", "--device", "cpu"]
    line += ["--json", "--out", str(out), *options]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=240)


@pytest.mark.skipif(os.name != "posix", reason="a crash is told by the number of a signal")
def test_an_index_goes_on_without_the_image_that_ended_the_process(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "made.index"
    assert index(folder, out).returncode < 0
    assert OpeningLog(out).left()
    skipped = [{"picture": BAD, "why": f"{BAD} ended the process that opened it"}]
    for options in ((), ("--resume",)):
        done = index(folder, out, *options)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["pictures"] == COUNT and found["skipped"] == skipped
        assert [it.name for it in tmp_path.iterdir() if it.name.startswith(".")] == []
    # An image that was repaired is indexed.
    Image.new("RGB", (40, 30)).save(folder / BAD)
    found = json.loads(index(folder, out, "--resume").stdout)
    assert found["pictures"] == COUNT + 1 and found["skipped"] == []


def test_only_images_that_end_the_process_are_found(folder: Path) -> None:
    (folder / "dogs" / "text.png").write_text("no picture")
    names = ["dogs/text.png", BAD, "cats/000.jpg", "../outside.png", "dogs/gone.png"]
    assert find_crashing(sources.find_source(str(folder)), names, (64, 64)) == {BAD}


def test_names_are_listed_while_they_are_opened(tmp_path: Path) -> None:
    out = tmp_path / "made.index"
    with OpeningLog(out) as log:
        with log.opening("one \udcff"), log.opening("two"):
            assert OpeningLog(out).left() == ["one \udcff", "two"]
        assert OpeningLog(out).left() == []
    assert list(tmp_path.iterdir()) == []


def test_no_log_is_left_when_an_index_is_interrupted(tmp_path: Path, tiny: Network) -> None:
    source, out = sources.find_source(str(fill(tmp_path / "pictures", 40))), tmp_path / "made.index"
    accumulator = build.open_accumulator(build.plan_index(tiny, source), source, out)
    steps = build.build_index(tiny, source, accumulator, out, workers=2, batch=2)
    assert [next(steps).done for _ in range(3)] == [0, 2, 4]
    assert (tmp_path / ".made.index.opening").exists()
    steps.close()  # type: ignore[attr-defined]
    assert [it.name for it in tmp_path.iterdir()] == ["pictures"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"3", b'{"a": 1}', b"[" * 100_000])
def test_a_file_that_is_no_log_names_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".made.index.opening").write_bytes(content)
    assert OpeningLog(tmp_path / "made.index").left() == []
