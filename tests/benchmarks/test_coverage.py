"""A sample of the networks goes through every check, and each check can fail."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import coverage, coverage_checks
from benchmarks.coverage_checks import CHECKS, Case, Failed
from tests.conftest import ROOT

SAMPLE = ("squeezenet1_1", "mnasnet0_5", "mobilenet_v3_small", "timm.ghostnet_100")


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_passes_every_check(name: str, tmp_path: Path) -> None:
    if name.startswith("timm."):
        pytest.importorskip("timm")
    out = tmp_path / "result.json"
    coverage_checks.run_checks(name, tmp_path, CHECKS, out)
    result = json.loads(out.read_text())
    assert result["problems"] == {}
    assert result["shown"] > 5
    assert set(result["seconds"]) == {"load", *CHECKS}


def test_results_are_kept_and_a_second_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def check_apart(name: str, checks: list[str], limit: float) -> dict[str, object]:
        ran.append(name)
        problems = {"dream": "a fault"} if name == "vgg11" else {}
        return {"seconds": {"dream": 1.5}, "problems": problems, "shown": 3, "mebibytes": 7}

    monkeypatch.setattr(coverage, "check_apart", check_apart)
    file = tmp_path / "all.json"
    for names, passed in (("squeezenet1_1", True), ("squeezenet1_1,vgg11", False)):
        with pytest.raises(coverage.typer.Exit) as ended:
            coverage.main(names, json_file=file)
        assert (ended.value.exit_code == 0) is passed
    assert ran == ["squeezenet1_1", "vgg11"]
    assert list(json.loads(file.read_text())) == ran
    assert "dream: a fault" in capsys.readouterr().out


def test_a_process_that_hangs_is_a_problem() -> None:
    line = [sys.executable, "-m", "benchmarks.coverage", "--only", "vgg11", "--limit", "0.01"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "process: took too long" in done.stdout


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return coverage_checks.load_case("squeezenet1_1", tmp_path_factory.mktemp("case"))


def other_weights(case: Case) -> Case:
    return dataclasses.replace(case, bare=coverage_checks.bare_network("squeezenet1_0"))


def fewer_channels(case: Case) -> Case:
    first, *others = case.network.layers
    wrong = tuple(dataclasses.replace(it, channels=it.channels + 1) for it in others)
    network = dataclasses.replace(case.network, layers=(first, *wrong))
    return dataclasses.replace(case, network=network)


@pytest.mark.parametrize(
    ("check", "change"), [("logits", other_weights), ("layers", fewer_channels)]
)
def test_wrong_logits_and_shapes_are_found(
    case: Case, check: str, change: Callable[[Case], Case]
) -> None:
    with pytest.raises(Failed):
        CHECKS[check](change(case))


def test_a_field_that_is_too_small_is_found(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    box = coverage_checks.Layer.receptive_box

    def smaller(*arguments: object, **options: object) -> tuple[int, int, int, int]:
        top, left, bottom, right = box(*arguments, **options)  # type: ignore[arg-type]
        return top, left, bottom - 1, right

    monkeypatch.setattr(coverage_checks.Layer, "receptive_box", smaller)
    with pytest.raises(Failed, match="outside of its exact field"):
        CHECKS["fields"](case)
