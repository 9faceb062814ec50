"""The command line, run as people run it where that matters, and in process elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import save_file
from torchvision import models
from typer.testing import CliRunner

from core.errors import ExplorerError
from core.recipes.neuron import NeuronRecipe
from explorer import cli
from explorer.cli.neurons import parse_units
from tests.conftest import as_network, tiny_module
from tests.explorer.commands import run, run_process

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "own.safetensors"
    save_file(models.squeezenet1_1(weights=None, num_classes=3).state_dict(), path)
    return path


def test_networks_as_json() -> None:
    done = run_process("networks", "--json")
    assert done.returncode == 0 and done.stderr == ""
    rows = json.loads(done.stdout)
    assert rows[0]["name"] == "sketchnet" and rows[0]["ready"]
    assert {"name", "source", "ready", "parameters", "download_mb"} == set(rows[0])


def test_layers_as_json(weights: Path) -> None:
    shown = run("layers", "squeezenet1_1", "--weights", str(weights), "--json")
    every = run("layers", "squeezenet1_1", "--weights", str(weights), "--json", "--all")
    rows = {row["name"]: row for row in json.loads(shown.stdout)}
    assert rows["features.3"]["channels"] == 128 and rows["features.3"]["stride"] == [4, 4]
    assert rows["features.1"]["receptive_field"] == [3, 3]
    assert len(json.loads(every.stdout)) > len(rows) > 8
    assert list(rows)[-1] == "logits" and rows["logits"]["channels"] == 3


def test_neurons_writes_a_montage_and_keeps_it(tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "grid.png"
    command = ["neurons", "squeezenet1_1", "features.3", "--weights", str(weights)]
    command += ["--units", "7,0-2", "--size", "32", "--steps", "3", "--out", str(out), "--json"]
    first = run(*command)
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert [unit["unit"] for unit in report["units"]] == [7, 0, 1, 2]
    assert all(
        set(unit) == {"unit", "activation", "silent", "fineness"} for unit in report["units"]
    )
    assert report["rendered"] == 4 and report["seconds"] > 0
    assert "squeezenet1_1 features.3, neurons 7, 0-2" in first.stderr
    with Image.open(out) as picture:
        assert picture.size == (2 * 36 + 4, 2 * 36 + 4)
        text = dict(picture.text)  # type: ignore[attr-defined]
    assert NeuronRecipe.from_json(text["recipe"]).units == (7, 0, 1, 2) and "part" not in text

    before = out.read_bytes()
    second = json.loads(run(*command).stdout)
    assert second == {**report, "rendered": 0}
    fresh = json.loads(run_process(*command, "--fresh").stdout)
    assert fresh["rendered"] == 4 and fresh["units"] == report["units"]
    assert out.read_bytes() == before  # the same recipe, the same picture, bit for bit


@pytest.mark.parametrize(
    ("options", "report"),
    [
        (["--objective", "logit", "--units", "2"], [{"unit": 2}]),
        (["--units", "1", "--diversity", "2"], [{"unit": 1, "picture": n} for n in (2, 3)]),
        (["--units", "0,2", "--objective", "interpolation", "--diversity", "3"], 3),
        (["--units", "0,2", "--objective", "direction", "--negative"], 1),
        (["--objective", "inversion", "--from-image", "{picture}"], 1),
        (["--units", "1", "--from-image", "{picture}", "--canvas", "pixels"], [{"unit": 1}]),
        (["--units", "1", "--canvas", "maco", "--spectrum", "{folder}", "--l2", "0.5"], 1),
    ],
    ids=["logit", "diversity", "interpolation", "direction", "inversion", "accentuation", "maco"],
)
def test_every_kind_of_picture(
    tmp_path: Path, weights: Path, options: list[str], report: list[dict[str, int]] | int
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out.png"
    folder.mkdir()
    Image.effect_noise((90, 60), 60).convert("RGB").save(folder / "a.png")
    (folder / "b.txt").write_text("no picture")
    filled = [it.format(picture=folder / "a.png", folder=folder) for it in options]
    command = ["neurons", "squeezenet1_1", "logits", "--weights", str(weights), *filled]
    done = run(*command, "--size", "40", "--steps", "2", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["units"]
    places = [{name: it[name] for name in it if name in ("unit", "picture")} for it in rows]
    assert len(rows) == report if isinstance(report, int) else places == report
    # Whatever it started from is in the store, so it can be made again.
    again = run("replay", str(out), "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["identical"], again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["layers", "sketchnett"], "no network 'sketchnett'; did you mean 'sketchnet'?"),
        (["layers", "resnet18", "--weights", "{weights}"], "not resnet18; name that network"),
        (["layers", "resnet18", "--weights", "gone.pth"], "there is no weights file gone.pth"),
        (["neurons", "{net}", "fetures.3"], "did you mean 'features.3'?"),
        (["neurons", "{net}", "features.3", "--units", "128"], "its units are 0 to 127"),
        (["neurons", "{net}", "features.3", "--units", "0-99999999999"], "its units are 0 to 127"),
        (["neurons", "{net}", "features.3", "--units", "a-b"], "write them like 0-15,40"),
        (["neurons", "{net}", "features.3", "--units", "5-3"], "write 3-5"),
        (["neurons", "{net}", "features.3", "--size", "0"], "size is 0"),
        (["neurons", "{net}", "features.3", "--size", "99999"], "size is 99999"),
        (["neurons", "{net}", "features.3", "--steps", "0"], "steps is 0"),
        (["neurons", "{net}", "features.3", "--seed", "-1"], "seed is -1"),
        (["neurons", "{net}", "features.3", "--device", "tpu"], "no device 'tpu'"),
        (["neurons", "{net}", "features.3", "--out", "a.jpg"], "must end in .png"),
        (["neurons", "{net}", "features.3", "--out", "no/such/a.png"], "no folder no/such"),
        (["neurons", "{net}", "features.3", "--size", "1024", "--out", "a.png"], "is too large"),
        (["neurons", "{net}", "features.3", "--objective", "chanel"], "did you mean 'channel'?"),
        (["neurons", "{net}", "features.3", "--objective", "logit"], "logits are in logits, not"),
        (["neurons", "{net}", "features.3", "--objective", "caricature"], "looks at a picture"),
        (["neurons", "{net}", "features.3", "--objective", "energy", "--units", "1"], "no units"),
        (["neurons", "{net}", "features.3", "--objective", "joint"], "no units are named"),
        (["neurons", "{net}", "features.3", "--canvas", "oil"], "no canvas 'oil'"),
        (["neurons", "{net}", "features.3", "--diversity", "17"], "--diversity is 17"),
        (["neurons", "{net}", "features.3", "--from-image", "gone.png"], "there is no file gone"),
        (["neurons", "{net}", "features.3", "--spectrum", "gone"], "there is no folder gone"),
        (["neurons", "{net}", "features.3", "--canvas", "maco", "--spectrum", ".ci"], "no pict"),
        (["neurons", "{net}", "features.3", "--blur", "-1"], "blur is -1.0"),
    ],
)
def test_what_is_refused(weights: Path, arguments: list[str], message: str) -> None:
    filled = [part.format(weights=weights, net="squeezenet1_1") for part in arguments]
    if "{net}" in arguments:
        filled += ["--weights", str(weights)]
    done = run(*filled)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_an_unwritable_store_is_one_sentence(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "file"))
    command = ["neurons", "squeezenet1_1", "features.3", "--weights", str(weights), "--steps", "1"]
    done = run_process(*command, "--size", "32", "--units", "0")
    assert done.returncode == 1 and done.stdout == ""
    # The store says it when it is opened, and the command when it would save something.
    first, second = done.stderr.splitlines()
    assert second == f"error: {cli.SAID}" and first.startswith("nothing can be saved: the store ")
    assert "EXPLORER_HOME" in first


@pytest.mark.parametrize("arguments", [["nonsense"], ["neurons"], ["layers", "x", "--size", "3"]])
def test_misspelt_commands_exit_with_2(arguments: list[str]) -> None:
    assert RUNNER.invoke(cli.cli, arguments).exit_code == 2


def commands() -> dict[str, Callable[..., None]]:
    """Every command there is, by its name."""
    callbacks = [it.callback for it in cli.cli.registered_commands]
    return {it.__name__.replace("_", "-"): it for it in callbacks if it is not None}


@pytest.mark.parametrize("name", commands())
def test_every_command_explains_itself(name: str) -> None:
    (command,) = (it for it in cli.cli.registered_commands if it.callback is commands()[name])
    shown = RUNNER.invoke(cli.cli, [name, "--help"])
    words = (command.callback.__doc__ or "").split(".")[0]
    # A long sentence is broken into lines.
    assert shown.exit_code == 0 and words in " ".join(shown.output.split())


def test_units_keep_their_order_and_come_once() -> None:
    network = as_network(tiny_module())
    layer = network.layer("3")
    assert parse_units("5, 0-2,1,5", network, layer) == [5, 0, 1, 2]
    assert parse_units("", network, layer) == []
    for text in ("-1", "1-", "1,,2", "²", "0x1"):
        with pytest.raises(ExplorerError, match="cannot be read"):
            parse_units(text, network, layer)


def test_minimised_neurons_are_not_called_dead() -> None:
    command = ["neurons", "sketchnet", "relu3b", "--units", "0-3", "--steps", "16", "--negative"]
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "dead" not in done.stdout + done.stderr and "no response" not in done.stdout
    assert "so conv3b before it is minimised" in done.stderr
