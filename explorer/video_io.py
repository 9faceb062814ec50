"""Films: pictures one after the other, from and to MP4 and GIF."""

import io
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from PIL import Image, ImageSequence

from core.errors import BadPicture, ExplorerError
from core.images.image_io import MAX_PIXELS, open_picture, upright_rgb

# Seconds that the last picture of a GIF stands before it begins again.
PAUSE_SECONDS = 1.0
# Of H.264, from 0 (all there is) to 51: at 18 nobody sees a loss.
QUALITY = 18
# Pictures a second of a GIF that does not say; browsers take as many.
USUAL_RATE = 10.0


def read_frames(path: Path, at_most: int) -> tuple[Iterator[Image.Image], float]:
    """Open a film: its pictures, upright RGB, one after the other, and how many come a second.

    Args:
        path: of a GIF, or of any film that ffmpeg knows.
        at_most: further pictures are not read.

    Raises:
        BadPicture: it is missing, damaged or no film; also while its pictures are read.
    """
    if not path.is_file():
        raise BadPicture(f"there is no file {path}")
    if path.suffix.lower() in (".gif", ".png", ".webp"):
        return _animation(path, at_most)
    return _video(path, at_most)


def _animation(path: Path, at_most: int) -> tuple[Iterator[Image.Image], float]:
    try:
        opened = Image.open(path)
    except Exception as error:
        raise BadPicture(f"{path} cannot be opened as a film: {error}") from error
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise BadPicture(f"{path} is larger than {MAX_PIXELS // 1_000_000} megapixels")
    pause = opened.info.get("duration") or 1000 / USUAL_RATE

    def pictures() -> Iterator[Image.Image]:
        try:
            with opened:
                for number, picture in enumerate(ImageSequence.Iterator(opened)):
                    if number == at_most:
                        return
                    yield upright_rgb(picture)
        except Exception as error:
            raise BadPicture(f"{path} is damaged: {error}") from error

    return pictures(), 1000 / float(pause)


def _video(path: Path, at_most: int) -> tuple[Iterator[Image.Image], float]:
    import imageio_ffmpeg

    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    told = subprocess.run([ffmpeg, "-hide_banner", "-i", str(path)], capture_output=True)
    rate = re.search(rb"Video:.*?([\d.]+) fps", told.stderr)
    if rate is None:
        raise BadPicture(f"{path} cannot be opened as a film")
    # Pictures in a row, each of which tells its own size.
    wanted = f"-frames:v {at_most} -f image2pipe -c:v ppm -loglevel error -"
    command = [ffmpeg, "-i", str(path), *wanted.split()]

    def pictures() -> Iterator[Image.Image]:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as played:
            try:
                while picture := _ppm(played.stdout):  # type: ignore[arg-type]
                    yield picture
            finally:
                played.kill()

    return pictures(), float(rate[1])


def _ppm(stream: IO[bytes]) -> Image.Image | None:
    """Read the next picture of a row of binary PPMs, as ffmpeg writes them."""
    if stream.readline() != b"P6\n":
        return None
    width, height = map(int, stream.readline().split())
    if width * height > MAX_PIXELS:
        raise BadPicture(f"this film is larger than {MAX_PIXELS // 1_000_000} megapixels")
    stream.readline()
    pixels = stream.read(3 * width * height)
    whole = len(pixels) == 3 * width * height
    return Image.frombytes("RGB", (width, height), pixels) if whole else None


def encode_video(pictures: Sequence[bytes], kind: str, rate: int) -> bytes:
    """Make a film of pictures of one size.

    Args:
        pictures: encoded, at least one, in the order of the film.
        kind: ``.mp4`` (H.264, which every browser plays) or ``.gif`` (which plays for ever).
        rate: pictures a second.

    Raises:
        ExplorerError: there is no such kind of film.
    """
    if kind == ".gif":
        return _gif(pictures, rate)
    if kind == ".mp4":
        return _mp4(pictures, rate)
    raise ExplorerError(f"a film ends in .mp4 or .gif, not in {kind or 'nothing'}")


def _gif(pictures: Sequence[bytes], rate: int) -> bytes:
    """Write a GIF, each picture with the 256 colours that suit it."""
    frames = [
        open_picture(it).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
        for it in pictures
    ]
    pause = round(1000 * PAUSE_SECONDS)
    each = [round(1000 / rate)] * (len(frames) - 1) + [pause]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=each, loop=0, disposal=2
    )
    return buffer.getvalue()


def _mp4(pictures: Sequence[bytes], rate: int) -> bytes:
    """Write an MP4; its codec wants even sides, so a last odd row or column is left out."""
    import imageio_ffmpeg

    width, height = (length - length % 2 for length in open_picture(pictures[0]).size)
    read = f"-f rawvideo -pixel_format rgb24 -video_size {width}x{height} -framerate {rate} -i -"
    # What begins to play before all of it has come, in the colours that every browser knows.
    made = f"-c:v libx264 -crf {QUALITY} -pix_fmt yuv420p -movflags +faststart -loglevel error"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), *read.split(), *made.split(), str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as ffmpeg:
            for each in pictures:
                ffmpeg.stdin.write(  # type: ignore[union-attr]
                    open_picture(each).crop((0, 0, width, height)).tobytes()
                )
        if ffmpeg.returncode:
            raise ExplorerError("the film could not be written; try .gif")
        return path.read_bytes()
