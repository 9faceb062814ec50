"""Tests of training: learning, resuming, and each of its functions."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from core.errors import ExplorerError
from core.sketchnet.model import SketchNet, fold, load
from core.sketchnet.training import adversarial, evaluate, train, trainer
from core.sketchnet.training import data as training_data
from core.sketchnet.training.learning_curve import LEFT, WIDTH, draw_curve
from core.sketchnet.training.settings import TrainingSettings
from core.sketchnet.training.trainer import Trainer
from core.sketchworld.world import CLASSES, draw

TINY = TrainingSettings(
    drawings=256, epochs=2, batch=32, small_side=16, plain=0.2, ramp=0.5, widths=(4, 5, 6, 7, 9)
)
WIDE = (12, 16, 24, 32, 40)
NO_REPORT = (0, 0, 0)


def weights(run: Trainer) -> dict[str, Tensor]:
    return {**run.model.state_dict(), **{f"average {k}": v for k, v in run.average.items()}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trainer, Path]:
    out = tmp_path_factory.mktemp("run")
    return train.train(TINY, out, workers=1, report_size=NO_REPORT), out


def test_a_resumed_run_ends_with_the_same_bits(
    finished: tuple[Trainer, Path], tmp_path: Path
) -> None:
    whole, _ = finished
    train.train(TINY, tmp_path, workers=1, stop_after=9, report_size=NO_REPORT)
    torch.manual_seed(99)  # other uses of the global generator must not change the result
    resumed = train.train(TINY, tmp_path, resume=True, workers=1, report_size=NO_REPORT)
    assert resumed.step == whole.step == TINY.steps
    expected, found = weights(whole), weights(resumed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert resumed.losses == whole.losses


def test_a_run_leaves_weights_that_load_and_its_schedule(
    finished: tuple[Trainer, Path],
) -> None:
    run, out = finished
    model = load(out / "sketchnet.safetensors")
    images = torch.rand(2, 3, 32, 40)
    torch.testing.assert_close(model(images), run.averaged()(images))
    assert [entry["from_step"] for entry in run.schedules] == [0]
    found = train.record(run, "a test", count=20, attacked=10, dead=20)
    assert json.loads(json.dumps(found)) == found
    assert found["command"] == "a test"


def test_reports_come_with_a_learning_curve(tmp_path: Path) -> None:
    settings = replace(TINY, drawings=64, epochs=1)
    run = train.train(settings, tmp_path, workers=1, report_size=(20, 10, 20))
    assert [report["step"] for report in run.reports] == sorted(settings.report_steps - {0})
    with Image.open(tmp_path / train.CURVE) as curve:
        assert len(curve.getcolors(1 << 16) or ()) > 5, "more than one colour"


def test_a_learning_curve_shows_its_lines(tmp_path: Path) -> None:
    def drawn(losses: list[tuple[float, float]], accuracy: float) -> np.ndarray:
        report = {"step": 50, "accuracy": accuracy, "pgd20_accuracy": {"1.0": accuracy / 2}}
        draw_curve(tmp_path / "curve.png", losses, [report], 100, 1.5)
        return np.asarray(Image.open(tmp_path / "curve.png").convert("RGB")).astype(int)

    falling = drawn([(0, 4.0), (50, 0.4), (100, 0.04)], 0.9)
    blue = (falling[:, :WIDTH, 2] - falling[:, :WIDTH, 0]) > 60
    rows = [np.nonzero(blue[:, col])[0].mean() for col in (LEFT + 20, WIDTH // 2, WIDTH - 40)]
    assert rows == sorted(rows) and rows[0] < rows[-1] - 100, "down from left to right"
    red = (falling[:, WIDTH:, 0] - falling[:, WIDTH:, 2]) > 60
    lower = drawn([], 0.2)
    assert (
        np.nonzero(red)[0].min()
        < np.nonzero((lower[:, WIDTH:, 0] - lower[:, WIDTH:, 2]) > 60)[0].min()
    ), "less accuracy stands lower"


def test_a_started_training_is_not_overwritten(finished: tuple[Trainer, Path]) -> None:
    with pytest.raises(ExplorerError, match="--resume"):
        train.train(TINY, finished[1], workers=1, report_size=NO_REPORT)


def test_the_callers_random_numbers_are_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train.train(TINY, tmp_path, workers=1, stop_after=2, report_size=NO_REPORT)
    assert torch.equal(torch.rand(3), expected)


def few_classes(seed: int, count: int) -> training_data.DrawingSet:
    """Draw only classes that a tiny network can learn to distinguish in seconds."""
    names = ("vertical stripes", "horizontal stripes", "dots", "disc", "eye")
    labels = np.array([CLASSES.index(names[index % 5]) for index in range(count)])
    images = [draw(seed, index, label=int(label)).image for index, label in enumerate(labels)]
    return training_data.DrawingSet(np.stack(images), labels)


def test_a_few_seconds_of_training_learn() -> None:
    settings = replace(
        TINY, drawings=320, epochs=10, small_side=32, small=2.0, eps=0.2, average=0.9, widths=WIDE
    )
    run = Trainer(settings, few_classes(0, 320))
    losses = [run.advance() for _ in range(settings.steps)]
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    unseen = few_classes(1, 100)
    images = training_data.resize(training_data.as_tensor(unseen.images), 32)
    share = evaluate.accuracy(run.averaged(), images, torch.from_numpy(unseen.labels))
    assert share > 0.6  # with five classes, random guesses have an accuracy of 0.2


def test_a_step_stays_on_its_device() -> None:
    """A tensor created without the run's device would be on the meta device and cause an error."""
    settings = replace(TINY, plain=0.0, ramp=0.0, small=0.0)
    data = few_classes(0, 64)
    expected, found = Trainer(settings, data), Trainer(settings, data)
    loss = expected.advance()
    with torch.device("meta"):
        images, labels = found._batch(0)
        parts = [
            found._gradients(part, some, truth)
            for part, (some, truth) in enumerate(zip(images.chunk(2), labels.chunk(2), strict=True))
        ]
        misled = evaluate.robust_accuracy(found.model.eval(), images, labels, 1.0)
    assert 0.0 <= misled <= 1.0
    assert sum(each for each, _ in parts) / 2 == loss


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ExplorerError, match="no cuda device"):
        train.train(TINY, tmp_path, workers=1, report_size=NO_REPORT, device="cuda")


def test_replicas_share_parameters_but_not_statistics(finished: tuple[Trainer, Path]) -> None:
    first, second = finished[0].replicas
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert one.data_ptr() == other.data_ptr()
    for one, other in zip(first.buffers(), second.buffers(), strict=True):
        assert one.data_ptr() != other.data_ptr()


def test_schedules_start_gently_and_end_at_nothing() -> None:
    settings = TrainingSettings(drawings=12_800, epochs=10, batch=128)
    rates = [settings.rate_at(step) for step in range(settings.steps)]
    assert rates[0] < 0.05 * settings.rate
    assert max(rates) == pytest.approx(settings.rate, rel=0.01)
    assert rates[-1] == pytest.approx(0.0, abs=1e-6)
    eps = [settings.eps_at(step) for step in range(settings.steps)]
    assert eps[0] == 0.0
    assert eps[-1] == settings.eps
    assert settings.side_at(0) == settings.small_side
    assert settings.side_at(settings.steps - 1) == 64
    assert eps[settings.steps // 2] == settings.eps * settings.side_at(settings.steps // 2) / 64


def test_biases_and_normalisation_do_not_decay() -> None:
    model = SketchNet(4, batch_norm=True, widths=TINY.widths)
    optimiser = trainer.sgd(model, TINY)
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            assert (group["weight_decay"] > 0) == (parameter.ndim > 1)
    assert sum(len(group["params"]) for group in optimiser.param_groups) == len(
        list(model.parameters())
    )


def test_augmented_pictures_stay_pictures_and_follow_their_generator() -> None:
    images = torch.rand(6, 3, 20, 20).contiguous(memory_format=torch.channels_last)
    before = images.clone()
    first, again, other = (
        training_data.augment(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(images, before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == images.shape
    assert 0.0 <= float(first.min()) <= float(first.max()) <= 1.0


def test_drawing_sets_are_those_of_the_world_and_are_kept(tmp_path: Path) -> None:
    assert sum(training_data.prepare(tmp_path, 8, 12, workers=1)) == 12
    assert list(training_data.prepare(tmp_path, 8, 12, workers=1)) == [], "already there"
    found = training_data.open_set(tmp_path)
    images, labels = training_data.batch(8, range(12))
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, labels)
    assert sum(training_data.prepare(tmp_path, 9, 12, workers=1)) == 12, "another seed, another set"


@pytest.fixture
def victim() -> tuple[SketchNet, Tensor, Tensor]:
    torch.manual_seed(1)
    model = SketchNet(5, widths=TINY.widths).eval()
    return model, torch.rand(4, 3, 24, 17), torch.tensor([0, 1, 2, 3])


@pytest.mark.parametrize("attack", [adversarial.one_step, adversarial.pgd])
def test_attacks_stay_in_the_ball_and_raise_the_loss(
    attack: object, victim: tuple[SketchNet, Tensor, Tensor]
) -> None:
    model, images, labels = victim
    before = images.clone()
    misled = attack(model, images, labels, 0.5, torch.Generator().manual_seed(0))  # type: ignore[operator]
    assert torch.equal(images, before)
    assert float(adversarial.norms(misled - images).max()) <= 0.5 + 1e-5
    assert 0.0 <= float(misled.min()) <= float(misled.max()) <= 1.0
    assert not misled.requires_grad
    loss = nn.functional.cross_entropy
    clean = loss(adversarial.logits(model, images, half=False), labels)
    assert loss(adversarial.logits(model, misled, half=False), labels) > clean


def test_projection_moves_only_what_is_outside() -> None:
    change = torch.randn(3, 3, 4, 5)
    change[0] *= 0.01
    near = adversarial.project(change, 1.0)
    torch.testing.assert_close(near[0], change[0])
    torch.testing.assert_close(adversarial.norms(near[1:]), torch.ones(2, 1, 1, 1))


def test_dead_units_are_counted_by_layer() -> None:
    model = fold(SketchNet(4, batch_norm=True, widths=(4, 5, 6, 7, 9)))
    bias = model.get_parameter("conv2a.bias")
    with torch.no_grad():
        bias[:2] = -1e6
    found = evaluate.dead_units(model, torch.rand(3, 3, 20, 24).split(2))
    assert list(found)[:4] == ["relu1a", "relu1b", "relu2a", "relu2b"]
    assert found["relu2a"] == pytest.approx(0.4)


def test_the_evaluation_prints_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from core.sketchnet.model import save

    path = tmp_path / "net.safetensors"
    save(fold(SketchNet(len(CLASSES), widths=TINY.widths)), CLASSES, path)
    few = ["--count", "10", "--attacked", "5", "--dead-count", "10"]
    evaluate.main(["--weights", str(path), "--json", *few])
    found = json.loads(capsys.readouterr().out)
    assert found["drawings"] == 10
    assert set(found["pgd20_accuracy"]) == {"1.0"}
