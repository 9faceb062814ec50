"""Style transfer over a film on the command line."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.datasets import samples
from core.errors import ExplorerError
from core.images import image_io
from core.recipes import kinds
from explorer import cli, video_io
from explorer.jobs.job_queue import Jobs
from explorer.rendering import film_inputs
from explorer.store.results import Store
from explorer.ui import url_codecs, urls
from tests.explorer.commands import PATIENCE, command, started

RUNNER = CliRunner()
FAST = ("--size", "64", "--steps", "2", "--frame-steps", "2")


def run(*arguments: str) -> str:
    done = RUNNER.invoke(cli.cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def write_film(path: Path, count: int = 4) -> Path:
    """Write a film in which the camera moves over a photograph, by the ending of the file."""
    cat = samples.picture("cat").crop((0, 0, 320, 240))
    frames = [cat.crop((8 * at, 0, 8 * at + 256, 240)).resize((128, 120)) for at in range(count)]
    encoded = [image_io.encode_png(it) for it in frames]
    path.write_bytes(video_io.encode_video(encoded, path.suffix, 12))
    return path


@pytest.mark.parametrize(("kind", "made"), [("gif", "mp4"), ("mp4", "gif")])
def test_a_film_is_painted(tmp_path: Path, kind: str, made: str) -> None:
    film, out = write_film(tmp_path / f"my clip.{kind}"), tmp_path / f"painted.{made}"
    words = ("style-film", "sketchnet", str(film), "dots", "--out", str(out), *FAST, "--json")
    told = json.loads(run(*words, "--frames", "3"))
    assert told["kind"] == "style-film" and told["frames"] == 3 and len(told["clip"]) == 2
    assert told["size"] == 64 and 0 < told["change"] < 0.2
    frames, rate = video_io.read_frames(out, 10)
    opened = list(frames)
    assert len(opened) == 3 and {it.size for it in opened} == {(64, 60)}
    assert rate == pytest.approx(12, rel=0.05)
    (job,) = Jobs(Store()).select("")
    assert job.state == "done" and job.kind == "style-film"
    (entry,) = json.loads(run("gallery", "--json"))
    assert entry["what"].startswith("my clip in the style of ") and "3 frames" in entry["what"]
    # The page of the film opens it by the picture that stands for it.
    page, query = url_codecs.link_to(job.recipe)
    stored = Store().input(query["picture"])
    assert page == urls.STYLE and stored is not None
    shown = film_inputs.read_film(stored)
    assert shown is not None and shown.frames == job.recipe.film  # type: ignore[attr-defined]
    # Every frame is kept with its recipe, and can be made again, from the film's file, too.
    last = Store().pictures(job.recipe)[2].image
    (tmp_path / "frame.png").write_bytes(last)
    again = json.loads(run("replay", str(tmp_path / "frame.png"), "--json"))
    assert again["identical"] and again["part"] == 2 and again["recipe"]["first"] == 2


def test_a_film_made_again_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film, frame = write_film(tmp_path / "clip.gif", 3), tmp_path / "frame.png"
    run("style-film", "sketchnet", str(film), "dots", "--out", str(tmp_path / "a.gif"), *FAST)
    (job,) = Jobs(Store()).select("")
    frame.write_bytes(Store().pictures(job.recipe)[1].image)
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "elsewhere"))
    again = json.loads(run("replay", str(frame), "--input", str(film), "--json"))
    assert again["identical"]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is for POSIX systems")
def test_a_killed_film_goes_on_and_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, out = write_film(tmp_path / "clip.gif", 6), tmp_path / "painted.gif"
    slow = ("--size", "64", "--steps", "3", "--frame-steps", "30")
    words = ("style-film", "sketchnet", str(film), "dots", "--out", str(out), *slow)
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "killed"))
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with started(command(*words), **streams) as victim:
        deadline = time.monotonic() + PATIENCE
        while (count := len(finished())) < 2:
            assert time.monotonic() < deadline and victim.poll() is None
            time.sleep(0.01)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    kept = finished()
    assert 2 <= count <= len(kept) < 6 and not out.exists()
    run(*words)
    after = finished()
    assert len(after) == 6 and {key: after[key] for key in kept} == kept
    resumed = out.read_bytes()
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "whole"))
    run(*words)
    assert out.read_bytes() == resumed
    assert sorted(finished().items()) == sorted(after.items())


def finished() -> dict[str, bytes]:
    """Return the finished frames in the store, by their keys; none if there is no store yet."""
    store = Store()
    with store.reading() as connection:
        return dict(connection.execute("SELECT key, image FROM pictures"))


def test_the_python_of_a_film_says_how_it_is_planned(tmp_path: Path) -> None:
    film = write_film(tmp_path / "clip.gif", 2)
    words = ("style-film", "sketchnet", str(film), "dots", "--out", str(tmp_path / "a.gif"))
    told = json.loads(run(*words, *FAST, "--keep", "3", "--json"))
    recipe = kinds.read(json.dumps({name: told[name] for name in told if name not in OTHER}))
    frame = tmp_path / "frame.png"
    frame.write_bytes(Store().pictures(recipe)[1].image)
    written = run("script", str(frame))
    assert "film.plan(" in written and "keep=3.0" in written and "film.render(" in written
    for line, saved in zip(("content", "clip"), ("content.png", "clip.png"), strict=True):
        assert f'{line} = images.open_picture("{saved}")' in written


OTHER = ("change", "seconds", "out")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.gif", None, "none.gif"),
        ("text.gif", b"no film", "text.gif"),
        ("text.mp4", b"no film", "cannot be opened as a film"),
        ("cut.mp4", "cut", "cut.mp4"),
        ("one.gif", "one", "has only one picture"),
    ],
)
def test_what_is_no_film_is_one_sentence(
    tmp_path: Path, name: str, content: bytes | str | None, words: str
) -> None:
    film = tmp_path / name
    if isinstance(content, bytes):
        film.write_bytes(content)
    elif content == "one":
        samples.picture("cat").resize((64, 48)).save(film)
    elif content == "cut":
        film.write_bytes(write_film(film).read_bytes()[:400])
    refused(words, str(film), "--out", str(tmp_path / "a.gif"))
    assert not (tmp_path / "a.gif").exists()


def test_a_huge_film_is_refused_before_a_frame_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = write_film(tmp_path / "clip.mp4", 2)
    monkeypatch.setattr(video_io, "MAX_PIXELS", 15_000)
    monkeypatch.setattr(video_io, "_read_ppm", lambda _: pytest.fail("a frame was decoded"))
    refused(
        "this film is larger than 0.015 megapixels", str(film), "--out", str(tmp_path / "a.gif")
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", "2048"), "120 pictures of 2048 pixels are too large"),
        (("--size", "5000"), "size"),
        (("--keep", "-1"), "keep"),
        (("--frames", "601"), "frames"),
        (("--frame-steps", "0"), "frame-steps"),
        (("--out", "a.png"), ".gif"),
    ],
)
def test_settings_are_refused_before_the_film_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    monkeypatch.setattr(video_io, "read_clip", lambda *_: pytest.fail("the film was read"))
    film = write_film(tmp_path / "clip.gif", 2)
    out = () if "--out" in options else ("--out", str(tmp_path / "a.gif"))
    refused(words, str(film), *out, *options)


def refused(words: str, film: str, *options: str) -> None:
    arguments = ["style-film", "sketchnet", film, "dots", *options]
    with pytest.raises(ExplorerError) as caught:
        RUNNER.invoke(cli.cli, arguments, catch_exceptions=False)
    assert words in str(caught.value) and "\n" not in str(caught.value)
