"""Tests of videos: another program reads every frame back, with almost the same colours."""

import http.server
import io
import subprocess
import threading
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from core.errors import ExplorerError
from explorer import video_io


@pytest.fixture
def pictures() -> list[bytes]:
    """Return ten frames with odd sides: a bright column that moves over a colour gradient."""
    found = []
    for frame in range(10):
        pixels = np.zeros((67, 91, 3), np.uint8)
        pixels[..., 0] = np.linspace(0, 200, 91)
        pixels[..., 1] = np.linspace(50, 150, 67)[:, None]
        pixels[:, 8 * frame : 8 * frame + 8] = 255
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        found.append(buffer.getvalue())
    return found


def test_an_mp4_plays(pictures: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(video_io.encode_video(pictures, ".mp4", 12))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)]
    told = subprocess.run(command, capture_output=True, text=True).stderr
    assert "h264" in told and "90x66" in told and "12 fps" in told
    raw = [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    played = subprocess.run(raw, capture_output=True, check=True).stdout
    frames = np.frombuffer(played, np.uint8).reshape(-1, 66, 90, 3)
    assert len(frames) == 10
    for number, frame in enumerate(frames):
        assert frame[:, 8 * number + 2 : 8 * number + 6].mean() > 220
        others = np.delete(frame, np.s_[max(0, 8 * number - 4) : 8 * number + 12], axis=1)
        assert others.mean() < 120


def test_a_gif_plays_for_ever(pictures: list[bytes]) -> None:
    film = Image.open(io.BytesIO(video_io.encode_video(pictures, ".gif", 10)))
    frames = [it.convert("RGB") for it in ImageSequence.Iterator(film)]
    assert len(frames) == 10 and film.info["loop"] == 0
    for number, frame in enumerate(frames):
        original = np.asarray(Image.open(io.BytesIO(pictures[number])), np.int16)
        assert np.abs(np.asarray(frame, np.int16) - original).mean() < 6


def test_other_endings_are_refused(pictures: list[bytes]) -> None:
    with pytest.raises(ExplorerError, match=r"\.mp4 or \.gif"):
        video_io.encode_video(pictures, ".avi", 10)


@pytest.mark.parametrize("kind", [".gif", ".mp4"])
def test_a_film_is_read_as_it_was_written(pictures: list[bytes], tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"film{kind}"
    path.write_bytes(video_io.encode_video(pictures, kind, 10))
    found, rate = video_io.read_frames(path, 600)
    frames = list(found)
    assert rate == pytest.approx(10) and len(frames) == 10
    for frame, picture in zip(frames, pictures, strict=True):
        old = Image.open(io.BytesIO(picture)).crop((0, 0, *frame.size))
        apart = np.abs(np.asarray(frame, np.int16) - np.asarray(old))
        assert apart.mean() < 6
    some, _ = video_io.read_frames(path, 3)
    assert len(list(some)) == 3
    # Closing the iterator early ends the ffmpeg process.
    few, _ = video_io.read_frames(path, 600)
    next(few)
    few.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["none.mp4", "none.gif", "text.mp4", "text.gif"])
def test_what_is_no_film_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("text"):
        path.write_text("no film")
    with pytest.raises(ExplorerError) as refused:
        found, _ = video_io.read_frames(path, 10)
        list(found)
    assert name in str(refused.value) and "\n" not in str(refused.value)


def test_a_playlist_reads_nothing_from_the_web(tmp_path: Path) -> None:
    asked = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = tmp_path / "list.m3u8"
        address = f"http://127.0.0.1:{server.server_port}/part.ts"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n")
        with pytest.raises(ExplorerError):
            video_io.read_frames(path, 10)
        server.shutdown()
    assert asked == []


@pytest.mark.parametrize(
    "words",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n",
        "ffconcat version 1.0\nfile secret.mp4\n",
    ],
)
def test_a_playlist_reads_no_other_file(tmp_path: Path, words: str) -> None:
    frames = [io.BytesIO() for _ in range(5)]
    for number, frame in enumerate(frames):
        Image.new("RGB", (64, 48), (50 * number, 0, 0)).save(frame, "PNG")
    film = video_io.encode_video([it.getvalue() for it in frames], ".mp4", 10)
    (tmp_path / "secret.mp4").write_bytes(film)
    path = tmp_path / "list.mp4"
    path.write_text(words)
    with pytest.raises(ExplorerError, match=r"list\.mp4 cannot be opened as a film"):
        video_io.read_frames(path, 10)
