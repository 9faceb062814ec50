"""The command ``weights``, names of classes, and checkpoints of the library by name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torchvision import models

from core.datasets import samples
from explorer.library import catalogue
from tests.conftest import ROOT
from tests.explorer.commands import run

SMALL = "squeezenet1_1"


@pytest.fixture
def last(tmp_path: Path) -> Path:
    """A file with a network of two classes, and a running average of it."""
    torch.manual_seed(0)
    state = models.get_model(SMALL, num_classes=2).state_dict()
    average = {f"module.{name}": value / 2 for name, value in state.items()}
    torch.save({"model": state, "model_ema": average}, tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_it_shows_which_network_a_file_fits_and_what_can_be_named(last: Path) -> None:
    done = run("weights", last)
    assert done.stdout.count(SMALL) == 2 and "last.ckpt#PART" in done.stderr
    rows = json.loads(run("weights", last, "--json").stdout)
    assert [(it["part"], it["classes"]) for it in rows] == [("model_ema", 2), ("model", 2)]
    plain = json.loads(run("weights", f"{last}#model", "--json").stdout)
    assert [it["part"] for it in plain] == ["model"]


def test_it_needs_no_pytorch(last: Path) -> None:
    code = (
        "import sys; from explorer import cli; sys.argv[1:] = ['weights', sys.argv[1], '--json']\n"
        "try: cli.main()\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(last)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.stderr.split() == ["False"] and SMALL in done.stdout


def test_a_file_of_no_network_says_what_it_has(tmp_path: Path) -> None:
    torch.save({"layer.weight": torch.ones(2, 2)}, tmp_path / "own.pth")
    done = run("weights", tmp_path / "own.pth")
    assert done.returncode == 0 and "1 tensors" in done.stderr and "layer.weight" in done.stderr


def test_classes_are_named_by_a_file_and_as_many_as_there_are(last: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("robin\nwren\n", encoding="utf-8")
    done = run("labels", SMALL, "--weights", last, "--classes", names, "--json")
    assert {it["concept"] for it in json.loads(done.stdout)} == {"robin", "wren"}
    names.write_text('["robin"]', encoding="utf-8")
    done = run("labels", SMALL, "--weights", last, "--classes", names)
    assert done.returncode == 1
    assert "1 class names, the last 'robin', and squeezenet1_1 has 2 classes" in done.stderr
    names.write_text("robin\n\nwren\n", encoding="utf-8")
    assert "line 2 of names.txt is empty" in run("labels", SMALL, "--classes", names).stderr


def test_checkpoints_of_the_library_are_found_by_their_names(last: Path) -> None:
    name = catalogue.add_checkpoint("", "birds", last.name, last.read_bytes())
    assert name == f"{SMALL}:birds"
    listed = json.loads(run("networks", "--json").stdout)
    assert [it["ready"] for it in listed if it["name"] == name] == [True]
    done = run("layers", name, "--json")
    assert json.loads(done.stdout)[-1]["channels"] == 2
    assert "did you mean 'squeezenet1_1:birds'" in run("layers", f"{SMALL}:brids").stderr


def test_a_network_without_a_head_has_no_probabilities(tmp_path: Path) -> None:
    state = models.get_model(SMALL, num_classes=2).state_dict()
    body = {name: it for name, it in state.items() if not name.startswith("classifier")}
    (tmp_path / "body.safetensors").write_bytes(save(body))
    samples.picture("cat").resize((64, 64)).save(tmp_path / "cat.png")
    image, file = tmp_path / "cat.png", tmp_path / "body.safetensors"
    done = run("probe", SMALL, image, "--weights", file)
    assert done.returncode == 0 and "probabilities" not in done.stdout
    facts = json.loads(run("probe", SMALL, image, "--weights", file, "--json").stdout)
    assert facts["classes"] == [] and facts["layers"]
