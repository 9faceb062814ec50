"""The command `circuit`."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import ExplorerError
from explorer.cli import cli
from tests.explorer.reports.test_html_report import numbers, read

RUNNER = CliRunner()
PLACE = ("circuit", "sketchnet", "relu5b", "79", "--pictures", "12")


def run(*arguments: str) -> str:
    done = RUNNER.invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_names_what_a_neuron_reads_and_feeds(tmp_path: Path) -> None:
    told = json.loads(run(*PLACE, "--json"))
    assert (told["layer"], told["unit"], told["pictures"]) == ("relu5b", 79, 12)
    assert told["images"].startswith("sketchworld:360")
    assert {it["level"] for it in told["nodes"]} == {-2, -1, 0, 1}
    words = run(*PLACE, "--out", str(tmp_path / "circuit.html"))
    assert words.startswith("neuron 79 (spoke) of relu5b: This neuron is excited by ")
    strongest = max(
        (it for it in told["edges"] if it["target"] == {"layer": "relu5b", "unit": 79}),
        key=lambda it: it["share"],
    )
    assert re.search(rf"\b{strongest['source']['unit']} \(\w+\) of relu5a", words)
    text, page = read(tmp_path / "circuit.html")
    assert "The circuit of neuron 79 (spoke) of relu5b in sketchnet" in text
    # A picture of each neuron, which comes with the project, and one of each kernel.
    assert len(page.pictures) == len(told["nodes"]) + len(told["edges"])
    assert text.count("<path ") == len(told["edges"]) and "find_source" in text
    assert [it["measured"] for it in numbers(text)] == [it["measured"] for it in told["edges"]]


def test_a_depth_of_one_layer() -> None:
    told = json.loads(run(*PLACE, "--depth", "1", "--json"))
    assert {it["level"] for it in told["nodes"]} == {-1, 0, 1}


@pytest.mark.parametrize(
    ("place", "words"),
    [(("relu9", "1"), "no layer"), (("relu5b", "224"), "there is no unit 224")],
)
def test_bad_neurons_are_refused(place: tuple[str, str], words: str) -> None:
    done = RUNNER.invoke(cli, ["circuit", "sketchnet", *place])
    assert isinstance(done.exception, ExplorerError) and words in str(done.exception)
