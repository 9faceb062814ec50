"""Tests of replay: input pictures in a fresh data folder, and pictures of older versions."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from core import paintings
from core.datasets import samples
from core.errors import ExplorerError
from core.images import image_io
from core.recipes.dream import DreamRecipe
from explorer.cli import cli
from explorer.cli import replay as replay_command
from explorer.rendering import png_metadata
from explorer.store.results import Store

RUNNER = CliRunner()
QUICK = ("--size", "64", "--steps", "1")


def run(*arguments: str | Path) -> str:
    """Run a command, and return what it printed, or its error."""
    done = RUNNER.invoke(cli, [*map(str, arguments)])
    if isinstance(done.exception, ExplorerError):
        return f"error: {done.exception}"
    assert done.exception is None, done.exception
    return done.stdout


@pytest.fixture
def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that moves to another, empty data folder."""
    return lambda: monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "fresh"))


COMMANDS = {
    "dream": ("dream", "sketchnet", "relu2a", "cat", "--guide", "gravel", *QUICK),
    "style": ("style", "sketchnet", "coffee", "mosaic", *QUICK),
    "texture": ("texture", "sketchnet", "swirls", "relu1a", *QUICK),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_starts_from_bundled_pictures_is_made_again_anywhere(
    command: str, tmp_path: Path, move: Callable[[], None]
) -> None:
    out = tmp_path / "made.png"
    assert not run(*COMMANDS[command], "--out", out).startswith("error")
    move()
    assert run("replay", out) == "identical, bit for bit\n"


def noise(height: int, width: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def test_a_picture_of_ones_own_is_named_on_the_command_line(
    tmp_path: Path, move: Callable[[], None]
) -> None:
    own, other, out = (tmp_path / name for name in ("own.png", "other.png", "made.png"))
    noise(40, 50).save(own)
    noise(40, 50, seed=1).save(other)
    run("dream", "sketchnet", "relu2a", own, *QUICK, "--out", out)
    move()
    assert "--input" in run("replay", out)
    assert f"{other} is not what" in run("replay", out, "--input", other)
    assert run("replay", out, "--input", own) == "identical, bit for bit\n"


def test_the_frames_of_a_film_are_found_in_its_file(tmp_path: Path) -> None:
    frames = [noise(30, 40, seed) for seed in range(3)]
    film = tmp_path / "film.gif"
    frames[0].save(film, save_all=True, append_images=frames[1:], duration=100)
    with Image.open(film) as opened:
        kept = []
        for number in range(3):
            opened.seek(number)
            kept.append(image_io.resize_longer_side(opened.convert("RGB"), 64))
    first, *others = (image_io.fingerprint(it) for it in kept)
    recipe = DreamRecipe(
        "sketchnet", "w", layers=("relu1a",), image=first, clip=tuple(others), frames=3, size=64
    )
    assert set(replay_command._inputs_in(recipe, [film])) == {first, *others}


def test_every_bundled_picture_is_found_by_its_fingerprint() -> None:
    from core.datasets import bundled

    # Drawing all of them takes seconds, so this looks for those that are read from files.
    for module, name, picture in (
        ("samples", "galaxies", samples.picture("galaxies")),
        ("samples", "tissue", samples.picture("tissue")),
        ("paintings", "swirls", paintings.picture("swirls")),
    ):
        found = bundled.find(image_io.fingerprint(picture))
        assert found == bundled.BundledPicture(module, name) and found.open() == picture
    assert bundled.find("ab" * 16) is None


def test_inputs_of_the_project_are_put_back_into_the_store() -> None:
    from explorer.rendering import recipe_inputs

    store = Store()
    cat, strange = image_io.fingerprint(samples.picture("cat")), "ab" * 16
    recipe = DreamRecipe("sketchnet", "w", layers=("relu1a",), image=cat)
    assert recipe_inputs.restore_inputs(store, recipe) is None
    stored = store.input(cat)
    assert stored is not None and image_io.fingerprint(image_io.open_picture(stored)) == cat
    recipe = DreamRecipe("sketchnet", "w", layers=("relu1a",), image=cat, guide=strange)
    assert recipe_inputs.restore_inputs(store, recipe) == strange
    store.close()


def test_an_older_version_is_named_and_nobody_is_blamed(tmp_path: Path) -> None:
    out = tmp_path / "made.png"
    run(*COMMANDS["dream"], "--out", out)
    text = png_metadata.read_text_chunks(out.read_bytes())
    settings = json.loads(text[png_metadata.RECIPE_CHUNK])
    version = settings["version"]
    settings["version"] = version - 1
    text[png_metadata.RECIPE_CHUNK] = json.dumps(settings)
    older = tmp_path / "older.png"
    older.write_bytes(image_io.encode_png(noise(*image_io.open_picture(out).size[::-1]), text))
    words = run("replay", older)
    assert f"version {version - 1} " in words and f"version {version}," in words
    assert "changed" not in words and "processor" not in words
    assert json.loads(run("replay", older, "--json"))["made_by_version"] == version - 1
    assert png_metadata.read_recipe(older.read_bytes()) == png_metadata.read_recipe(
        out.read_bytes()
    )
