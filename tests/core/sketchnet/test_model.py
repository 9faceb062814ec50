"""Tests of SketchNet's layers, names, folding and weights file."""

from pathlib import Path

import pytest
import torch
from torch import nn

from core.checkpoints.weights_files import read_checkpoint
from core.errors import BadCheckpoint
from core.sketchnet.model import MEAN, STD, SketchNet, fold, load, normalise, parameter_count, save
from core.sketchworld.world import CLASSES

TINY = (5, 6, 7, 9, 11)


def lively(seed: int = 0) -> SketchNet:
    """Return a tiny network whose batch normalisation has statistics of some images."""
    torch.manual_seed(seed)
    model = SketchNet(4, batch_norm=True, widths=TINY)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias, 0.0, 0.3)
    with torch.no_grad():
        for _ in range(5):
            model.train()(torch.randn(8, 3, 32, 36))
    return model.eval()


def test_layers_have_the_promised_names_and_order() -> None:
    names = [name for name, _ in SketchNet(3).named_children()]
    stages = [
        name
        for stage in range(1, 6)
        for name in (
            f"conv{stage}a",
            f"relu{stage}a",
            f"conv{stage}b",
            f"relu{stage}b",
            f"pool{stage}",
        )
    ]
    assert names == [*stages, "flatten", "logits"]


def test_normalisation_stands_between_convolution_and_relu() -> None:
    names = [name for name, _ in SketchNet(3, batch_norm=True).named_children()]
    assert names[:4] == ["conv1a", "bn1a", "relu1a", "conv1b"]
    assert sum(name.startswith("bn") for name in names) == 10


def test_nothing_is_done_in_place_and_pooling_averages() -> None:
    for module in SketchNet(3).modules():
        assert not getattr(module, "inplace", False)
        assert not isinstance(module, nn.MaxPool2d)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (67, 41), (16, 33)])
def test_any_picture_size_gives_logits(height: int, width: int) -> None:
    out = SketchNet(7, widths=TINY)(torch.randn(2, 3, height, width))
    assert out.shape == (2, 7)


def test_each_stage_halves_the_picture() -> None:
    values = torch.randn(1, 3, 67, 41)
    for name, module in SketchNet(7, widths=TINY).named_children():
        values = module(values)
        if name == "relu3b":
            assert values.shape == (1, 7, 16, 10)
    assert values.shape == (1, 7)


def test_folding_changes_nothing_that_comes_out() -> None:
    model = lively()
    images = torch.randn(3, 3, 45, 38)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    folded = fold(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not folded.training
    torch.testing.assert_close(folded(images), model(images), atol=1e-5, rtol=1e-4)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), "the unfolded network is left as it was"


def test_folding_a_model_in_training_mode_folds_its_statistics() -> None:
    model = lively()
    expected = fold(model).state_dict()
    again = fold(model.train()).state_dict()
    assert all(torch.equal(again[name], expected[name]) for name in expected)


def test_normalise_is_the_inverse_of_mean_and_std() -> None:
    images = torch.rand(2, 3, 5, 4)
    mean = torch.tensor(MEAN).view(3, 1, 1)
    std = torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(normalise(images) * std + mean, images)


def test_saved_weights_load_with_their_class_names(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    model = fold(lively())
    save(model, ("a", "b", "c", "d"), path)
    images = torch.randn(1, 3, 32, 33)
    torch.testing.assert_close(load(path)(images), model(images))
    assert read_checkpoint(path)[1] == ("a", "b", "c", "d")
    assert list(tmp_path.iterdir()) == [path], "nothing half-written is left"


def test_missing_and_damaged_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="no weights file"):
        load(tmp_path / "none.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"not tensors at all")
    with pytest.raises(BadCheckpoint, match="not a readable"):
        load(damaged)


def test_parameter_count_is_that_of_the_network() -> None:
    count = sum(parameter.numel() for parameter in SketchNet(len(CLASSES)).parameters())
    assert parameter_count() == count
    assert parameter_count(10) == sum(p.numel() for p in SketchNet(10).parameters())
    assert 4 * count < 8_000_000, "the shipped file stays below 8 MB"
