"""A short run of the fuzzer, and what it may not miss."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fuzz import trials
from benchmarks.fuzz.trials import Attempt, Part, Wrong
from core.errors import ExplorerError
from tests.conftest import ROOT

INPUTS = 60


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    out = tmp_path / "outcomes.json"
    line = [sys.executable, "-m", "benchmarks.fuzz", "--inputs", str(INPUTS), "--workers", "1"]
    done = subprocess.run([*line, "--json", str(out)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert len(json.loads(out.read_text())["outcomes"]) >= INPUTS - 6


def faulty(number: int, folder: Path) -> None:
    """Do something that the fuzzer must find."""
    out = folder / "out"
    if number == 1:
        raise ValueError("x")
    if number == 2:
        (out / "x.png.part").write_bytes(b"half")
        raise ExplorerError("the disk is full")
    if number == 3:
        raise ExplorerError("there is no network " + "x" * 200)
    if number == 4:
        assert len(b"x" * (400 * 2**20)) > 0
    if number == 5:
        while True:
            pass
    if number == 6:
        raise SystemExit(3)
    if number == 7:
        raise Wrong("other pixels")
    if number == 8:
        raise ExplorerError("two\nlines")


FOUND = (
    trials.DONE, trials.TRACEBACK, trials.PARTIAL, trials.WORDS, trials.MEMORY, trials.HANG,
    trials.TRACEBACK, trials.WRONG, trials.WORDS,
)  # fmt: skip


def make(source: random.Random, folder: Path) -> Attempt:
    (folder / "out").mkdir()
    number = int(folder.name)
    return Attempt("it", lambda: faulty(number, folder), ("x" * 200,), folder / "out")


def test_each_kind_of_fault_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "IMPORTED", ())
    monkeypatch.setattr(trials, "SECONDS", 2.0)  # 400 MB take long on a busy machine
    part = Part("some", make, memory_mb=300.0)
    outcomes = trials.run_part(part, range(len(FOUND)), 0, tmp_path, workers=2)
    assert tuple(it.verdict for it in outcomes) == FOUND
    assert [it.fault for it in outcomes] == [False] + [True] * 8


def test_the_same_seed_makes_the_same_inputs(tmp_path: Path) -> None:
    from benchmarks.fuzz import images

    for number in range(30):
        names = set()
        for turn in range(2):
            folder = tmp_path / f"{number}-{turn}"
            folder.mkdir()
            names.add(images.make(random.Random(f"images 0 {number}"), folder).name)
        assert len(names) == 1
