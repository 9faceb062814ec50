"""Worker processes: their names, the locks that show that they live, and what becomes of dead
ones.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import filelock

from explorer.jobs.claims import Claims
from explorer.store.results import Store

INTERRUPTED = "the explorer was closed while this was being made; what was finished is kept"


def new_worker_name() -> str:
    """Make up a name for a worker, with the machine and process that it runs in."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@contextlib.contextmanager
def hold_lock(store: Store, name: str) -> Iterator[None]:
    """Hold the lock that says that a worker lives."""
    file = _lock_file(store, name)
    try:
        with filelock.FileLock(file).acquire(timeout=0):
            yield
    finally:
        file.unlink(missing_ok=True)


def dead_workers(store: Store, names: Iterable[str]) -> list[str]:
    """List which of some workers live no more."""
    return [name for name in names if _is_dead(_lock_file(store, name))]


def mark_interrupted(store: Store, alive: Collection[str] = ()) -> None:
    """Mark jobs as interrupted whose workers were killed together with what looked after them.

    Args:
        store: with the queue.
        alive: names of workers that the caller looks after.
    """
    claims = Claims(store)
    gone = dead_workers(store, {name for name, _ in claims.claims()}.difference(alive))
    if gone:
        claims.release_dead(gone, "interrupted", INTERRUPTED)


def _is_dead(file: Path) -> bool:
    if not file.exists():
        return True
    try:
        with filelock.FileLock(file).acquire(timeout=0):
            pass
    except filelock.Timeout:
        return False
    file.unlink(missing_ok=True)
    return True


def _lock_file(store: Store, name: str) -> Path:
    folder = store.path.parent / "workers"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.lock"


def exit_with_parent() -> None:
    """End this process when the one that started it is no more, however that ended."""
    sys.stdin.buffer.read()
    os._exit(0)


def describe_exit(code: int) -> str:
    """Say why a worker process ended."""
    if code < 0:
        name = signal.Signals(-code).name
        return (
            f"the worker was killed ({name}), perhaps for want of memory; "
            "what was finished is kept: go on, or try a smaller size"
        )
    return f"the worker stopped with exit code {code}; what was finished is kept: go on from there"


def close_input(process: "subprocess.Popen[bytes]") -> None:
    """Close a process's standard input, if it has one."""
    if process.stdin is not None:
        process.stdin.close()
