"""Worker processes: names, starting, ending, and the base class of supervisors."""

import abc
import contextlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from core.errors import ExplorerError
from explorer.jobs.claims import Claims
from explorer.jobs.job import INTERRUPTED
from explorer.jobs.worker_locks import dead_workers, remove_stale_locks
from explorer.paths import ROOT
from explorer.store.database import NothingSaved
from explorer.store.results import Store

LOG = logging.getLogger(__name__)
POLL_SECONDS = 0.1
# How often a supervisor searches for dead workers that other processes started, and for jobs that
# nobody watches any more.
SWEEP_SECONDS = 2.0
# How long a supervisor waits after the store could not be read or written.
REST_SECONDS = 5.0
LEAVE_SECONDS = 5.0
# Workers run with a lower priority than the server and browsers, so that pages stay responsive.
NICENESS = 10
AUTOGROUP = Path("/proc/self/autogroup")


def new_worker_name() -> str:
    """Return a new unique name for a worker: machine, process id and a random number."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def mark_interrupted(store: Store, alive: Collection[str] = ()) -> None:
    """Mark the jobs of dead workers as interrupted, delete their claims, and remove their locks.

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
    remove_stale_locks(store)


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


def lower_priority() -> None:
    """Leave the processor to all other programs that need it, where the system can do that.

    Linux shares the processor among sessions before it looks at the priorities within each
    (``sched(7)``, *The autogroup feature*), and a browser has a session of its own. So this process
    gets one, too, and the whole session a lower priority.
    """
    if not hasattr(os, "nice"):
        return
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        if os.getsid(0) != os.getpid():
            os.setsid()
        AUTOGROUP.write_text(str(NICENESS), encoding="ascii")


def end_process(process: "subprocess.Popen[bytes]", grace_seconds: float = 0.0) -> None:
    """Close the standard input of a process; kill it if it still runs ``grace_seconds`` later."""
    with process:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()


def exit_with_parent(leave: Callable[[], None] | None = None) -> None:
    """Wait until the parent process has ended, then end this process.

    Args:
        leave: called before the end; it gets ``LEAVE_SECONDS``, because the main thread may keep
            the store busy.
    """
    sys.stdin.buffer.read()
    if leave is not None:
        thread = threading.Thread(target=leave, daemon=True)
        thread.start()
        thread.join(LEAVE_SECONDS)
    os._exit(0)


def exit_on_sigterm() -> None:
    """End this process by a ``SystemExit`` when it gets SIGTERM, so that it can tidy up."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


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
        with contextlib.suppress(NothingSaved):
            # Listings notice dead workers by themselves.
            mark_interrupted(self._store)

    def _run(self) -> None:
        last_sweep = -SWEEP_SECONDS
        while not self._stop.is_set():
            try:
                if time.monotonic() - last_sweep >= SWEEP_SECONDS:
                    mark_interrupted(self._store, self._running_workers())
                    self._claims.drop_unwatched()
                    last_sweep = time.monotonic()
                self._check_processes()
            except ExplorerError as error:
                # The store may be locked for a long time, or the disk may be full. Try again later.
                LOG.warning("%s", error)
                self._stop.wait(REST_SECONDS)
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
