"""Opening of image files: only known formats, and with limits that are checked before decoding.

Every image file that the project did not make itself is opened by ``open_file``.
"""

import io
import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from core.errors import BadPicture, ExplorerError, named
from core.images.opening_limits import MAX_MEMORY, MAX_PIXELS, check_size
from core.images.tiff_counts import largest_count

Source = str | Path | bytes

# Formats that are opened. The others are no photographs, contain an image of another size than the
# header says (ICO), or start another program (EPS starts Ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "TGA", "JPEG2000", "AVIF")
# So many times, Pillow may read from a file until it knows the image's size, and then until it is
# decoded. Pillow keeps every part of a header, and some parts take longer the more there are.
MAX_HEADER_READS, MAX_READS = 10_000, 2_000_000
# Numbers of strips or tiles: more than 32,768 rows of four colours, one by one, have.
MAX_TIFF_VALUES = 150_000
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}
HEIC_REQUIREMENTS = "requirements-heic.txt"


@contextmanager
def open_file(
    source: Source, name: str = "", formats: Sequence[str] = FORMATS
) -> Iterator[Image.Image]:
    """Return a context manager that opens an image file without decoding it.

    In its block, every exception of Pillow becomes a ``BadPicture``, because damaged bytes can
    raise almost any exception in the decoders.

    Args:
        source: the file's path or its bytes.
        name: the image's name in error messages; the path by default.
        formats: Pillow's names of the formats that may be opened.

    Raises:
        BadPicture: the file is missing, no file (such as a named pipe), no image, damaged, or too
            large.
    """
    name = named(name or (source if isinstance(source, str | Path) else "the upload"))
    try:
        with _open_source(source) as file:
            if "TIFF" in formats and largest_count(file) > MAX_TIFF_VALUES:
                raise ValueError(f"it has more than {MAX_TIFF_VALUES:,} strips or tiles")
            with _open_image(file, name, formats) as picture:
                check_size(picture, name, free_memory(source))
                file.reads_left = MAX_READS
                yield picture
    except ExplorerError:
        raise
    except FileNotFoundError:
        raise BadPicture(f"there is no file {name}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        # Pillow refuses images far beyond the limit of this project, and does not tell their size.
        raise BadPicture(
            f"{name} has more than {MAX_PIXELS // 1_000_000} megapixels, which is the most that "
            "can be opened: make it smaller"
        ) from None
    except UnidentifiedImageError:
        # Pillow's own message contains the address of an object in memory.
        raise BadPicture(
            f"{name} cannot be opened as a picture: its content is none that is known"
        ) from None
    except Exception as error:
        raise BadPicture(f"{name} cannot be opened as a picture: {explain(error)}") from error


def explain(error: Exception) -> str:
    """Return the reason for an unforeseen error in a few words."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return named(reason)


def free_memory(source: Source) -> int:
    """Return how many bytes opening a source may take besides the bytes of its file."""
    return MAX_MEMORY - len(source) if isinstance(source, bytes) else MAX_MEMORY


class _MemoryFile(io.BytesIO):
    """Bytes as a file; after ``reads_left`` calls, ``read`` raises a ValueError."""

    reads_left = MAX_HEADER_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads_left = _count(self.reads_left)
        return super().read(size)


class _DiskFile(io.BufferedReader):
    """A file on disk; after ``reads_left`` calls, ``read`` raises a ValueError."""

    reads_left = MAX_HEADER_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads_left = _count(self.reads_left)
        return super().read(size)


def _count(reads_left: int) -> int:
    if reads_left == 0:
        raise ValueError("it has too many parts")
    return reads_left - 1


def _open_source(source: Source) -> _MemoryFile | _DiskFile:
    """Open a file for reading. A named pipe or a device, which could block for ever, is refused.

    Raises:
        BadPicture: the path does not name a regular file.
        OSError: the file cannot be opened.
    """
    if isinstance(source, bytes):
        return _MemoryFile(source)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not stat.S_ISREG(Path(source).stat().st_mode):
        raise BadPicture(f"{named(source)} is no file that can be opened; name a picture")
    # The path may name something else by now. Then O_NONBLOCK prevents that opening it blocks.
    return _DiskFile(io.FileIO(os.open(source, flags)))


def _open_image(file: BinaryIO, name: str, formats: Sequence[str]) -> Image.Image:
    """Open an image of one of some formats, and HEIC if these are ``FORMATS``.

    Raises:
        BadPicture: it is a HEIC image, and the library that opens HEIC is not installed.
    """
    file.seek(0)
    start = file.read(64)
    file.seek(0)
    if formats is FORMATS and _is_heic(start):
        _register_heic(name)
        formats = ("HEIF",)
    Image.init()
    # An older Pillow, or one that was built without a library, may lack a format.
    present = [it for it in formats if it in Image.OPEN]
    with warnings.catch_warnings():
        # Pillow warns about large images; this project has its own limit.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file, formats=present)


def _is_heic(start: bytes) -> bool:
    """Whether a file begins with an ``ftyp`` box (ISO/IEC 14496-12) that names a brand of HEIC."""
    end = min(int.from_bytes(start[:4], "big"), len(start))
    brands = {start[8:12], *(start[at : at + 4] for at in range(16, end, 4))}
    return start[4:8] == b"ftyp" and not HEIC_BRANDS.isdisjoint(brands)


def _register_heic(name: str) -> None:
    """Add HEIC to Pillow's formats.

    Raises:
        BadPicture: the library is not installed.
    """
    if "HEIF" in Image.OPEN:
        return
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise BadPicture(
            f"{name} is a HEIC picture; save it as JPEG, or install what opens HEIC: "
            f"pip install -r {HEIC_REQUIREMENTS}"
        ) from None
    register_heif_opener(thumbnails=False)
