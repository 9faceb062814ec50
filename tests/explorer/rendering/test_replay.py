"""Tests of replay: a picture contains its recipe, and is rendered again bit for bit."""

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.errors import ExplorerError
from core.images import image_io
from core.networks import registry
from core.neurons import render_neurons
from core.recipes.neuron import NeuronRecipe
from explorer.cli import cli, main
from explorer.jobs.job_queue import Jobs
from explorer.jobs.worker import Worker
from explorer.rendering import png_metadata, render_recipe
from explorer.store.results import Store

RUNNER = CliRunner()
UNITS = (5, 0, 17, 3, 2, 9, 40, 41, 6, 7, 8, 1, 4, 10, 11, 12, 13)  # two batches, not sorted
LAYER = "relu2a"


def plan(units: tuple[int, ...] = UNITS) -> NeuronRecipe:
    network = registry.load(registry.SKETCHNET, device="cpu")
    return render_neurons.plan(network, LAYER, units, size=16, steps=4)


@pytest.fixture
def store() -> Iterator[Store]:
    """Return the store in the test's data folder, with the finished pictures of a job."""
    store = Store()
    key = Jobs(store).submit(plan()).key
    made = Worker(store, "w", render_recipe.render_updates)
    while made.run_next_part(only=key):
        pass
    yield store
    store.close()


def run(*arguments: str | Path) -> tuple[int, str]:
    done = RUNNER.invoke(cli, ["replay", *map(str, arguments)])
    if isinstance(done.exception, ExplorerError):
        return 1, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def save(folder: Path, data: bytes, name: str = "picture.png") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def retouch(png: bytes) -> bytes:
    """Change three pixels by at most nine levels, and keep the text chunks."""
    picture = Image.open(io.BytesIO(png))
    text = dict(picture.text)  # type: ignore[attr-defined]
    pixels = np.array(picture)
    for (row, col), levels in {(0, 0): 2, (3, 5): 9, (15, 1): 1}.items():
        level = int(pixels[row, col, 1])
        pixels[row, col, 1] = level + levels if level < 128 else level - levels
    return image_io.encode_png(Image.fromarray(pixels), text)


def test_every_picture_of_the_store_says_how_it_was_made(store: Store) -> None:
    found = store.pictures(plan())
    assert sorted(found) == sorted(UNITS)
    for unit, picture in found.items():
        recipe, part = png_metadata.read_recipe(picture.image)
        assert part == unit
        assert recipe in plan().parts() and unit in getattr(recipe, "units", ())


def test_a_picture_of_the_store_is_made_again_byte_for_byte(store: Store, tmp_path: Path) -> None:
    original = store.pictures(plan())[13].image
    out = tmp_path / "again.png"
    code, said = run(save(tmp_path, original), "--out", out, "--json", "--device", "cpu")
    report = json.loads(said)
    assert code == 0 and report["identical"] is True
    assert (report["pixels"], report["differing"], report["levels"]) == (256, 0, 0)
    assert out.read_bytes() == original


def test_replay_makes_it_again_rather_than_looking_it_up(store: Store, tmp_path: Path) -> None:
    file = save(tmp_path, store.pictures(plan())[13].image)
    with store.transaction() as connection:
        connection.execute("UPDATE pictures SET image = x'00'")
    assert run(file) == (0, "identical, bit for bit\n")


def test_a_montage_is_made_again_byte_for_byte(store: Store, tmp_path: Path) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    command = ["neurons", "sketchnet", LAYER, "--units", ",".join(map(str, UNITS))]
    command += ["--size", "16", "--steps", "4", "--out", str(first)]
    done = RUNNER.invoke(cli, command)
    assert done.exit_code == 0, done.output
    assert png_metadata.read_recipe(first.read_bytes()) == (plan(), None)
    code, said = run(first, "--out", second, "--json")
    assert code == 0 and json.loads(said)["identical"] is True
    assert second.read_bytes() == first.read_bytes()


def test_a_picture_that_was_changed_is_told_from_the_one_that_was_made(
    store: Store, tmp_path: Path
) -> None:
    file = save(tmp_path, retouch(store.pictures(plan())[13].image))
    code, said = run(file, "--json")
    report = json.loads(said)
    assert code == 0 and report["identical"] is False
    assert (report["pixels"], report["differing"], report["levels"]) == (256, 3, 9)
    code, words = run(file)
    assert "3 of 256 pixels" in words and "at most 9" in words


def test_other_libraries_are_named(store: Store, tmp_path: Path) -> None:
    original = store.pictures(plan())[13].image
    text = png_metadata.read_text_chunks(original)
    older = {**text, png_metadata.SOFTWARE_CHUNK: "torch 2.0.0, torchvision 0.15.0, cpu"}
    # With equal pixels, other software does not matter; the report still mentions it.
    same = image_io.encode_png(image_io.open_picture(original), older)
    assert json.loads(run(save(tmp_path, same), "--json")[1])["identical"] is True
    changed = image_io.encode_png(image_io.open_picture(retouch(original)), older)
    _, words = run(save(tmp_path, changed))
    assert "torch 2.0.0" in words and text[png_metadata.SOFTWARE_CHUNK] in words


def test_a_cut_picture_is_refused(store: Store, tmp_path: Path) -> None:
    original = store.pictures(plan())[13].image
    cut = image_io.open_picture(original).crop((0, 0, 16, 12))
    file = save(tmp_path, image_io.encode_png(cut, png_metadata.read_text_chunks(original)))
    code, words = run(file)
    assert code == 1 and "12 x 16 pixels" in words and "16 x 16" in words


def test_own_weights_are_found_again_or_named(tmp_path: Path) -> None:
    weights = tmp_path / "own.safetensors"
    weights.write_bytes(_other_weights())
    first = tmp_path / "first.png"
    command = ["neurons", "sketchnet", "relu1a", "--units", "0-2", "--size", "16", "--steps", "2"]
    done = RUNNER.invoke(cli, [*command, "--weights", str(weights), "--out", str(first)])
    assert done.exit_code == 0, done.output
    assert run(first) == (0, "identical, bit for bit\n")
    moved = weights.rename(tmp_path / "moved.safetensors")
    render_recipe.forget_networks()
    code, words = run(first)
    assert code == 1 and "name their file with --weights" in words
    assert run(first, "--weights", moved) == (0, "identical, bit for bit\n")
    code, words = run(save(tmp_path, _with_weights(first, "00"), "stranger.png"))
    assert code == 1 and "weights" in words


def _other_weights() -> bytes:
    """Write SketchNet's weights, all of them a little smaller."""
    from safetensors.torch import load_file, save

    from core.sketchnet import model as sketchnet

    state = load_file(sketchnet.WEIGHTS)
    return save({name: value * 0.9 for name, value in state.items()})


def _with_weights(file: Path, digits: str) -> bytes:
    """Return the same picture with a recipe for weights that do not exist."""
    data = file.read_bytes()
    recipe, _ = png_metadata.read_recipe(data)
    strange = recipe.to_json().replace(recipe.weights, digits * 8)
    return image_io.encode_png(image_io.open_picture(data), {png_metadata.RECIPE_CHUNK: strange})


def test_a_missing_input_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path, store.pictures(plan())[13].image)
    monkeypatch.setattr(NeuronRecipe, "inputs", property(lambda self: ("ab" * 16,)))
    code, words = run(file)
    assert code == 1 and "ab" * 16 in words


def png(width: int = 4, height: int = 4, **text: str) -> bytes:
    return image_io.encode_png(Image.new("RGB", (width, height)), text)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a huge size."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def squeezed(megabytes: int) -> bytes:
    """Return a PNG whose recipe has a few kilobytes compressed, but is huge when decompressed."""
    plain = png()
    body = b"recipe\0\0" + zlib.compress(b" " * megabytes * 2**20)
    return plain[:33] + chunk(b"zTXt", body) + plain[33:]


RECIPE = NeuronRecipe("sketchnet", "0123456789abcdef", layer="relu1a", units=(3,)).to_json()
VERSION = f'"version":{NeuronRecipe.version}'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no PNG"),
        (b"GIF89a nothing", "no PNG"),
        (b"\x89PNG\r\n\x1a\n", "cannot be opened"),
        (png(recipe=RECIPE, part="3")[:-30], "cannot be opened"),
        (png(recipe=RECIPE, part="3").replace(b"IDAT", b"IDAS"), "cannot be opened"),
        (png(), "no recipe"),
        (png(recipe=""), "must be JSON"),
        (png(recipe="[" * 100_000), "must be JSON"),
        (png(recipe=f'{{"kind":"neurons",{VERSION},"extra":1}}'), "no setting 'extra'"),
        (png(recipe=RECIPE.replace(VERSION, '"version":99')), "version 99"),
        (png(recipe=RECIPE, part="three"), "which one"),
        (png(recipe=RECIPE, part="-3"), "which one"),
        (png(recipe=RECIPE, part="4"), "does not make picture 4"),
        (png(recipe=RECIPE, part="9" * 5000), "which one"),
        (png(recipe=RECIPE + " " * png_metadata.TEXT_AT_MOST), "too long"),
        (squeezed(50), "cannot be opened"),
        (bomb(60_000, 60_000), "more than 64 megapixels"),
        (bomb(9_000, 9_000), "at most 64 megapixels"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(ExplorerError, match=words) as refused:
        png_metadata.read_recipe(data)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["explorer", "replay", str(tmp_path / "gone.png")])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert "gone.png" in said and said.startswith("error: ") and said.count("\n") == 1
