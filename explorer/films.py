"""Films: pictures one after the other, as MP4 or GIF."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import ExplorerError
from core.images import open_picture

# Seconds that the last picture of a GIF stands before it begins again.
PAUSE_SECONDS = 1.0


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
    import imageio.v2 as imageio

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with imageio.get_writer(
            path, fps=rate, codec="libx264", quality=8, macro_block_size=2, pixelformat="yuv420p"
        ) as film:
            for each in pictures:
                frame = np.asarray(open_picture(each))
                height, width = (length - length % 2 for length in frame.shape[:2])
                film.append_data(frame[:height, :width])
        return path.read_bytes()
