"""Image collections in one file: a zip, or an uncompressed tar such as a WebDataset shard."""

import struct
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from core.datasets.image_source import ImageEntry, check_inside, word_label
from core.errors import BadPicture, ExplorerError, named
from core.images import image_io
from core.images.picture_file import explain

# Endings of label files in a WebDataset: the label of ``x.jpg`` is in ``x.cls`` or ``x.txt``. If
# both exist, ``x.cls`` is used.
LABEL_FILES = (".cls", ".txt")
NOT_IMAGES = (*LABEL_FILES, ".json")
# A label is a word or two; a longer text file contains something else.
MAX_LABEL_BYTES = 1000
# A file is read into memory as a whole. A small archive may claim to contain far larger files.
MAX_FILE_BYTES = 64_000_000
# An archive may contain this many files; ImageNet has 1.3 million.
MAX_MEMBERS = 2_000_000
# Python reads the whole directory of a zip into memory, where it takes ten times the bytes that it
# has in the file. This many bytes list about 300,000 files.
MAX_DIRECTORY_BYTES = 32_000_000
# Other compressions cannot be unpacked in steps of a limited size.
ZIP_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Bytes of the records at the end of a zip, and of the longest comment behind them.
END_RECORD, LOCATOR, WIDE_END_RECORD, MAX_COMMENT = 22, 20, 56, 2**16


def open_archive(path: Path) -> "TarSource | ZipSource":
    """Open an archive; the format is detected from the content of the file, not from its name.

    Raises:
        ExplorerError: the file is neither a zip nor an uncompressed tar, is damaged, or contains
            too many files.
    """
    try:
        if zipfile.is_zipfile(path):
            return ZipSource(path)
        with tarfile.open(path, "r:"):
            return TarSource(path)
    except ExplorerError:
        raise
    except Exception as error:
        # Both modules raise many exceptions for damaged files.
        raise ExplorerError(
            f"{named(path)} is neither a folder, a zip nor an uncompressed tar; unpack it first"
        ) from error


class _ArchiveSource:
    """Base class of the image sources for tar and zip archives."""

    kind = ""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.text = str(self.path)
        self.identity = f"{self.kind} {self.path}"
        self._table: dict[str, ImageEntry] = {}
        self._lock = threading.Lock()

    def members(self) -> Iterator[ImageEntry]:
        """Yield an entry for every file in the archive."""
        raise NotImplementedError

    def read(self, entry: ImageEntry) -> bytes:
        """Return the bytes of a file in the archive."""
        raise NotImplementedError

    def entries(self) -> Iterator[ImageEntry]:
        """Yield the images in the order in which the archive contains them.

        Raises:
            ExplorerError: the archive is damaged.
        """
        # An archive may contain a file twice, so remember the files. Hashes of their names take
        # less memory than the names.
        listed: set[int] = set()
        try:
            for count, entry in enumerate(self.members()):
                if count >= MAX_MEMBERS:
                    raise ExplorerError(
                        f"{named(self.path)} has more than {MAX_MEMBERS:,} files; divide it"
                    )
                hidden = any(part.startswith((".", "__MACOSX")) for part in _parts(entry.name))
                duplicate = hash(entry.name) in listed
                if not hidden and not duplicate and not entry.name.lower().endswith(NOT_IMAGES):
                    listed.add(hash(entry.name))
                    yield entry
        except ExplorerError:
            raise
        except Exception as error:
            # Damaged headers raise almost any exception.
            raise ExplorerError(f"{named(self.path)} is damaged: {explain(error)}") from error

    def find(self, name: str) -> ImageEntry:
        """Return the entry of a file by the file's path in the archive."""
        if name not in self._files():
            raise BadPicture(f"there is no {named(name)} in {named(self.path)}")
        return self._files()[name]

    def label(self, name: str) -> str:
        """Return the text of an image's label file, such as ``x.cls``, else ``word_label``."""
        folder, slash, file = name.rpartition("/")
        # In a WebDataset, the key of a file ends at the first dot of its name.
        key = folder + slash + file.partition(".")[0]
        for ending in LABEL_FILES:
            label = self._files().get(key + ending)
            if label is not None and label.size <= MAX_LABEL_BYTES:
                return self.read(label).decode("utf-8", "replace").strip()
        return word_label(name)

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Open an image in the archive, as ``ImageSource.open``."""
        check_inside(entry.name, self.path)
        if entry.size > MAX_FILE_BYTES:
            raise BadPicture(
                f"{named(entry.name)} has {entry.size:,} bytes; at most "
                f"{MAX_FILE_BYTES // 1_000_000} megabytes can be opened in an archive: unpack it"
            )
        try:
            content = self.read(entry)
        except BadPicture:
            raise
        except Exception as error:
            # Damaged bytes raise almost any exception in the decompressors.
            raise BadPicture(f"{named(entry.name)} cannot be read: {explain(error)}") from error
        return image_io.open_reduced(content, min_size, entry.name)

    def _files(self) -> dict[str, ImageEntry]:
        """Return the entries of all files by name; the table is built at the first call."""
        with self._lock:
            if not self._table:
                self._table = {entry.name: entry for entry in self.members()}
            return self._table


def _parts(name: str) -> list[str]:
    """Return the folders and the file in the name of a member; ``..`` is left to ``open``."""
    return [part for part in name.split("/") if part != ".."]


class TarSource(_ArchiveSource):
    """An uncompressed tar, such as a WebDataset shard, read without unpacking it to disk."""

    kind = "tar"

    def members(self) -> Iterator[ImageEntry]:
        """Yield an entry for every regular file; only the headers are read."""
        with tarfile.open(self.path, "r:") as file:
            end = -1
            for member in file:
                # Clear this list, because tarfile keeps every header in it, which takes memory.
                file.members = []  # type: ignore[attr-defined]
                if member.size < 0 or member.offset <= end:
                    # Some versions of tarfile would read the same header again and again.
                    raise tarfile.ReadError("a file has a negative size")
                end = member.offset
                if member.isreg() and not member.issparse():
                    yield ImageEntry(
                        member.name.removeprefix("./"), member.size, member.offset_data
                    )

    def read(self, entry: ImageEntry) -> bytes:
        """Return the bytes of a file, read from their position in the tar."""
        with self.path.open("rb") as file:
            file.seek(entry.offset)
            return file.read(entry.size)


class ZipSource(_ArchiveSource):
    """A zip, read without unpacking it to disk."""

    kind = "zip"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if _directory_bytes(path) > MAX_DIRECTORY_BYTES:
            raise ExplorerError(f"{named(path)} has too many files for a zip; unpack it first")
        # Several threads may read from one ZipFile.
        self._zip = zipfile.ZipFile(self.path)

    def members(self) -> Iterator[ImageEntry]:
        """Yield an entry for every file that the zip's directory lists."""
        for member in self._zip.infolist():
            if not member.is_dir():
                yield ImageEntry(member.filename, member.file_size)

    def read(self, entry: ImageEntry) -> bytes:
        """Return the unpacked bytes of a file."""
        if self._zip.getinfo(entry.name).compress_type not in ZIP_COMPRESSIONS:
            raise BadPicture(f"{named(entry.name)} is packed in an unusual way; unpack it first")
        return self._zip.read(entry.name)


def _directory_bytes(path: Path) -> int:
    """Return how many bytes the directory of a zip has, as the records at its end tell.

    See sections 4.3.14 to 4.3.16 of PKWARE's APPNOTE.
    """
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - END_RECORD - LOCATOR - WIDE_END_RECORD - MAX_COMMENT))
        tail = file.read()
    end = len(tail) - END_RECORD
    if tail[end : end + 4] != b"PK\5\6":
        end = tail.rfind(b"PK\5\6")
    size = int.from_bytes(tail[end + 12 : end + 16], "little")
    wide = end - LOCATOR - WIDE_END_RECORD
    if wide >= 0 and tail[end - LOCATOR :].startswith(b"PK\6\7"):
        size = max(size, *struct.unpack("<Q", tail[wide + 40 : wide + 48]))
    return size
