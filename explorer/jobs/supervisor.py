"""The supervisor of this machine's worker processes.

It is a thread of the server. When a worker process dies, the job of its current part fails. Jobs of
a killed server are found by the supervisor of the next server, and marked as interrupted.
"""

import os
import subprocess
import time
from dataclasses import dataclass

from core.errors import ExplorerError
from explorer.jobs.processes import (
    ProcessSupervisor,
    describe_exit,
    end_process,
    new_worker_name,
    start_process,
)
from explorer.store.results import Store

WORKERS_VARIABLE = "EXPLORER_WORKERS"
WORKERS_AT_MOST = 64
# A worker notices a cancelled job only between two steps. After this time it is killed.
PATIENCE_SECONDS = 0.6
# The delay before a restart doubles with each early death of a worker, up to this value.
RESTART_SECONDS = 30.0


def worker_count() -> int:
    """Return the number of workers to run: ``EXPLORER_WORKERS``, by default 1.

    Raises:
        ExplorerError: the variable is not a whole number, or is too large.
    """
    text = os.environ.get(WORKERS_VARIABLE, "1")
    if not text.isdecimal() or int(text) > WORKERS_AT_MOST:
        raise ExplorerError(
            f"{WORKERS_VARIABLE} is {text!r}; it must be a whole number from 0 to {WORKERS_AT_MOST}"
        )
    return int(text)


@dataclass
class WorkerSlot:
    """One worker process, and its successors after restarts.

    Attributes:
        process: the process that runs now, if any.
        name: name of its worker.
        started: when the process was started, on the monotonic clock.
        failures: number of processes in a row that died within ``RESTART_SECONDS``.
        cancelled_since: since when no open job needs the worker's part, on the monotonic clock;
            None while one does.
        killed: whether the supervisor killed the process, so that its death is not a failure.
    """

    process: "subprocess.Popen[bytes] | None" = None
    name: str = ""
    started: float = 0.0
    failures: int = 0
    cancelled_since: float | None = None
    killed: bool = False


class Supervisor(ProcessSupervisor):
    """Keeps worker processes running on this machine between ``start`` and ``stop``."""

    def __init__(self, store: Store, count: int | None = None) -> None:
        """Prepare the supervisor.

        Args:
            store: the store with the job queue.
            count: number of workers; by default ``worker_count()``.
        """
        super().__init__(store, "supervisor")
        self._slots = [WorkerSlot() for _ in range(worker_count() if count is None else count)]

    def start(self) -> None:
        """Start the workers and the thread that supervises them, if there are any workers."""
        if self._slots:
            super().start()

    @property
    def processes(self) -> list[int]:
        """The process ids of the running workers."""
        return [it.process.pid for it in self._slots if it.process is not None]

    def _check_processes(self) -> None:
        for slot in self._slots:
            self._keep_running(slot)
        self._kill_cancelled()

    def _end_processes(self) -> None:
        for slot in self._slots:
            if slot.process is not None:
                end_process(slot.process)
                slot.process = None

    def _running_workers(self) -> list[str]:
        return [it.name for it in self._slots if it.process is not None]

    def _keep_running(self, slot: WorkerSlot) -> None:
        """Restart the process of a slot if it has died, and fail the job it worked on."""
        now = time.monotonic()
        if slot.process is not None:
            code = slot.process.poll()
            if code is None:
                return
            if slot.killed:
                self._claims.release_dead([slot.name])
            else:
                self._claims.release_dead([slot.name], "failed", describe_exit(code))
            died_early = now - slot.started < RESTART_SECONDS and not slot.killed
            slot.failures = slot.failures + 1 if died_early else 0
            end_process(slot.process)
            slot.process = None
        if now - slot.started < min(2.0**slot.failures - 1, RESTART_SECONDS):
            return
        self._start(slot)

    def _start(self, slot: WorkerSlot) -> None:
        slot.name, slot.started = new_worker_name(), time.monotonic()
        slot.cancelled_since, slot.killed = None, False
        arguments = [slot.name, str(self._store.path)]
        if len(self._slots) > 1:
            # Workers that use the same processors with all their threads are many times slower.
            threads = max(1, (os.cpu_count() or 1) // len(self._slots))
            arguments += ["--threads", str(threads)]
        slot.process = start_process("explorer.jobs.worker", arguments)

    def _kill_cancelled(self) -> None:
        """Kill the workers that still work on a job ``PATIENCE_SECONDS`` after it was cancelled."""
        now = time.monotonic()
        cancelled = {name for name, needed in self._claims.claiming_workers() if not needed}
        for slot in self._slots:
            if slot.name not in cancelled:
                slot.cancelled_since = None
            elif slot.cancelled_since is None:
                slot.cancelled_since = now
            elif now - slot.cancelled_since > PATIENCE_SECONDS and slot.process is not None:
                slot.killed = True
                slot.process.kill()
