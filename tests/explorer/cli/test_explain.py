"""The command `explain`."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from core.errors import ExplorerError
from explorer.cli import cli
from tests.explorer.reports.test_html_report import numbers, read

RUNNER = CliRunner()


def run(*arguments: str) -> str:
    done = RUNNER.invoke(cli, ["explain", "sketchnet", "village", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_names_neurons_for_and_against_and_draws_them(tmp_path: Path) -> None:
    out = tmp_path / "why.png"
    places = ("--layers", "relu5b,relu4b", "--count", "3")
    told = json.loads(run(*places, "--out", str(out), "--json"))
    assert list(told["layers"]) == ["relu5b", "relu4b"] and told["against"] is None
    units = told["layers"]["relu5b"]["for"]
    assert len(units) == 3 and all(it["contribution"] > 0 for it in units)
    # Behind relu5b the network is linear, so what a neuron contributes is its effect.
    assert all(it["effect"] == pytest.approx(it["contribution"], rel=1e-3) for it in units)
    with Image.open(out) as picture:
        assert min(picture.size) > 200
    words = run(*places)
    assert f"why {told['class']}" in words and "relu4b" in words


def test_two_classes_are_told_apart_also_in_a_report(tmp_path: Path) -> None:
    out = tmp_path / "why.html"
    question = ("--class", "house", "--against", "castle", "--layers", "relu5b", "--count", "2")
    told = json.loads(run(*question, "--out", str(out), "--json"))
    assert (told["class"], told["against"]) == ("house", "castle")
    text, page = read(out)
    assert "Why house rather than castle?" in text and "samples.picture" in text
    # The picture itself, and one of each neuron.
    assert len(page.pictures) == 5
    units = told["layers"]["relu5b"]
    assert numbers(text) == [{"layer": "relu5b", **it} for it in units["for"] + units["against"]]
    assert all(f"{it['name'] or 'neuron'} {it['unit']}: +" in text for it in units["for"])


def test_an_unknown_class_is_refused() -> None:
    done = RUNNER.invoke(cli, ["explain", "sketchnet", "village", "--class", "hous"])
    assert isinstance(done.exception, ExplorerError) and "house" in str(done.exception)
