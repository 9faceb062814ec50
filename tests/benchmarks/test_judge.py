"""The judge: its file restores it, augmented drawings stay images, and its results add up."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks import judge as judging
from benchmarks.judge import Judge
from benchmarks.strange import distort
from core.sketchnet.training.data import as_tensor
from core.sketchworld.world import CLASSES, batch

SLIM = (6, 8, 10, 12)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Judge, Path]:
    path = tmp_path_factory.mktemp("judge") / "judge.safetensors"
    return judging.train(path, drawings=64, epochs=1, widths=SLIM), path


def test_a_judge_comes_back_from_its_file(trained: tuple[Judge, Path]) -> None:
    judge, path = trained
    shown = torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(judging.load(path)(shown), judge(shown))
    assert not judging.load(path).training


def test_training_is_the_same_each_time(trained: tuple[Judge, Path], tmp_path: Path) -> None:
    torch.manual_seed(8)
    expected = torch.rand(2)
    torch.manual_seed(8)
    again = judging.train(tmp_path / "again.safetensors", drawings=64, epochs=1, widths=SLIM)
    assert torch.equal(torch.rand(2), expected), "the caller's random numbers are left alone"
    for name, value in trained[0].state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)


def test_strange_pictures_stay_pictures_and_follow_their_generator() -> None:
    drawn, _ = batch(3, range(24))
    plain = as_tensor(drawn)
    before = plain.clone()
    first, again, other = (distort(plain, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(plain, before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == plain.shape
    assert 0.0 <= float(first.min()) <= float(first.max()) <= 1.0
    assert (first - plain).abs().mean() > 0.1


def test_verdicts_name_who_was_mistaken(
    trained: tuple[Judge, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown = torch.rand(len(CLASSES), 3, 70, 70)

    def guesses(judge: Judge, pictures: Tensor) -> Tensor:
        found = torch.arange(len(pictures))
        found[3] = 5
        return found

    monkeypatch.setattr(judging, "class_pictures", lambda *_: shown)
    monkeypatch.setattr(judging, "answers", guesses)
    sheet = tmp_path / "sheet.png"
    found = judging.judge_network(trained[0], None, 70, 0, sheet)
    assert found["mistaken"] == {CLASSES[3]: CLASSES[5]}
    assert found["recognised"] == len(CLASSES) - 1
    assert sheet.is_file()


def test_the_judge_sees_pictures_at_the_size_it_learnt(trained: tuple[Judge, Path]) -> None:
    shown = torch.rand(2, 3, 128, 128)
    small = torch.nn.functional.interpolate(shown, (64, 64), mode="bilinear", antialias=True)
    expected = trained[0](small.clamp(0, 1)).argmax(1)
    assert torch.equal(judging.answers(trained[0], shown), expected)
