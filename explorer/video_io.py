"""Reading the frames of videos, and writing MP4 and GIF."""

import io
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from PIL import Image, ImageSequence

from core.errors import BadPicture, ExplorerError, named
from core.files import require_path
from core.images import picture_file
from core.images.image_io import open_picture, resize_longer_side
from core.images.opening_limits import MAX_PIXELS
from core.images.rgb_conversion import upright_rgb

# How long a GIF shows its last frame before it starts again.
PAUSE_SECONDS = 1.0
# The constant rate factor of H.264, from 0 (lossless) to 51; at 18, the loss is hardly visible.
QUALITY = 18
# The formats of files that ffmpeg may read. Playlists are none of them: they name other files and
# addresses, and ffmpeg waits for the next parts of one that is not ended.
FORMATS = "mov,matroska,avi,mpeg,mpegts,mpegvideo,m4v,flv,asf,ogg,mjpeg,yuv4mpegpipe,ivf,nut,mxf,rm"
LOCAL = ("-protocol_whitelist", "file", "-format_whitelist", FORMATS)
# Formats of Pillow that have frames; all other files are read by ffmpeg.
ANIMATIONS = ("GIF", "PNG", "WEBP")
# Frames per second of films that are written.
RATES = (1, 60)
# Frames per second of an animation whose file contains no frame duration, as in browsers.
DEFAULT_RATE = 10.0


def read_frames(path: Path, at_most: int) -> tuple[Iterator[Image.Image], float]:
    """Open a video.

    Args:
        path: a GIF, or any other video that ffmpeg can read.
        at_most: largest number of frames to read.

    Returns:
        An iterator over the frames, which are upright RGB images, and the frames per second.

    Raises:
        ExplorerError: the file is missing or cannot be read.
        BadPicture: the file is damaged or not a video. The iterator raises the same error
            if a frame is damaged or too large.
    """
    require_path(path)
    if path.suffix.lower() in (".gif", ".png", ".webp"):
        return _read_animation(path, at_most)
    return _read_video(path, at_most)


def read_clip(
    path: Path, at_most: int, size: int, enlarge: bool = True
) -> tuple[list[Image.Image], float]:
    """Read a video in a small size, so that a long one fits in memory.

    Args:
        path, at_most: as for ``read_frames``.
        size: longer side of the result in pixels.
        enlarge: whether to enlarge smaller videos to this size.

    Returns:
        The frames, upright RGB images, and the frames per second.

    Raises:
        ExplorerError, BadPicture: as for ``read_frames``, or the video has no frame.
    """
    images, rate = read_frames(path, at_most)
    resized = [
        it if max(it.size) < size and not enlarge else resize_longer_side(it, size) for it in images
    ]
    if not resized:
        raise BadPicture(f"there is no picture in {named(path)}")
    return resized, rate


def whole_rate(rate: float) -> int:
    """Return frames per second as a whole number that films are written with, 1 to 60."""
    return min(RATES[1], max(RATES[0], round(rate)))


def _read_animation(path: Path, at_most: int) -> tuple[Iterator[Image.Image], float]:
    with picture_file.open_file(path, formats=ANIMATIONS) as opened:
        milliseconds = opened.info.get("duration") or 1000 / DEFAULT_RATE

    def frames() -> Iterator[Image.Image]:
        with picture_file.open_file(path, formats=ANIMATIONS) as opened:
            for number, frame in enumerate(ImageSequence.Iterator(opened)):
                if number == at_most:
                    return
                yield upright_rgb(frame)

    return frames(), 1000 / float(milliseconds)


def _read_video(path: Path, at_most: int) -> tuple[Iterator[Image.Image], float]:
    import imageio_ffmpeg

    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    source = [ffmpeg, "-hide_banner", *LOCAL, "-i", str(path)]
    info = subprocess.run(source, capture_output=True)
    rate = re.search(rb"Video:.*?([\d.]+) fps", info.stderr)
    if rate is None:
        raise BadPicture(f"{named(path)} cannot be opened as a film")
    # Before any frame is decoded, which takes memory. Files may tell another size than they have,
    # so the size of each frame is checked, too.
    if size := re.search(rb"Video:.*?, (\d+)x(\d+)", info.stderr):
        _check_size(int(size[1]), int(size[2]))
    # ffmpeg writes a sequence of PPM images. The header of each contains its width and height.
    output = f"-frames:v {at_most} -f image2pipe -c:v ppm -loglevel error -"
    command = [*source, *output.split()]

    def frames() -> Iterator[Image.Image]:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as decoder:
            try:
                while frame := _read_ppm(decoder.stdout):  # type: ignore[arg-type]
                    yield frame
            finally:
                decoder.kill()

    return frames(), float(rate[1])


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadPicture(f"this film is larger than {MAX_PIXELS / 1_000_000:g} megapixels")


def _read_ppm(stream: IO[bytes]) -> Image.Image | None:
    """Read the next image of a sequence of binary PPM images.

    Returns:
        The image; None if the stream has ended, or ends within the image.
    """
    if stream.readline() != b"P6\n":
        return None
    width, height = map(int, stream.readline().split())
    _check_size(width, height)
    stream.readline()
    pixels = stream.read(3 * width * height)
    complete = len(pixels) == 3 * width * height
    return Image.frombytes("RGB", (width, height), pixels) if complete else None


def encode_video(pictures: Sequence[bytes], kind: str, rate: int) -> bytes:
    """Encode frames of the same size as a video.

    Args:
        pictures: the encoded frames in their order, at least one.
        kind: ``.mp4`` (H.264, which every browser plays) or ``.gif`` (which repeats for ever).
        rate: frames per second.

    Raises:
        ExplorerError: ``kind`` is neither ``.mp4`` nor ``.gif``, or an MP4 cannot be written.
    """
    if kind == ".gif":
        return _encode_gif(pictures, rate)
    if kind == ".mp4":
        return _encode_mp4(pictures, rate)
    raise ExplorerError(f"a film ends in .mp4 or .gif, not in {named(kind) if kind else 'nothing'}")


def _encode_gif(pictures: Sequence[bytes], rate: int) -> bytes:
    """Encode frames as a GIF, with a separate palette of 256 colours for each frame."""
    frames = [
        open_picture(it).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
        for it in pictures
    ]
    durations = [round(1000 / rate)] * (len(frames) - 1) + [round(1000 * PAUSE_SECONDS)]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        disposal=2,
    )
    return buffer.getvalue()


def _encode_mp4(pictures: Sequence[bytes], rate: int) -> bytes:
    """Encode frames as an MP4.

    H.264 needs an even width and height. If the width is odd, the last column of pixels is cropped;
    if the height is odd, the last row.
    """
    import imageio_ffmpeg

    width, height = (length - length % 2 for length in open_picture(pictures[0]).size)
    source = f"-f rawvideo -pixel_format rgb24 -video_size {width}x{height} -framerate {rate} -i -"
    # yuv420p: every browser can decode it. faststart: it plays before the download is complete.
    target = f"-c:v libx264 -crf {QUALITY} -pix_fmt yuv420p -movflags +faststart -loglevel error"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), *source.split(), *target.split(), str(path)]
        # If ffmpeg ends early, for example because the disk is full, its exit code says so.
        with suppress(BrokenPipeError):
            ffmpeg = subprocess.Popen(command, stdin=subprocess.PIPE)
            with ffmpeg:
                for picture in pictures:
                    ffmpeg.stdin.write(  # type: ignore[union-attr]
                        open_picture(picture).crop((0, 0, width, height)).tobytes()
                    )
        if ffmpeg.wait():
            raise ExplorerError("the film could not be written; try .gif")
        return path.read_bytes()
