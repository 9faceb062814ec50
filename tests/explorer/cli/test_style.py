"""Style on the command line."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import models
from typer.testing import CliRunner

from core.errors import ExplorerError
from explorer import cli

RUNNER = CliRunner()
FAST = ("--size", "96", "--steps", "3")


def run(*arguments: str) -> str:
    done = RUNNER.invoke(cli.cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_transfer_carries_its_recipe_and_replays(cat: Path, tmp_path: Path) -> None:
    out = tmp_path / "style.png"
    words = ("style", "sketchnet", str(cat), "swirls", "--out", str(out), *FAST, "--json")
    told = json.loads(
        run(*words, "--content-layers", "relu2b", "--style-layers", "relu1a:2,relu2a")
    )
    assert told["content_layers"] == ["relu2b"] and told["style_weights"] == [2.0, 1.0]
    assert set(told["losses"]) == {"content relu2b", "style relu1a", "style relu2a"}
    assert told["losses"]["style relu1a"]["end"] < told["losses"]["style relu1a"]["start"]
    assert told["seconds"] > 0 and told["out"] == str(out)
    with Image.open(out) as picture:
        assert picture.size == (96, 64)
    again = json.loads(run("replay", str(out), "--json"))
    assert again["identical"] and again["recipe"]["kind"] == "style"


def test_what_is_wrong_is_said_with_the_option_to_change(cat: Path, tmp_path: Path) -> None:
    words = ("style", "sketchnet", str(cat), "swirls", "--out", str(tmp_path / "weak.png"), *FAST)
    done = RUNNER.invoke(cli.cli, (*words, "--balance", "100"), catch_exceptions=False)
    assert done.exit_code == 0
    told = " ".join(done.output.split())
    assert "It is hardly painted" in told and "Try --balance 0.4." in told


@pytest.fixture
def vgg19(tmp_path: Path) -> Path:
    """A checkpoint of VGG-19 whose layers have random weights, with a head that says nothing."""
    with torch.device("meta"):
        shapes = models.vgg19(num_classes=10).state_dict()
    chance = torch.Generator().manual_seed(0)
    weights = {}
    for name, it in shapes.items():
        value = torch.zeros(it.shape)
        if name.startswith("features") and it.ndim == 4:
            # As much goes out as comes in (He et al. 2015).
            value.normal_(0, (2 / it[0].numel()) ** 0.5, generator=chance)
        weights[name] = value
    path = tmp_path / "vgg19.safetensors"
    save_file(weights, path)
    return path


def test_vgg_19_paints_as_gatys_did(cat: Path, vgg19: Path, tmp_path: Path) -> None:
    out = tmp_path / "style.png"
    small = ("--size", "64", "--steps", "2", "--weights", str(vgg19), "--out", str(out))
    told = json.loads(run("style", "vgg19", str(cat), "mosaic", *small, "--json"))
    # conv1_1 to conv5_1 and conv4_2, behind their ReLUs, counted by hand in torchvision's vgg19.
    layers = [f"features.{at}" for at in (1, 6, 11, 20, 29)]
    assert (told["style_layers"], told["content_layers"]) == (layers, ["features.22"])
    assert told["pooling"] == "average"
    assert set(told["losses"]) == {"content features.22", *(f"style {it}" for it in layers)}
    assert all(
        it["end"] < it["start"] for name, it in told["losses"].items() if name.startswith("style")
    )
    with Image.open(out) as picture:
        assert picture.size == (64, 42)


def test_several_paintings_masks_and_colours(cat: Path, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    Image.new("L", (40, 30), 200).save(mask)
    out = tmp_path / "style.png"
    words = ("style", "sketchnet", str(cat), "dots", "--and", "glass", "--shares", "2,1")
    masks = ("--mask", str(mask), "--mask", str(mask), "--keep-colours", "--loss", "wasserstein")
    told = json.loads(run(*words, *masks, "--out", str(out), *FAST, "--json"))
    assert len(told["styles"]) == len(told["masks"]) == 2 and told["style_shares"] == [2.0, 1.0]
    assert (told["colours"], told["loss"]) == ("light", "wasserstein")


def test_the_nearest_loss_replays(cat: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    words = ("style", "sketchnet", str(cat), "mosaic", "--loss", "nearest", "--out", str(out))
    told = json.loads(run(*words, *FAST, "--json"))
    assert told["loss"] == "nearest"
    assert json.loads(run("replay", str(out), "--json"))["identical"]


def test_textures_and_reconstructions(cat: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    run("texture", "sketchnet", "mosaic", "relu1a,relu2a", "--out", str(out), *FAST)
    with Image.open(out) as picture:
        assert picture.size == (96, 96)
    told = json.loads(
        run("reconstruct", "sketchnet", str(cat), "relu3b", "--out", str(out), *FAST, "--json")
    )
    assert list(told["losses"]) == ["content relu3b"]
    assert json.loads(run("replay", str(out), "--json"))["identical"]


def test_what_fires_together_becomes_a_heat_map(cat: Path, tmp_path: Path) -> None:
    out = tmp_path / "gram.html"
    words = ("gram", "sketchnet", str(cat), "relu2b", "--out", str(out), "--size", "128")
    told = json.loads(run(*words, "--json"))
    assert told["channels"] == 48
    assert sorted(told["order"]) == sorted(set(told["order"]))
    assert len(told["order"]) + told["silent"] == 48
    cosines = [it["cosine"] for it in told["pairs"]]
    assert cosines == sorted(cosines, reverse=True) and 0 <= cosines[-1] <= cosines[0] <= 1.0001
    page = out.read_text("utf-8")
    assert "Plotly.newPlot" in page and "neurons respond together in cat.png" in page
    assert "cdn.plot.ly" not in page.split("Plotly.newPlot")[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("style", "{cat}", "{folder}/none.jpg"), "there is no file"),
        (("style", "{cat}", "swirls", "--style-layers", "relu9"), "no layer 'relu9'"),
        (("style", "{cat}", "swirls", "--loss", "cubic"), "no loss 'cubic'"),
        (("style", "{cat}", "swirls", "--init", "picture"), "to start from"),
        (("style", "{cat}", "swirls", "--shares", "much"), "must be a number"),
        (("style", "{cat}", "swirls", "--size", "9"), "size"),
        (("style", "{cat}", "swirls", "--out", "{folder}/a.jpg"), ".png"),
        (("texture", "swirls", "logits"), "no places"),
        (("texture", "swirls", "relu1a", "--loss", "nearest"), "name one for content"),
        (("reconstruct", "{cat}", "relu"), "no layer"),
        (("gram", "{cat}", "relu9b", "--out", "{folder}/a.html"), "no layer"),
    ],
)
def test_refusals_are_one_sentence(
    cat: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    command, *rest = (it.format(cat=cat, folder=tmp_path) for it in arguments)
    out = () if "--out" in rest else ("--out", str(tmp_path / "a.png"))
    with pytest.raises(ExplorerError) as caught:
        RUNNER.invoke(cli.cli, [command, "sketchnet", *rest, *out], catch_exceptions=False)
    assert words in str(caught.value) and "\n" not in str(caught.value)
