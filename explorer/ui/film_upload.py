"""Reading of films that visitors upload: GIF and MP4."""

import io
import tempfile
from pathlib import Path

from PIL import Image

from core.errors import BadPicture
from core.files import write_file
from explorer import video_io

# Frames that are taken of a film, and longer side in pixels in which they are stored, at most.
FRAMES_AT_MOST, LONGEST = 96, 512
# An MP4 names its type here.
MP4, MP4_PLACE = b"ftyp", slice(4, 8)
GIF = b"GIF8"


def is_video(content: bytes) -> bool:
    """Whether a file is a video that only ffmpeg can read: an MP4."""
    return content[MP4_PLACE] == MP4


def is_film(content: bytes) -> bool:
    """Whether a file is an MP4, or a GIF with several frames."""
    if is_video(content):
        return True
    if not content.startswith(GIF):
        return False
    try:
        with Image.open(io.BytesIO(content), formats=["GIF"]) as opened:
            opened.seek(1)
    except (EOFError, OSError, SyntaxError, ValueError):
        # What is wrong with it is told when it is opened as a picture.
        return False
    return True


def read(content: bytes, file_name: str) -> tuple[list[Image.Image], float]:
    """Read the first ``FRAMES_AT_MOST`` frames of an uploaded film.

    Args:
        content: the file.
        file_name: its name, for messages.

    Returns:
        The frames, upright RGB images, at most ``LONGEST`` pixels long, and the frames per second.

    Raises:
        BadPicture: the file is damaged, or its frames are too large or of different sizes.
    """
    kind = ".mp4" if is_video(content) else ".gif"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{Path(file_name).stem or 'film'}{kind}"
        write_file(path, content)
        pictures, rate = video_io.read_clip(path, FRAMES_AT_MOST, LONGEST, enlarge=False)
    if len({it.size for it in pictures}) > 1:
        raise BadPicture("its pictures are of different sizes")
    return pictures, rate
