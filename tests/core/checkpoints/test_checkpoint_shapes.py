"""Checkpoints as people have them: each loads, or is refused with what was seen and what to do."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.checkpoints import outline
from core.errors import BadCheckpoint, FitsAnother
from core.networks import own_weights, registry, torchvision_models
from core.networks.own_weights import LoadedModule
from tests.conftest import ROOT
from tests.core.checkpoints.checkpoint_shapes import CASES, Case, Loads, content

# A script of others, which is not part of the project.
PLACES = [parent / "shared" / "cases" / "make_cases.py" for parent in ROOT.parents]
MAKER = next((it for it in PLACES if it.is_file()), None)


def load(case: Case, folder: Path) -> LoadedModule:
    wanted = case[1]
    file = folder / "last.ckpt"
    file.write_bytes(content(case))
    opened = outline.open_file(Path(f"{file}#{wanted.part}" if wanted.part else file))
    build = functools.partial(torchvision_models.build, wanted.network)
    return own_weights.load_module(wanted.network, opened, build, 1000)


@pytest.mark.parametrize("name", CASES)
def test_it_loads_or_is_refused_with_what_was_seen_and_what_to_do(
    name: str, tmp_path: Path
) -> None:
    wanted = CASES[name][1]
    if not isinstance(wanted, Loads):
        with pytest.raises(BadCheckpoint) as caught:
            load(CASES[name], tmp_path)
        message = str(caught.value)
        assert wanted.seen in message and wanted.advice in message and "last.ckpt" in message
        assert "\n" not in message and "weights_only" not in message and len(message) < 400
        return
    loaded = load(CASES[name], tmp_path)
    state, expected = loaded.module.state_dict(), wanted.expected()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], value) for key, value in expected.items())
    assert (loaded.count, loaded.classes) == (wanted.count, wanted.classes)


def test_there_are_forty_of_them() -> None:
    assert len(CASES) >= 40


def test_another_network_is_named_for_pages_too(tmp_path: Path) -> None:
    with pytest.raises(FitsAnother) as caught:
        load(CASES["another network"], tmp_path)
    assert caught.value.networks == ("shufflenet_v2_x0_5",)


@pytest.mark.parametrize("name", ["headless", "identity as head", "two layers as head"])
def test_a_network_without_a_head_shows_no_logits(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    (tmp_path / "own.ckpt").write_bytes(content(case))
    network = registry.load(case[1].network, tmp_path / "own.ckpt", "cpu")
    last = network.shown[-1]
    assert network.labels == () and last.depth == 1.0 and last.size is not None
    assert network.activations(torch.rand(1, 3, 64, 64), [last.name])[last.name].ndim == 4


@pytest.mark.skipif(MAKER is None, reason="the script that makes such files is not here")
def test_files_of_another_maker_load(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(MAKER), str(tmp_path)], check=True, timeout=300)
    files = sorted((tmp_path / "checkpoints").iterdir())
    assert len(files) >= 5
    for file in files:
        network = registry.load("squeezenet1_0", file, "cpu")
        assert network.labels == ("class 0", "class 1")
