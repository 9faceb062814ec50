"""Collections in one file: a zip, or an uncompressed tar such as a shard of a WebDataset."""

import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from core.datasets.image_source import ImageEntry, word_label
from core.errors import BadPicture, ExplorerError
from core.images import image_io

# Beside the picture of the same key in a WebDataset; the first that is there is its label.
LABEL_FILES = (".cls", ".txt")
NOT_PICTURES = (*LABEL_FILES, ".json")
# A label is a word or two; a longer file beside a picture is something else.
LABEL_BYTES = 1000
# No picture of a size that may be opened needs more; a small archive may claim to hold far more.
FILE_BYTES = 500_000_000


def open_archive(path: Path) -> "TarSource | ZipSource":
    """Open an archive as what its content says it is.

    Raises:
        ExplorerError: it is neither a zip nor an uncompressed tar.
    """
    if zipfile.is_zipfile(path):
        return ZipSource(path)
    try:
        with tarfile.open(path, "r:"):
            return TarSource(path)
    except (tarfile.TarError, OSError) as error:
        raise ExplorerError(
            f"{path} is neither a folder, a zip nor an uncompressed tar; unpack it first"
        ) from error


class _ArchiveSource:
    """What both kinds of archive have in common."""

    kind = ""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.text = str(self.path)
        self.identity = f"{self.kind} {self.path}"
        self._table: dict[str, ImageEntry] = {}
        self._lock = threading.Lock()

    def members(self) -> Iterator[ImageEntry]:
        """List all files in the archive."""
        raise NotImplementedError

    def read(self, entry: ImageEntry) -> bytes:
        """Read a file in the archive."""
        raise NotImplementedError

    def entries(self) -> Iterator[ImageEntry]:
        """List the pictures in the archive's own order.

        Raises:
            ExplorerError: the archive is damaged.
        """
        listed: set[int] = set()
        try:
            for entry in self.members():
                hidden = any(part.startswith((".", "__MACOSX")) for part in entry.name.split("/"))
                again = hash(entry.name) in listed
                if not hidden and not again and not entry.name.lower().endswith(NOT_PICTURES):
                    # An archive may hold a file twice; a picture counts once.
                    listed.add(hash(entry.name))
                    yield entry
        except (tarfile.TarError, OSError) as error:
            raise ExplorerError(f"{self.path} is damaged: {error}") from error

    def find(self, name: str) -> ImageEntry:
        """Find a file by its path in the archive."""
        if name not in self._files():
            raise BadPicture(f"there is no {name} in {self.path}")
        return self._files()[name]

    def label(self, name: str) -> str:
        """Read it from the file beside it, or from the name."""
        folder, slash, file = name.rpartition("/")
        # A WebDataset's key ends at the first dot.
        key = folder + slash + file.partition(".")[0]
        for ending in LABEL_FILES:
            found = self._files().get(key + ending)
            if found is not None and found.size <= LABEL_BYTES:
                return self.read(found).decode("utf-8", "replace").strip()
        return word_label(name)

    def open(
        self, entry: ImageEntry, least: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Open a file in the archive."""
        if entry.size > FILE_BYTES:
            raise BadPicture(
                f"{entry.name} has {entry.size:,} bytes; at most {FILE_BYTES // 1_000_000} "
                "megabytes can be opened"
            )
        try:
            content = self.read(entry)
        except (OSError, RuntimeError, ValueError, zipfile.BadZipFile, EOFError) as error:
            raise BadPicture(f"{entry.name} cannot be read: {error}") from error
        return image_io.open_reduced(content, least, entry.name)

    def _files(self) -> dict[str, ImageEntry]:
        """Table the whole archive, which only those need who look up single files."""
        with self._lock:
            if not self._table:
                self._table = {entry.name: entry for entry in self.members()}
            return self._table


class TarSource(_ArchiveSource):
    """An uncompressed tar, such as a shard of a WebDataset, read in place."""

    kind = "tar"

    def members(self) -> Iterator[ImageEntry]:
        """Walk the headers."""
        with tarfile.open(self.path, "r:") as file:
            for member in file:
                # tarfile remembers every header otherwise.
                file.members = []  # type: ignore[attr-defined]
                if member.isreg():
                    yield ImageEntry(
                        member.name.removeprefix("./"), member.size, member.offset_data
                    )

    def read(self, entry: ImageEntry) -> bytes:
        """Read its bytes in place."""
        with self.path.open("rb") as file:
            file.seek(entry.place)
            return file.read(entry.size)


class ZipSource(_ArchiveSource):
    """A zip, read in place."""

    kind = "zip"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        # Reading from one ZipFile in several threads is safe.
        self._zip = zipfile.ZipFile(self.path)

    def members(self) -> Iterator[ImageEntry]:
        """Walk the directory."""
        for member in self._zip.infolist():
            if not member.is_dir():
                yield ImageEntry(member.filename, member.file_size)

    def read(self, entry: ImageEntry) -> bytes:
        """Unpack one file."""
        return self._zip.read(entry.name)
