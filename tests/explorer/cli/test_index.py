"""The commands `index`, `top`, `probe` and `figure`."""

import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.index import reader
from core.sketchnet import model as sketchnet
from core.sketchworld.world import CLASSES
from tests.core.picture_folders import fill
from tests.explorer.cluster.test_ray_supervisor import processes
from tests.explorer.commands import command, run, run_process, started

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="ray is not installed: pip install -r requirements-cluster.txt",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, object]]:
    """A folder of pictures, one of them broken, its index, and what the command said."""
    folder = tmp_path_factory.mktemp("made")
    pictures = fill(folder / "pictures", 30)
    (pictures / "broken.jpg").write_bytes(b"")
    out = folder / "index"
    layers = "relu1b,relu3b,logits"
    options = ("--out", out, "--layers", layers, "--mean", "--k", "4", "--json")
    done = run_process("index", "sketchnet", "--images", pictures, *options)
    assert done.returncode == 0, done.stderr
    return pictures, out, json.loads(done.stdout)


def test_index_says_what_it_found_and_what_it_skipped(
    made: tuple[Path, Path, dict[str, object]],
) -> None:
    pictures, out, told = made
    assert told["pictures"] == told["added"] == 30 and told["by"] == ["max", "mean"]
    assert [it["picture"] for it in told["skipped"]] == ["broken.jpg"]  # type: ignore[attr-defined]
    again = run("index", "sketchnet", "--images", pictures, "--out", out)
    assert again.returncode == 1 and again.stdout == ""
    assert "is there already; --resume goes on" in again.stderr
    other = run("index", "sketchnet", "--images", pictures, "--out", out, "--resume")
    assert other.returncode == 1 and "do not mix" in other.stderr
    gone = run("index", "sketchnet", "--images", "nowhere", "--out", out)
    assert gone.returncode == 1 and gone.stderr.startswith("error: there is no folder or archive")
    lost = run("index", "sketchnet", "--images", pictures, "--out", pictures / "no" / "index")
    assert lost.returncode == 1 and "there is no folder" in lost.stderr


def test_an_index_of_nothing_fails_and_a_pipe_stops_nothing(tmp_path: Path) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "index"
    folder.mkdir()
    options = ("index", "sketchnet", "--images", folder, "--out", out, "--layers", "relu1b")
    empty = run(*options)
    assert empty.returncode == 1 and "there are no images in" in empty.stderr
    (folder / "notes.txt").write_text("no picture")
    refused = run(*options)
    assert refused.returncode == 1 and "can be indexed: notes.txt cannot be" in refused.stderr
    assert not out.exists()
    (tmp_path / "real").mkdir()
    Image.new("RGB", (225, 300), "red").save(tmp_path / "real/1.png")
    (folder / "linked").symlink_to("../real")
    os.mkfifo(folder / "pipe.jpg")
    done = run(*options, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    skipped = [it["picture"] for it in found["skipped"]]
    assert found["pictures"] == 1 and skipped == ["notes.txt", "pipe.jpg"]


def test_top_lists_pictures_and_draws_their_crops(
    made: tuple[Path, Path, dict[str, object]], tmp_path: Path
) -> None:
    _, out, _ = made
    grid = tmp_path / "grid.png"
    done = run("top", out, "relu3b", 5, "--out", grid, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    hits = reader.open_index(out).top("relu3b", 5)
    assert [it["picture"] for it in told["hits"]] == [hit.picture for hit in hits]
    first = told["hits"][0]
    assert first["rank"] == 1 and first["value"] == hits[0].value
    assert (first["row"], first["col"]) == (hits[0].row, hits[0].col)
    assert first["box"] == list(hits[0].box) and first["label"] in ("cats", "dogs", "")
    with Image.open(grid) as picture:
        assert picture.size == (226, 226)
    options = ("--least", "--by", "mean", "--show", "heat", "--out", grid)
    assert run("top", out, "relu3b", 5, *options).returncode == 0
    for arguments, words in (
        ((out, "relu3c", 5), "did you mean 'relu3b'"),
        ((out, "relu3b", 96), "its units are 0 to 95"),
        ((tmp_path, "relu3b", 5), "is a folder; name a file"),
        ((tmp_path / "gone", "relu3b", 5), "there is no index"),
        ((out, "relu3b", 5, "--by", "median"), "no statistic 'median'"),
        ((out, "relu3b", 5, "--show", "heat"), "name its file with --out"),
    ):
        refused = run("top", *arguments)
        assert refused.returncode == 1 and words in refused.stderr


def test_probe_names_classes_and_unusual_neurons(
    made: tuple[Path, Path, dict[str, object]],
) -> None:
    pictures, out, _ = made
    image = next(iter(sorted(pictures.rglob("*.png"))))
    done = run("probe", "sketchnet", image, "--index", out, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["classes"]) == 5 and set(told["layers"]) == {"relu1b", "relu3b", "logits"}
    assert {"unit", "value", "percentile", "row", "col"} == set(told["layers"]["relu3b"][0])
    plain = run("probe", "sketchnet", image)
    assert plain.returncode == 0 and "relu4a" in plain.stdout
    refused = run("probe", "sketchnet", pictures / "broken.jpg")
    assert refused.returncode == 1 and "cannot be opened as a picture" in refused.stderr


def test_a_probe_tells_probabilities_from_percentiles(
    made: tuple[Path, Path, dict[str, object]],
) -> None:
    pictures, out, _ = made
    image = next(iter(sorted(pictures.rglob("*.png"))))
    compared = run("probe", "sketchnet", image, "--index", out).stdout
    first, table = compared.split("\n", 1)
    assert first.startswith("probabilities: ") and re.search(r" \d+\.\d%", first)
    assert "among 30 pictures" in table
    assert re.search(r"\d+ \(top \d+(\.\d)?%\)|\(above all\)", table)
    assert not re.search(r"\d \(\d+\.\d%\)", table), "a percentile in the style of a probability"


def test_sketchnet_says_that_it_knows_drawings_only(
    made: tuple[Path, Path, dict[str, object]],
) -> None:
    pictures, _, _ = made
    image = next(iter(sorted(pictures.rglob("*.png"))))
    assert "SketchNet knows drawings only" in run("probe", "sketchnet", image).stderr
    told = json.loads(run("probe", "sketchnet", image, "--json").stdout)
    assert "photograph" in told["caveat"]


def test_a_dead_neuron_has_no_crops(made: tuple[Path, Path, dict[str, object]]) -> None:
    pictures, _, _ = made
    network = sketchnet.load()
    with torch.no_grad():
        network.get_submodule("conv1b").bias[3] = -100.0  # type: ignore[index, operator]
    weights, out = pictures.parent / "dead.safetensors", pictures.parent / "dead index"
    sketchnet.save(network, CLASSES, weights)
    options = ("--weights", weights, "--layers", "relu1b", "--out", out)
    assert run("index", "sketchnet", "--images", pictures, *options).returncode == 0
    done = run("top", out, "relu1b", 3)
    assert done.returncode == 0 and "unit 3 of relu1b is dead: none of 30 pictures" in done.stderr
    told = json.loads(run("top", out, "relu1b", 3, "--json").stdout)
    assert told["hits"] == [] and told["dead"] is True
    assert json.loads(run("top", out, "relu1b", 4, "--json").stdout)["dead"] is False
    grid = pictures.parent / "dead.png"
    refused = run("top", out, "relu1b", 3, "--out", grid)
    assert refused.returncode == 1 and "no crops to draw" in refused.stderr and not grid.exists()
    assert run("top", out, "relu1b", 3, "--least", "--out", grid).returncode == 0


def test_figure_draws_what_neurons_want_and_find(
    made: tuple[Path, Path, dict[str, object]], tmp_path: Path
) -> None:
    _, out, _ = made
    drawn = tmp_path / "figure.png"
    options = ("--layers", "relu1b,logits", "--units", 2, "--steps", 2, "--json")
    done = run("figure", out, "--out", drawn, *options)
    assert done.returncode == 0, done.stderr
    assert {name: len(units) for name, units in json.loads(done.stdout)["units"].items()} == {
        "relu1b": 2,
        "logits": 2,
    }
    with Image.open(drawn) as picture:
        assert picture.format == "PNG" and picture.width > 800


# Starts the command with a first save after every batch, so that kills hit all stages.
EAGER = """
from core.index import build
from explorer.cli import main

build.SAVE_SECONDS = 0.0
main()
"""


def test_killed_at_random_moments_it_gives_the_same_in_the_end(tmp_path: Path) -> None:
    options = ["index", "sketchnet", "--images", "sketchworld:400:2", "--layers", "relu2a,relu4b"]
    chance = random.Random(4)
    out = tmp_path / "killed"
    for _ in range(5):
        eager = [sys.executable, "-c", EAGER, *options, "--out", str(out), "--resume"]
        with started([*eager, "--batch", "4"], stderr=subprocess.DEVNULL) as process:
            began = time.monotonic()
            size = out.stat().st_mtime_ns if out.exists() else None
            while process.poll() is None and time.monotonic() - began < 60:
                now = out.stat().st_mtime_ns if out.exists() else None
                if now != size:  # It works: a moment later it dies.
                    time.sleep(chance.uniform(0, 0.3))
                    break
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
    assert run(*options, "--out", out, "--resume").returncode == 0
    assert run(*options, "--out", tmp_path / "whole").returncode == 0
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()


def test_ctrl_c_keeps_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["index", "sketchnet", "--images", "sketchworld:3000:2", "--layers", "relu2a"]
    out = tmp_path / "index"
    monkeypatch.setenv("FORCE_COLOR", "1")
    line = command(*options, "--out", out, "--batch", "4")
    with started(line, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        # Until the bar shows that it works.
        while (shown := process.stderr.read(1)) != "%":
            assert shown, "it ended"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait(60) == 130 and "--resume goes on from there" in told
    assert 0 < reader.open_index(out).count < 3000 and not reader.open_index(out).complete


@needs_ray
@pytest.mark.usefixtures("ray_environment")
def test_on_ray_it_is_the_same_even_if_a_worker_is_killed(tmp_path: Path) -> None:
    options = ["index", "sketchnet", "--images", "sketchworld:700:2", "--layers", "relu2a,relu4b"]
    out = tmp_path / "ray"
    killed = 0
    line = command(*options, "--out", out, "--engine", "ray")
    with started(line, stderr=subprocess.PIPE) as process:
        began = time.monotonic()
        while process.poll() is None and time.monotonic() - began < 200:
            for worker in processes(process.pid, "ray::_index_shard") if not killed else ():
                time.sleep(0.3)
                os.kill(worker, signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.02)
        assert process.wait(200) == 0, process.stderr and process.stderr.read()
    assert killed == 1
    assert run(*options, "--out", tmp_path / "local").returncode == 0
    assert out.read_bytes() == (tmp_path / "local").read_bytes()


def test_an_engine_that_is_not_there_is_refused(tmp_path: Path) -> None:
    options = ("--images", "sketchworld:3", "--out", tmp_path / "index")
    refused = run("index", "sketchnet", *options, "--engine", "rey")
    assert refused.returncode == 1 and "did you mean 'ray'" in refused.stderr
