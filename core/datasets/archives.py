"""Image collections in one file: a zip, or an uncompressed tar such as a WebDataset shard."""

import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from core.datasets.image_source import ImageEntry, word_label
from core.errors import BadPicture, ExplorerError, named
from core.images import image_io

# Endings of label files in a WebDataset: the label of ``x.jpg`` is in ``x.cls`` or ``x.txt``. If
# both exist, ``x.cls`` is used.
LABEL_FILES = (".cls", ".txt")
NOT_IMAGES = (*LABEL_FILES, ".json")
# A label is a word or two; a longer text file contains something else.
MAX_LABEL_BYTES = 1000
# No image within the pixel limit needs more bytes. A small archive may claim to contain far larger
# files.
MAX_FILE_BYTES = 500_000_000


def open_archive(path: Path) -> "TarSource | ZipSource":
    """Open an archive; the format is detected from the content of the file, not from its name.

    Raises:
        ExplorerError: the file is neither a zip nor an uncompressed tar.
    """
    if zipfile.is_zipfile(path):
        return ZipSource(path)
    try:
        with tarfile.open(path, "r:"):
            return TarSource(path)
    except (tarfile.TarError, OSError) as error:
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
            for entry in self.members():
                hidden = any(part.startswith((".", "__MACOSX")) for part in entry.name.split("/"))
                duplicate = hash(entry.name) in listed
                if not hidden and not duplicate and not entry.name.lower().endswith(NOT_IMAGES):
                    listed.add(hash(entry.name))
                    yield entry
        except (tarfile.TarError, OSError) as error:
            raise ExplorerError(f"{named(self.path)} is damaged: {error}") from error

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
        if entry.size > MAX_FILE_BYTES:
            raise BadPicture(
                f"{named(entry.name)} has {entry.size:,} bytes; at most "
                f"{MAX_FILE_BYTES // 1_000_000} megabytes can be opened"
            )
        try:
            content = self.read(entry)
        except (OSError, RuntimeError, ValueError, zipfile.BadZipFile, EOFError) as error:
            raise BadPicture(f"{named(entry.name)} cannot be read: {error}") from error
        return image_io.open_reduced(content, min_size, entry.name)

    def _files(self) -> dict[str, ImageEntry]:
        """Return the entries of all files by name; the table is built at the first call."""
        with self._lock:
            if not self._table:
                self._table = {entry.name: entry for entry in self.members()}
            return self._table


class TarSource(_ArchiveSource):
    """An uncompressed tar, such as a WebDataset shard, read without unpacking it to disk."""

    kind = "tar"

    def members(self) -> Iterator[ImageEntry]:
        """Yield an entry for every regular file; only the headers are read."""
        with tarfile.open(self.path, "r:") as file:
            for member in file:
                # Clear this list, because tarfile keeps every header in it, which takes memory.
                file.members = []  # type: ignore[attr-defined]
                if member.isreg():
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
        # Several threads may read from one ZipFile.
        self._zip = zipfile.ZipFile(self.path)

    def members(self) -> Iterator[ImageEntry]:
        """Yield an entry for every file that the zip's directory lists."""
        for member in self._zip.infolist():
            if not member.is_dir():
                yield ImageEntry(member.filename, member.file_size)

    def read(self, entry: ImageEntry) -> bytes:
        """Return the unpacked bytes of a file."""
        return self._zip.read(entry.name)
