"""Films: pictures one after the other, as MP4 or GIF."""

import io
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from core.errors import ExplorerError
from core.images import open_picture

# Seconds that the last picture of a GIF stands before it begins again.
PAUSE_SECONDS = 1.0
# Of H.264, from 0 (all there is) to 51: at 18 nobody sees a loss.
QUALITY = 18


def encode(pictures: Sequence[bytes], kind: str, rate: int) -> bytes:
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
