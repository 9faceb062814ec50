"""Division of the processor's cores among all computing processes of a user on a machine.

Two programs that each use all cores wait for each other thousands of times in a step, and each
takes several times as long as it would with one core. So each computation (a worker's part of a
job, an index, a command, what a page measures) joins the others while it runs. It is given a share
of the cores, and asks for it again between its steps: it returns cores when another one joins, and
takes those that another one leaves. A computation never waits; it always has one thread. When all
have made a step, the sum of their threads is at most the larger of the numbers of cores and
computations.

The shares are in a table in the user's runtime folder. Each computation holds a lock on a file
there, which the operating system gives up when the process ends, however it ends. A cluster (Ray)
has an accounting of its own and does not use this module.
"""

import contextlib
import functools
import getpass
import json
import math
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import filelock

Params = ParamSpec("Params")
Item = TypeVar("Item")

FOLDER_VARIABLE = "EXPLORER_CORES"
TABLE, MUTEX, ENDING = "cores.json", "cores.lock", ".member"
# The weights decide how cores are divided that are left when each computation has one: what a
# visitor waits for, jobs of workers and commands, and what runs in the background.
PAGE, JOB, BACKGROUND = 4, 3, 1
# Seconds between two looks into the table, and how long to wait for others that write it.
LOOK_SECONDS = 0.05
MUTEX_SECONDS = 0.2
_thread = threading.local()


def divide(cores: int, weights: Sequence[int], limits: Sequence[int]) -> list[int]:
    """Divide cores among computations.

    Each gets one thread. Then, one by one, the others go to the computation that has the fewest for
    its weight and is below its limit; the first of several.

    Args:
        cores: number of cores.
        weights: the weight of each computation.
        limits: the number of threads that each can use, at least 1.
    """
    shares = [1] * len(weights)
    for _ in range(cores - len(weights)):
        able = [at for at, limit in enumerate(limits) if shares[at] < limit]
        if not able:
            break
        shares[min(able, key=lambda at: (shares[at] / weights[at], at))] += 1
    return shares


class CoreShare:
    """The share of one computation, from ``joined``."""

    def __init__(self, folder: Path, weight: int, limit: int) -> None:
        """Prepare a share; the first call of ``count`` joins the others.

        Args:
            folder: the folder of the table.
            weight: ``PAGE``, ``JOB`` or ``BACKGROUND``.
            limit: the number of threads that this process can use, at least 1.
        """
        self._table = _Table(folder)
        self._name = secrets.token_hex(8)
        self._lock = self._table.lock_of(self._name)
        self._mine = {"weight": weight, "limit": limit, "threads": 0}
        self._looked = -math.inf
        self._count = limit

    def count(self) -> int:
        """Return the number of threads to use from now on, at least 1.

        It is all that this process can use if the folder of the table cannot be written.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            # If the table is busy or cannot be written, the number stays.
            with contextlib.suppress(OSError), self._table.changing(self._name) as others:
                self._hold_lock()
                self._count = _new_count(self._name, {**others, self._name: self._mine})
                self._mine = {**self._mine, "threads": self._count}
                self._table.write({**others, self._name: self._mine})
        return self._count

    def apply(self) -> None:
        """Set the number of PyTorch's threads to ``count`` in this thread."""
        import torch

        if torch.get_num_threads() != self.count():
            torch.set_num_threads(self._count)

    def leave(self) -> None:
        """Return the cores to the others."""
        with contextlib.suppress(OSError), self._table.changing(self._name) as others:
            self._table.write(others)
            Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release(force=True)

    def _hold_lock(self) -> None:
        """Acquire the lock that shows that this computation runs, also if its file was deleted."""
        if self._lock.is_locked and Path(self._lock.lock_file).exists():
            return
        self._lock.release(force=True)
        self._lock.acquire()


Entry = dict[str, int]


def _new_count(name: str, table: Mapping[str, Entry]) -> int:
    """Return the number of threads of a computation, given the entries of all.

    Others may not have returned yet what is beyond their share, and what they still have is left to
    them.
    """
    names = sorted(table)
    weights, limits = ([table[it][key] for it in names] for key in ("weight", "limit"))
    cores = max(limits)
    share = divide(cores, weights, limits)[names.index(name)]
    free = cores - sum(table[it]["threads"] for it in names if it != name)
    return max(1, min(share, free))


class _Table:
    """The table of all computations: their weights, limits and present numbers of threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, Entry] = {}

    def lock_of(self, name: str) -> filelock.BaseFileLock:
        """Return the lock that a computation holds while it runs."""
        return filelock.FileLock(
            self._folder / f"{name}{ENDING}", timeout=0, thread_local=False, mode=0o600
        )

    @contextlib.contextmanager
    def changing(self, name: str) -> Iterator[dict[str, Entry]]:
        """Return a context manager in which nobody else reads or writes the table.

        Its value are the entries of all running computations but ``name``.

        Raises:
            OSError: the table is busy, or its folder cannot be written or belongs to another user.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and self._folder.lstat().st_uid != os.getuid():
            raise PermissionError(f"{self._folder} belongs to another user")
        mutex = filelock.FileLock(
            self._folder / MUTEX, timeout=MUTEX_SECONDS, poll_interval=0.002, mode=0o600
        )
        with mutex:
            self._found = self._read()
            running = (it for it in self._found if it != name and self._runs(it))
            yield {it: self._found[it] for it in running}

    def write(self, table: Mapping[str, Entry]) -> None:
        """Write the table, within ``changing``, if it differs from what was read."""
        if table == self._found:
            return
        unfinished = self._folder / f"{TABLE}.part"
        unfinished.write_text(json.dumps(table))
        unfinished.replace(self._folder / TABLE)

    def _read(self) -> dict[str, Entry]:
        try:
            table = json.loads((self._folder / TABLE).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return table if isinstance(table, dict) else {}

    def _runs(self, name: str) -> bool:
        """Whether somebody holds the lock of a computation; else remove its file."""
        lock = self.lock_of(name)
        file = Path(lock.lock_file)
        if not file.exists():
            return False
        try:
            lock.acquire()
        except filelock.Timeout:
            return True
        file.unlink(missing_ok=True)
        lock.release(force=True)
        return False


@contextlib.contextmanager
def joined(weight: int) -> Iterator[CoreShare]:
    """Return a context manager that joins the others, and whose value is the share of the cores.

    It sets the number of PyTorch's threads in this thread, and at the end sets it back.
    Computations that take turns in one thread have one share, that of the first; the last one that
    ends returns it.

    Args:
        weight: ``PAGE``, ``JOB`` or ``BACKGROUND``.
    """
    import torch

    share: CoreShare | None = getattr(_thread, "share", None)
    if share is None:
        _thread.before, _thread.users = torch.get_num_threads(), 0
        share = _thread.share = CoreShare(_folder(), weight, _most_threads())
        share.apply()
    _thread.users += 1
    try:
        yield share
    finally:
        _thread.users -= 1
        if not _thread.users:
            _thread.share = None
            share.leave()
            torch.set_num_threads(_thread.before)


def sharing(
    function: Callable[Params, Iterator[Item]], weight: int = JOB
) -> Callable[Params, Iterator[Item]]:
    """Return a generator function that yields the same, and shares cores between its steps.

    Args:
        function: a generator function that computes with PyTorch.
        weight: as for ``joined``.
    """

    @functools.wraps(function)
    def run(*args: Params.args, **kwargs: Params.kwargs) -> Iterator[Item]:
        with joined(weight) as share, contextlib.ExitStack() as stack:
            items = function(*args, **kwargs)
            if isinstance(items, Generator):
                stack.enter_context(contextlib.closing(items))
            for item in items:
                yield item
                share.apply()

    return run


def _folder() -> Path:
    """Return the folder of the table: ``EXPLORER_CORES``, or else one of this user."""
    named = os.environ.get(FOLDER_VARIABLE)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    own = Path(runtime or tempfile.gettempdir()) / f"neuron-explorer-{getpass.getuser()}"
    return Path(named) if named else own


@functools.cache
def _most_threads() -> int:
    """Return PyTorch's number of threads at the start: that of cores, unless the user chose one."""
    import torch

    return torch.get_num_threads()
