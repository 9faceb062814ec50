"""The benchmark of the settings of L-BFGS: each changes what it names, and nothing else."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks import style_optimiser
from core.optim import lbfgs
from core.style import style_canvas


def test_the_preconditioner_for_colours_is_symmetric_and_positive_definite() -> None:
    torch.manual_seed(0)
    precondition = style_optimiser.ColourPreconditioner((9, 8))
    precondition.scale = precondition.scale.double()

    def apply(flat: Tensor) -> Tensor:
        return precondition(flat.view(1, 3, 9, 8)).flatten()

    whole = torch.stack([apply(it) for it in torch.eye(3 * 9 * 8, dtype=torch.float64)])
    # Its directions of colour are rounded to float32.
    torch.testing.assert_close(whole, whole.T, rtol=0, atol=1e-6)
    assert float(torch.linalg.eigvalsh(whole).min()) > 0
    red_blue = torch.zeros(1, 3, 9, 8).double()
    red_blue[0, 0], red_blue[0, 2] = 1.0, -1.0
    brightness = torch.ones(1, 3, 9, 8).double()
    ratio = precondition(red_blue)[0, 0, 4, 4] / precondition(brightness)[0, 0, 4, 4]
    assert float(ratio) == pytest.approx(style_optimiser.RED_BLUE, rel=1e-4)


def test_each_setting_is_undone() -> None:
    before = lbfgs.HISTORY, lbfgs.FIRST_STEP, style_canvas.PRECONDITIONER_POWER
    for name, setting in style_optimiser.settings(64).items():
        with setting.applied():
            now = lbfgs.HISTORY, lbfgs.FIRST_STEP, style_canvas.PRECONDITIONER_POWER
            kinds = ("exponent", "no preconditioner", "pairs", "first step")
            assert (now != before) == any(it in name for it in kinds), name
        assert before == (lbfgs.HISTORY, lbfgs.FIRST_STEP, style_canvas.PRECONDITIONER_POWER)


def test_the_lowest_loss_so_far_counts() -> None:
    curve = [(1.0, 5.0), (2.0, 3.0), (3.0, 4.0), (4.0, 2.0)]
    assert style_optimiser.loss_after(curve, 3) == 3.0
    assert style_optimiser.steps_to(curve, 3.0) == 2.0
    assert style_optimiser.steps_to(curve, 1.0) is None


def test_smaller_sizes_count_by_their_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style_optimiser, "STEPS", (2, 3, 4))
    out = tmp_path / "found.json"
    chosen = "no preconditioner,begun at half the size"
    style_optimiser.main("cat", "dots", "sketchnet", None, 64, only=chosen, out=out)
    curves = json.loads(out.read_text("utf-8"))["curves"]
    assert set(curves) == {style_optimiser.SHIPS, *chosen.split(",")}
    plain = curves[style_optimiser.SHIPS]
    assert [done for done, _ in plain] == [1, 2, 3, 4]
    assert all(value > 0 for _, value in plain)
    assert curves["no preconditioner"] != plain
    halved = [done for done, _ in curves["begun at half the size"]]
    assert halved[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 2.0], rel=0.05)
