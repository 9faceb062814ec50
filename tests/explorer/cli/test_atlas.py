"""The atlas: every neuron in the store, whatever it was killed at, and nothing drawn twice."""

import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from core.networks.registry import load
from core.neurons import render_neurons
from explorer import layer_pages
from explorer.store.database import FILE_NAME
from explorer.store.results import Store
from tests.explorer.commands import Done, command, run, run_process, started

ATLAS = ("atlas", "sketchnet", "--seed", "5")


def atlas(home: Path, *options: str, by: Callable[..., Done] = run) -> Done:
    with mock.patch.dict(os.environ, {"EXPLORER_HOME": str(home)}):
        return by(*ATLAS, *options)


def rows(home: Path) -> dict[str, int]:
    """The results in a store, each with the number of its row, which changes when it is written."""
    file = home / FILE_NAME
    if not file.exists():
        return {}
    with sqlite3.connect(file) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        if ("results",) not in tables:  # it is just being made
            return {}
        return dict(connection.execute("SELECT key, rowid FROM results").fetchall())


def test_an_atlas_is_there_and_is_not_drawn_again(tmp_path: Path) -> None:
    first = atlas(tmp_path, "--layers", "relu1a,relu1b", "--json")
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert [(it["layer"], it["neurons"], it["rendered"]) for it in report["layers"]] == [
        ("relu1a", 24, 24),
        ("relu1b", 24, 24),
    ]
    before = rows(tmp_path)
    again = json.loads(atlas(tmp_path, "--layers", "relu1a,relu1b", "--resume", "--json").stdout)
    assert [it["rendered"] for it in again["layers"]] == [0, 0] and rows(tmp_path) == before
    anew = json.loads(atlas(tmp_path, "--layers", "relu1a", "--fresh", "--json").stdout)
    assert [it["rendered"] for it in anew["layers"]] == [24]


def test_the_page_asks_for_what_an_atlas_makes(tmp_path: Path) -> None:
    network = load("sketchnet", device="cpu")
    for layer in network.shown:
        whole = render_neurons.plan(network, layer.name)
        pages = [
            layer_pages.plan_page(network, layer, page + 1)
            for page in range(layer_pages.page_count(layer))
        ]
        assert {it.key for it in whole.parts()} == {it.key for page in pages for it in page.parts()}


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_atlas_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    layers = ("--layers", "relu1a,relu1b")
    for wanted in (1, 2):
        line = command(*ATLAS, *layers)
        with started(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as victim:
            deadline = time.monotonic() + 120
            while len(rows(tmp_path)) < wanted and time.monotonic() < deadline:
                time.sleep(0.02)
            victim.send_signal(signal.SIGKILL)
    before = rows(tmp_path)
    assert len(before) >= 2
    done = atlas(tmp_path, *layers, "--json")
    assert done.returncode == 0, done.stderr
    after = rows(tmp_path)
    network = load("sketchnet", device="cpu")
    plans = [render_neurons.plan(network, name, seed=5) for name in ("relu1a", "relu1b")]
    sizes = {part.key: len(part.units) for plan in plans for part in plan.parts()}
    assert after.keys() == sizes.keys() and {key: after[key] for key in before} == before
    report = json.loads(done.stdout)["layers"]
    assert sum(it["rendered"] for it in report) == 48 - sum(sizes[key] for key in before)
    store = Store(tmp_path / FILE_NAME)
    for plan in plans:
        assert len(store.pictures(plan)) == 24


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="ray is not installed: pip install -r requirements-cluster.txt",
)
def test_ray_draws_the_same_atlas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", json.dumps({"CPU": 2}))
    monkeypatch.setenv("EXPLORER_WORKERS", "2")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)  # the paths of Ray's sockets must be short
        options = ("--layers", "relu1a,relu1b", "--json", "--engine", "ray")
        done = atlas(tmp_path / "ray", *options, by=run_process)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)["layers"]
        assert [(it["neurons"], it["rendered"]) for it in report] == [(24, 24), (24, 24)]
        before = rows(tmp_path / "ray")
        again = json.loads(atlas(tmp_path / "ray", *options).stdout)["layers"]
    assert [it["rendered"] for it in again] == [0, 0] and rows(tmp_path / "ray") == before
    assert atlas(tmp_path / "here", "--layers", "relu1a,relu1b").returncode == 0
    stores = [Store(tmp_path / name / FILE_NAME, shipped=()) for name in ("ray", "here")]
    network = load("sketchnet", device="cpu")
    for name in ("relu1a", "relu1b"):
        drawn, expected = (it.pictures(render_neurons.plan(network, name, seed=5)) for it in stores)
        assert len(drawn) == 24 and drawn == expected
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--layers", "relu9"), "no layer 'relu9' in sketchnet"),
        (("--engine", "spark"), "no engine 'spark'"),
        (("--address", "auto"), "choose the engine ray"),
    ],
)
def test_what_is_refused(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    done = atlas(tmp_path, *options)
    assert done.returncode == 1 and words in done.stderr and not done.stdout
