"""Which images are being opened, in a file that outlives a decoder that ends the process.

A damaged image can make the C code of a decoder end the whole process. Reading every image in a
process of its own would be slow, so a small file beside the index names the images that are being
opened. If the process ends, the next one finds the names, and opens each of these images in a
process of its own first. Those that end this process too are skipped.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from core.datasets import sources
from core.datasets.image_source import ImageSource
from core.errors import BadPicture, named

MODULE = "core.index.opening_log"
# Largest size of the file in bytes that is read, and seconds in which an image must be opened.
BYTES_AT_MOST, TRIAL_SECONDS = 2**20, 120


class OpeningLog:
    """The images that are being opened, by name, in a file beside an index.

    It is a context manager, whose file exists only within the ``with`` statement. Several threads
    may use it.
    """

    def __init__(self, index: Path) -> None:
        """Prepare the log of an index file."""
        self._path = index.with_name(f".{index.name}.opening")
        self._lock = threading.Lock()
        self._names: list[str] = []

    def left(self) -> list[str]:
        """Return the images that a process was opening when it ended."""
        try:
            with self._path.open("rb") as file:
                names = json.loads(file.read(BYTES_AT_MOST).partition(b"\n")[0])
        except (OSError, ValueError, RecursionError):
            return []  # There is no such file, or it is no log.
        return [it for it in names if isinstance(it, str)] if isinstance(names, list) else []

    def __enter__(self) -> "OpeningLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    @contextmanager
    def opening(self, name: str) -> Iterator[None]:
        """List an image within the ``with`` statement."""
        self._change([name], [])
        try:
            yield
        finally:
            self._change([], [name])

    def _change(self, begun: Iterable[str], ended: Iterable[str]) -> None:
        with self._lock:
            self._names.extend(begun)
            for name in ended:
                self._names.remove(name)
            # Without a log, an index can be made as well.
            with suppress(OSError):
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
                try:
                    length = os.write(handle, json.dumps(self._names).encode() + b"\n")
                    os.ftruncate(handle, length)
                finally:
                    os.close(handle)


def crash_reason(name: str) -> str:
    """Return why an image is skipped that ended the process that opened it."""
    return f"{named(name)} ended the process that opened it"


def find_crashing(source: ImageSource, names: Iterable[str], size: tuple[int, int]) -> set[str]:
    """Open images, each in a process of its own; return the names of those that end the process.

    An image that is not opened within ``TRIAL_SECONDS`` counts as well.

    Args:
        source: the collection; names that are none of its images are left out.
        names: names of images.
        size: (height, width) of the network's input, as for ``ImageSource.open``.
    """
    crashing = set()
    # The process finds the project where this one does.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for name in names:
        with suppress(BadPicture):
            source.find(name)
            line = [sys.executable, "-m", MODULE, json.dumps([source.text, name, size])]
            try:
                done = subprocess.run(
                    line,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=TRIAL_SECONDS,
                )
            except subprocess.TimeoutExpired:
                crashing.add(name)
            else:
                if done.returncode:
                    crashing.add(name)
    return crashing


def main() -> None:
    """Open one image; whatever Python reports of it is no crash."""
    text, name, (height, width) = json.loads(sys.argv[1])
    with suppress(Exception):
        source = sources.find_source(text, download=False)
        source.open(source.find(name), (height, width))


if __name__ == "__main__":
    main()
