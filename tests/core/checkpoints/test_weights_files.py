"""Weights files: valid ones load, invalid ones are explained, none runs code."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core import checkpoints
from core.errors import BadCheckpoint


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {"conv.weight": torch.randn(4, 3, 2, 2), "conv.bias": torch.randn(4)}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tensors: tensors,
        lambda tensors: {"state_dict": tensors, "epoch": 3},
        lambda tensors: {"model": {f"module.{name}": value for name, value in tensors.items()}},
        lambda tensors: {name: value.double() for name, value in tensors.items()},
        lambda tensors: {**tensors, "aux1.fc.weight": torch.zeros(2)},
    ],
)
def test_pth_in_its_common_wrappings(tmp_path: Path, wrap: object) -> None:
    torch.save(wrap(state()), tmp_path / "a.pth")  # type: ignore[operator]
    tensors, classes = checkpoints.read_checkpoint(tmp_path / "a.pth")
    assert same(tensors, state()) and classes is None


def test_safetensors_bring_their_classes(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "a.safetensors", {"classes": json.dumps(["cat", "dög"])})
    tensors, classes = checkpoints.read_checkpoint(tmp_path / "a.safetensors")
    assert same(tensors, state()) and classes == ("cat", "dög")


class Trap:
    """Unpickling it creates a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("plain", [True, False])
def test_a_pickle_that_would_run_code_does_not(tmp_path: Path, plain: bool) -> None:
    trap = {"conv.weight": Trap(tmp_path / "sprung")}
    if plain:
        (tmp_path / "a.pth").write_bytes(pickle.dumps(trap))
    else:
        torch.save(trap, tmp_path / "a.pth")
    with pytest.raises(BadCheckpoint, match="could run code"):
        checkpoints.read_checkpoint(tmp_path / "a.pth")
    assert not (tmp_path / "sprung").exists()


def whole(tmp_path: Path, suffix: str) -> bytes:
    path = tmp_path / f"whole{suffix}"
    if suffix == ".pth":
        torch.save(state(), path)
    else:
        save_file(state(), path)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("damage", ["empty", "text", "half", "zeros"])
def test_damaged_files_are_explained(tmp_path: Path, suffix: str, damage: str) -> None:
    content = whole(tmp_path, suffix)
    damaged = {
        "empty": b"",
        "text": b"these are no weights\n" * 20,
        "half": content[: len(content) // 2],
        "zeros": bytes(len(content)),
    }
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(damaged[damage])
    with pytest.raises(BadCheckpoint, match="bad"):
        checkpoints.read_checkpoint(path)


@pytest.mark.parametrize(
    "content", [[1, 2], {"a": 1}, {"a": [{"b": {"c": "weights"}}]}, torch.zeros(3)]
)
def test_what_holds_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(BadCheckpoint, match="no state dict"):
        checkpoints.read_checkpoint(tmp_path / "a.pth")


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    save_file({**state(), "conv.bias": torch.full((4,), float("nan"))}, tmp_path / "a.safetensors")
    with pytest.raises(BadCheckpoint, match=r"no finite numbers below .* in conv\.bias"):
        checkpoints.read_checkpoint(tmp_path / "a.safetensors")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"no weights file .*gone\.pth"):
        checkpoints.read_checkpoint(tmp_path / "gone.pth")


def convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4))


def test_fit_lists_what_does_not_fit() -> None:
    tensors = {
        "0.weight": torch.zeros(4, 3, 3, 3),
        "0.bias": torch.zeros(4),
        "head": torch.zeros(1),
    }
    with pytest.raises(BadCheckpoint) as caught:
        checkpoints.load_state(convolution(), tensors, "a.pth", "tiny")
    message = str(caught.value)
    assert "a.pth does not fit tiny" in message
    assert "4 missing: 1.weight, 1.bias, 1.running_mean, 1.running_var" in message
    assert "1 unexpected: head" in message
    assert "0.weight [4, 3, 3, 3] instead of [4, 3, 2, 2]" in message
    assert "\n" not in message


def test_fit_takes_the_tensors_and_forgives_missing_counters() -> None:
    tensors = {
        name: torch.rand_like(value)
        for name, value in convolution().state_dict().items()
        if value.is_floating_point()
    }
    with torch.device("meta"):
        module = convolution()
    checkpoints.load_state(module, tensors, "a.pth", "tiny")
    assert all(torch.equal(module.state_dict()[name], tensors[name]) for name in tensors)
    assert module(torch.zeros(2, 3, 5, 5)).shape == (2, 4, 4, 4)


def test_fingerprint_knows_every_bit_and_no_order() -> None:
    first = checkpoints.fingerprint(state(), "a", (1, 2))
    assert checkpoints.fingerprint(dict(reversed(state().items())), "a", (1, 2)) == first
    changed = state()
    changed["conv.bias"][2] = torch.nextafter(changed["conv.bias"][2], torch.tensor(9.0))
    others = {
        checkpoints.fingerprint(changed, "a", (1, 2)),
        checkpoints.fingerprint(state(), "b", (1, 2)),
        checkpoints.fingerprint({**state(), "more": torch.zeros(0)}, "a", (1, 2)),
    }
    assert first not in others and len(others) == 3
