"""The command ``style-depths``, in this process, with SketchNet."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from core.datasets import samples
from core.errors import ExplorerError
from core.recipes import kinds
from explorer import cli
from explorer.jobs.job_queue import Jobs
from explorer.store.results import Store

RUNNER = CliRunner()
FAST = ("--size", "64", "--steps", "2", "--stages", "relu1b,relu3b")
LAYERS = ("--style-layers", "relu1b,relu4b", "--content-layers", "relu1a,relu3b")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    paths = []
    for name, size in (("cat", (90, 60)), ("galaxies", (50, 70))):
        paths.append(tmp_path / f"{name}.png")
        samples.picture(name).resize(size).save(paths[-1])
    return str(paths[0]), str(paths[1])


def run(*arguments: str) -> str:
    done = RUNNER.invoke(cli.cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_matrix_is_painted_measured_kept_and_replayed(
    pair: tuple[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "matrix.png"
    words = ("style-depths", "sketchnet", *pair, "--out", str(out), *FAST, *LAYERS)
    told = json.loads(run(*words, "--json"))
    assert [(it["row"], it["column"]) for it in told["cells"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    layers = {"relu1b", "relu4b", "relu1a", "relu3b"}
    for cell in told["cells"]:
        measured = cell["measured"]
        assert set(measured["gram"]) == set(measured["content"]) == layers
        assert measured["edges"] <= 1 and measured["to_painting"] > 0
        assert measured["eyes"] is not None and len(measured["grown"]) > 20
    assert list(told["depths"]) == ["relu1b", "relu4b"]
    by_hand = [it["measured"]["edges"] for it in told["cells"] if it["row"] == 1]
    assert told["depths"]["relu4b"]["edges"] == pytest.approx(sum(by_hand) / 2)
    again = json.loads(run("replay", str(out), "--json"))
    assert again["identical"] and again["recipe"]["kind"] == "style-depths"
    # Everything is there by now, cell by cell, and the table says the same.
    recipe = kinds.read(json.dumps(again["recipe"]))
    assert set(Store().pictures(recipe)) == {0, 1, 2, 3}
    assert "relu4b" in run(*words)


def test_rows_take_the_stages(pair: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "rows.png"
    words = ("style-depths", "sketchnet", *pair, "--out", str(out), *FAST, "--show", "all")
    told = json.loads(run(*words, *LAYERS, "--json"))
    rows = [it for it in told["cells"] if it["show"] == "texture"]
    assert [it["style_layers"] for it in rows] == [["relu1b"], ["relu1b", "relu3b"]]
    assert all(it["measured"] is None for it in rows)
    with Image.open(out) as drawn:
        assert drawn.height > 4 * 64


def test_a_stopped_matrix_goes_on_where_it_was(pair: tuple[str, str], tmp_path: Path) -> None:
    words = ("style-depths", "sketchnet", *pair, "--out", str(tmp_path / "a.png"), *FAST, *LAYERS)
    told = json.loads(run(*words, "--json"))
    store = Store()
    gone = told["cells"][2]["job"]
    with store.transaction() as connection:
        connection.execute("DELETE FROM results WHERE key = ?", (gone,))
    again = json.loads(run(*words, "--json"))
    assert [it["job"] for it in again["cells"]] == [it["job"] for it in told["cells"]]
    assert store.present([gone]) == {gone}
    (job,) = [it for it in Jobs(store).select("WHERE kind = 'style-depths'") if it.state == "done"]
    assert job.fraction == 1


def test_what_does_not_fit_is_refused(pair: tuple[str, str], tmp_path: Path) -> None:
    words = ("style-depths", "sketchnet", *pair, "--out", str(tmp_path / "a.png"))
    for more, refusal in (
        (("--show", "row"), "no part 'row'"),
        (("--style-layers", "relu9"), "no layer"),
    ):
        with pytest.raises(ExplorerError) as caught:
            RUNNER.invoke(cli.cli, [*words, *more], catch_exceptions=False)
        assert refusal in str(caught.value)
    assert not (tmp_path / "a.png").exists()
