"""Worker processes: names, lock files, starting, ending, and the base class of supervisors.

While a worker runs, it holds a lock on a file that has the worker's name. If nobody holds the lock,
the worker is dead.
"""

import abc
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import filelock

from core.errors import ExplorerError
from explorer.jobs.claims import Claims
from explorer.paths import ROOT
from explorer.store.results import Store

INTERRUPTED = "the explorer was closed while this was being made; what was finished is kept"
POLL_SECONDS = 0.1
# How often a supervisor searches for dead workers that other processes started.
SWEEP_SECONDS = 2.0


def new_worker_name() -> str:
    """Return a new unique name for a worker: machine, process id and a random number."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


@contextlib.contextmanager
def hold_lock(store: Store, name: str) -> Iterator[None]:
    """Hold the lock that shows that the worker ``name`` is alive, within a ``with`` statement."""
    file = _lock_file(store, name)
    try:
        with filelock.FileLock(file).acquire(timeout=0):
            yield
    finally:
        file.unlink(missing_ok=True)


def dead_workers(store: Store, names: Iterable[str]) -> list[str]:
    """Return the names in ``names`` whose workers are dead."""
    return [name for name in names if _is_dead(_lock_file(store, name))]


def mark_interrupted(store: Store, alive: Collection[str] = ()) -> None:
    """Mark the jobs of dead workers as interrupted, and delete the claims of these workers.

    A running supervisor does this for its own workers. These workers had none, or one that was
    killed together with them.

    Args:
        store: the store with the job queue.
        alive: names of workers that the caller supervises, which are not checked.
    """
    claims = Claims(store)
    dead = dead_workers(store, {name for name, _ in claims.claiming_workers()}.difference(alive))
    if dead:
        claims.release_dead(dead, "interrupted", INTERRUPTED)


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


def start_process(
    module: str,
    arguments: Sequence[str],
    env: Mapping[str, str] | None = None,
    stdout: int | None = None,
) -> "subprocess.Popen[bytes]":
    """Start ``python -m module`` with a pipe as its standard input.

    The pipe closes when this process ends, even if it is killed. The new process should end then;
    for this, it can call ``exit_with_parent`` in a thread.

    Args:
        module: full name of the module.
        arguments: command-line arguments.
        env: environment variables; by default those of this process.
        stdout: as for ``subprocess.Popen``.
    """
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, cwd=ROOT, env=env)


def end_process(process: "subprocess.Popen[bytes]", grace_seconds: float = 0.0) -> None:
    """Close the standard input of a process; kill it if it still runs ``grace_seconds`` later."""
    with process:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()


def exit_with_parent() -> None:
    """Wait until the parent process has ended, then end this process."""
    sys.stdin.buffer.read()
    os._exit(0)


def describe_exit(code: int) -> str:
    """Return the message for a job whose worker process ended with an exit code."""
    if code < 0:
        name = signal.Signals(-code).name
        return (
            f"the worker was killed ({name}), perhaps for want of memory; "
            "what was finished is kept: go on, or try a smaller size"
        )
    return f"the worker stopped with exit code {code}; what was finished is kept: go on from there"


class ProcessSupervisor(abc.ABC):
    """A thread that keeps worker processes running, and handles the claims of dead workers."""

    def __init__(self, store: Store, name: str) -> None:
        """Prepare the thread, which ``start`` starts.

        Args:
            store: the store with the job queue.
            name: name of the thread.
        """
        self._store = store
        self._claims = Claims(store)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread, which starts the processes."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and the processes, and mark the jobs of their workers as interrupted."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._end_processes()
        mark_interrupted(self._store)

    def _run(self) -> None:
        last_sweep = -SWEEP_SECONDS
        while not self._stop.is_set():
            try:
                if time.monotonic() - last_sweep >= SWEEP_SECONDS:
                    mark_interrupted(self._store, self._running_workers())
                    last_sweep = time.monotonic()
                self._check_processes()
            except ExplorerError:
                # The store may be locked for a long time, or the disk may be full. Try again later.
                traceback.print_exc()
            self._stop.wait(POLL_SECONDS)

    @abc.abstractmethod
    def _check_processes(self) -> None:
        """Start missing processes, and mark the jobs of processes that have died as failed."""

    @abc.abstractmethod
    def _end_processes(self) -> None:
        """End all processes that this supervisor has started."""

    @abc.abstractmethod
    def _running_workers(self) -> list[str]:
        """Return the names of the workers in this supervisor's running processes."""
