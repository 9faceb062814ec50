"""Lock files that show which workers are alive.

While a worker runs, it holds a lock on a file that has the worker's name. The operating system
gives the lock up when the process ends, however it ends. If nobody holds the lock, the worker is
dead.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import filelock

from explorer.store.results import Store

ENDING = ".lock"
# A younger file may belong to a worker that has created it and is about to lock it.
STARTING_SECONDS = 5.0
# For this time a worker that was alive counts as alive without another look at its lock.
ALIVE_SECONDS = 1.0
# When the lock of each worker was last seen held, on the monotonic clock.
_seen_alive: dict[Path, float] = {}


class WorkerLock:
    """The lock of a running worker."""

    def __init__(self, store: Store, name: str) -> None:
        self._path = _lock_file(store, name)
        self._file: tuple[int, int] | None = None
        self._lock = filelock.FileLock(self._path)

    def hold(self) -> None:
        """Acquire the lock, also again if its file, or the whole folder, was deleted since."""
        if self._file is not None and self._file == _identity(self._path):
            return
        self._lock.release(force=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(timeout=0)
        self._file = _identity(self._path)

    def give_up(self) -> None:
        """Release the lock, and remove its file."""
        self._lock.release(force=True)
        self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def hold_lock(store: Store, name: str) -> Iterator[WorkerLock]:
    """Hold the lock that shows that the worker ``name`` is alive, within a ``with`` statement.

    If the lock's folder cannot be written, nothing is held: then the store cannot be written
    either, so the worker cannot claim anything.
    """
    lock = WorkerLock(store, name)
    with contextlib.suppress(OSError):
        lock.hold()
    try:
        yield lock
    finally:
        with contextlib.suppress(OSError):
            lock.give_up()


def dead_workers(store: Store, names: Iterable[str]) -> list[str]:
    """Return the names in ``names`` whose workers are dead."""
    return [name for name in names if _is_dead(_lock_file(store, name))]


def known_dead_workers(store: Store, names: Iterable[str]) -> list[str]:
    """Return the names in ``names`` whose workers are dead, as was seen in ``ALIVE_SECONDS``.

    Pages ask for this many times in a second, and each look at a lock opens a file.
    """
    now = time.monotonic()
    for file in [it for it, seen in _seen_alive.copy().items() if now - seen > ALIVE_SECONDS]:
        _seen_alive.pop(file, None)
    dead = []
    for name in names:
        file = _lock_file(store, name)
        if file in _seen_alive:
            continue
        if _is_dead(file):
            dead.append(name)
        else:
            _seen_alive[file] = now
    return dead


def remove_stale_locks(store: Store) -> None:
    """Remove the files of workers, and of tasks that built indexes, that were killed."""
    for file in store.path.parent.glob(f"*/*{ENDING}"):
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > STARTING_SECONDS and _is_dead(file):
                file.unlink()


def remove_lock(store: Store, name: str) -> None:
    """Remove the file of a worker whose process has ended."""
    with contextlib.suppress(OSError):
        _lock_file(store, name).unlink()


def _is_dead(file: Path) -> bool:
    """Whether nobody holds the lock of a file; False if that cannot be found out."""
    if not file.exists():
        return True
    try:
        lock = filelock.FileLock(file)
        lock.acquire(timeout=0)
    except OSError:
        # Somebody holds the lock (``filelock.Timeout``), or the file may not be opened.
        return not file.exists()
    lock.release(force=True)
    return True


def _lock_file(store: Store, name: str) -> Path:
    return _folder(store) / f"{name}{ENDING}"


def _folder(store: Store) -> Path:
    return store.path.parent / "workers"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_dev, found.st_ino
