"""The command `ablate`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import ExplorerError
from explorer.cli import cli
from tests.explorer.reports.test_html_report import read

RUNNER = CliRunner()
PLACE = ("ablate", "sketchnet", "relu5b", "17", "--images", "sketchworld:24")


def run(*arguments: str) -> str:
    done = RUNNER.invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_names_the_classes_that_fall_and_rise(tmp_path: Path) -> None:
    told = json.loads(run(*PLACE, "--json"))
    assert told["units"] == [17] and told["pictures"] == 24 and told["factor"] == 0
    assert told["images"].startswith("sketchworld:24")
    changes = {it["label"]: it["mean"] for it in told["changes"]}
    words = run(*PLACE, "--out", str(tmp_path / "effect.html"))
    assert "neuron 17 of relu5b turned off" in words
    assert min(changes, key=changes.__getitem__) in words
    assert max(changes, key=changes.__getitem__) in words
    text, page = read(tmp_path / "effect.html")
    assert "SketchNet with neuron 17 of relu5b turned off" in text
    assert "find_source" in text and len(page.pictures) == 12
    numbers = json.loads(text.split('id="numbers">')[1].split("</script>")[0])
    assert {it["class"]: it["change"] for it in numbers} == pytest.approx(changes, abs=1e-5)


def test_a_factor_of_one_changes_nothing() -> None:
    told = json.loads(run(*PLACE, "--factor", "1", "--json"))
    assert not any(it["mean"] for it in told["changes"]) and not told["changed"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("relu9", "1"), "no layer"),
        (("relu5b", "224"), "there is no unit 224"),
        (("relu5b", "x"), "units"),
    ],
)
def test_bad_neurons_are_refused(place: tuple[str, str], words: str) -> None:
    done = RUNNER.invoke(cli, ["ablate", "sketchnet", *place, "--images", "sketchworld:4"])
    assert isinstance(done.exception, ExplorerError) and words in str(done.exception)
