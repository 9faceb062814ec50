"""The command ``dream-depths``, in this process, with SketchNet."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from core.datasets import samples
from core.errors import ExplorerError
from core.images import image_io
from explorer.cli import cli

RUNNER = CliRunner()


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    path = tmp_path / "cat.jpg"
    image_io.resize_longer_side(samples.picture("cat"), 96).save(path)
    return path


def test_a_row_is_written_and_told_as_json(cat: Path, tmp_path: Path) -> None:
    out = tmp_path / "row.png"
    options = ["--out", str(out), "--layers", "relu4b,relu2a", "--size", "96", "--json"]
    done = RUNNER.invoke(cli, ["dream-depths", "sketchnet", str(cat), *options])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [row["layer"] for row in told["depths"]] == ["relu2a", "relu4b"]
    for row in told["depths"]:
        assert len(row["classes"]) == 5
        assert {"concept", "kind", "neurons", "value"} == set(row["grown"][0])
        assert {"iris", "ladybird"} <= {it["concept"] for it in row["grown"]}
    with Image.open(out) as drawn:
        assert drawn.width > 2 * 96
        assert len(set(drawn.convert("L").tobytes())) > 100


@pytest.mark.parametrize(
    ("layers", "words"), [("relu2a", "2 to 8"), ("relu2a,relu2a", "2 to 8"), ("relu9z,x", "relu")]
)
def test_layers_that_do_not_fit_are_refused(
    cat: Path, tmp_path: Path, layers: str, words: str
) -> None:
    options = ["--out", str(tmp_path / "row.png"), "--layers", layers]
    done = RUNNER.invoke(cli, ["dream-depths", "sketchnet", str(cat), *options])
    assert isinstance(done.exception, ExplorerError)
    assert words in str(done.exception)
    assert not (tmp_path / "row.png").exists()
