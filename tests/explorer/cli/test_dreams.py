"""Dreaming on the command line."""

import io
import json
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence
from typer.testing import CliRunner

from core.datasets import samples
from core.errors import ExplorerError
from core.images import image_io
from explorer import cli, video_io
from explorer.cli.dreams import parse_layers
from explorer.jobs.job_queue import Jobs
from explorer.rendering import png_metadata
from explorer.store.results import Store, StoredPicture

RUNNER = CliRunner()
FAST = ("--size", "128", "--octaves", "2", "--steps", "2")


def run(*arguments: str) -> str:
    done = RUNNER.invoke(cli.cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_dream_carries_its_recipe_and_replays(cat: Path, tmp_path: Path) -> None:
    out = tmp_path / "dream.png"
    told = json.loads(
        run("dream", "sketchnet", "relu4b", str(cat), "--out", str(out), *FAST, "--json")
    )
    assert told["layers"] == ["relu4b"] and told["size"] == 128 and told["out"] == str(out)
    assert told["activation"] > 1.2 and told["change"] == pytest.approx(0.12, rel=0.1)
    with Image.open(out) as picture:
        assert picture.size == (128, 85)
    again = json.loads(run("replay", str(out), "--json"))
    assert again["identical"] and again["recipe"]["kind"] == "dream"


def test_pictures_of_ours_go_by_name(cat: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    run("dream", "sketchnet", "relu2b", "cat", "--guide", "swirls", "--out", str(one), *FAST)
    picture = samples.picture("cat")
    picture.save(tmp_path / "own.png")
    own = ("dream", "sketchnet", "relu2b", str(tmp_path / "own.png"), "--guide", "swirls")
    run(*own, "--out", str(other), *FAST)
    assert one.read_bytes() == other.read_bytes()
    refused = RUNNER.invoke(cli.cli, ["dream", "sketchnet", "relu2b", "kat", "--out", str(one)])
    assert isinstance(refused.exception, ExplorerError) and "no file kat" in str(refused.exception)


def test_a_dream_that_came_along_is_dreamt_anew_for_a_file(
    cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    words = ("dream", "sketchnet", "relu2b", str(cat), *FAST, "--out")
    run(*words, str(one))
    recipe, _ = png_metadata.read_recipe(one.read_bytes())
    lossy = Store(tmp_path / "shipped.sqlite3", shipped=())
    lossy.put(recipe, [StoredPicture(0, b"RIFF", {"activation": 1.0, "change": 0.1})], 1.0)
    lossy.close()
    monkeypatch.setattr(Store.__init__, "__defaults__", (None, (lossy.path,)))
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "new"))
    run(*words, str(other))
    assert one.read_bytes() == other.read_bytes()


def test_what_was_dreamt_is_kept(cat: Path, tmp_path: Path) -> None:
    words = ("dream", "sketchnet", "relu3b:1,relu5b:0.5", str(cat), *FAST, "--json", "--out")
    first = json.loads(run(*words, str(tmp_path / "one.png")))
    assert first["layers"] == ["relu3b", "relu5b"] and first["shares"] == [1.0, 0.5]
    run(*words, str(tmp_path / "two.png"))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_zoom_becomes_a_film(cat: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"zoom.{kind}"
    run("dream-zoom", "sketchnet", "relu4b", str(cat), "--out", str(out), "--frames", "4", *FAST)
    if kind == "gif":
        frames = list(ImageSequence.Iterator(Image.open(io.BytesIO(out.read_bytes()))))
    else:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(out)]
        command += ["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
        played = subprocess.run(command, capture_output=True, check=True).stdout
        frames = list(np.frombuffer(played, np.uint8).reshape(-1, 84, 128, 3))
    assert len(frames) == 4


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_film_is_dreamt_over(tmp_path: Path, kind: str) -> None:
    clip, out = tmp_path / f"clip.{kind}", tmp_path / "film.gif"
    cat = samples.picture("cat").crop((0, 0, 320, 240))
    frames = [cat.crop((8 * at, 0, 8 * at + 256, 240)).resize((128, 120)) for at in range(4)]
    clip.write_bytes(
        video_io.encode_video([image_io.encode_png(it) for it in frames], f".{kind}", 12)
    )
    words = ("dream-film", "sketchnet", "relu3b", str(clip), "--out", str(out), *FAST, "--json")
    told = json.loads(run(*words, "--frames", "3"))
    assert told["frames"] == 3 and len(told["clip"]) == 2
    assert told["change"] == pytest.approx(0.12, rel=0.1)
    made = Image.open(io.BytesIO(out.read_bytes()))
    assert made.n_frames == 3 and made.size == (128, 120)  # type: ignore[attr-defined]
    assert made.info["duration"] == pytest.approx(1000 / 12, abs=10)


def test_variations_are_one_job_and_one_sheet_that_replays(cat: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    words = ("dream", "sketchnet", "relu2b", str(cat), *FAST, "--out", str(out))
    told = json.loads(run(*words, "--vary", "strength=0.5,1", "--vary", "seed=0,1,2", "--json"))
    assert told["kind"] == "variations" and told["across_values"] == [0.5, 1.0]
    assert len(told["jobs"]) == 6
    (job,) = Jobs(Store()).select("")
    assert job.state == "done" and job.kind == "variations"
    with Image.open(out) as sheet:
        assert sheet.width > 2 * 128 and sheet.height > 3 * 85
    again = json.loads(run("replay", str(out), "--json"))
    assert again["identical"]


def test_the_name_of_the_file_is_in_the_gallery(cat: Path, tmp_path: Path) -> None:
    run("dream", "sketchnet", "relu2b", str(cat), *FAST, "--out", str(tmp_path / "a.png"))
    (entry,) = json.loads(run("gallery", "--json"))
    assert entry["what"].startswith(f"{cat.stem}: SketchNet relu2b, dream")


def test_a_direction_of_neurons(cat: Path, tmp_path: Path) -> None:
    words = ("dream", "sketchnet", "relu4b", str(cat), *FAST, "--json", "--out")
    told = json.loads(run(*words, str(tmp_path / "a.png"), "--units", "3:1, 40:-0.5"))
    assert told["units"] == [3, 40] and told["towards"] == [1.0, -0.5]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("relu9b", "{cat}"), "no layer 'relu9b'"),
        (("relu4b:loud", "{cat}"), "must be a number"),
        (("relu4b", "{folder}/none.png"), "none.png"),
        (("relu4b", "{cat}", "--units", "400"), "no unit 400"),
        (("relu4b", "{cat}", "--units", "4:1,7"), "is no part of a direction"),
        (("relu3b,relu4b", "{cat}", "--units", "3"), "only that"),
        (("relu4b", "{cat}", "--strength", "50"), "strength"),
        (("relu4b", "{cat}", "--size", "5"), "size"),
        (("relu4b", "{cat}", "--out", "{folder}/a.jpg"), r".png"),
        (("relu4b", "{cat}", "--vary", "size=1,2"), "no setting 'size'"),
        (("relu4b", "{cat}", "--vary", "strength"), "write the values"),
        (("relu4b", "{cat}", "--vary", "strength=1,x"), "strength is"),
        (("relu4b", "{cat}", *("--vary", "seed=1") * 3), "once or twice"),
    ],
)
def test_refusals_are_one_sentence(
    cat: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    filled = [it.format(cat=cat, folder=tmp_path) for it in arguments]
    out = () if "--out" in filled else ("--out", str(tmp_path / "a.png"))
    with pytest.raises(ExplorerError) as caught:
        RUNNER.invoke(cli.cli, ["dream", "sketchnet", *filled, *out], catch_exceptions=False)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_layers_and_their_shares() -> None:
    assert parse_layers("a") == (["a"], ())
    assert parse_layers("a, b") == (["a", "b"], ())
    assert parse_layers("a:2,b") == (["a", "b"], (2.0, 1.0))
