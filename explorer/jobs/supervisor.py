"""The supervisor of this machine's worker processes.

The supervisor is a thread of the server. When a worker process dies, the job that it was rendering
is marked as failed. If the server is killed, the supervisor of the next server marks the jobs that
were being rendered as interrupted.
"""

import os
import subprocess
import time
from dataclasses import dataclass

from core.numbers import read_whole
from explorer import own_code
from explorer.jobs.processes import (
    ProcessSupervisor,
    describe_exit,
    end_process,
    new_worker_name,
    start_process,
)
from explorer.jobs.worker_locks import remove_lock
from explorer.store.results import Store

WORKERS_VARIABLE = "EXPLORER_WORKERS"
WORKERS_AT_MOST = 64
# A worker that still renders a job this long after it was cancelled is killed. Workers themselves
# notice a cancelled job only between two steps.
PATIENCE_SECONDS = 0.6
# The same if the worker has paused another part, which would be lost.
PATIENCE_WITH_PAUSED_SECONDS = 10.0
# The delay before a restart doubles each time a worker dies soon after its start, up to this value.
RESTART_SECONDS = 30.0


def worker_count() -> int:
    """Return the number of workers to run: environment variable ``EXPLORER_WORKERS``, or else 1.

    Raises:
        ExplorerError: the variable is not a whole number, or is larger than ``WORKERS_AT_MOST``.
    """
    text = os.environ.get(WORKERS_VARIABLE, "1")
    return read_whole(WORKERS_VARIABLE, text, (0, WORKERS_AT_MOST))


@dataclass
class WorkerSlot:
    """The state of one of the worker processes; a process that dies is replaced by a new one.

    Attributes:
        process: the current process; None if there is none.
        name: name of the worker in the current process, or in the one that has died.
        started: when the last process was started, on the monotonic clock.
        failures: number of processes in a row that died within ``RESTART_SECONDS``.
        cancelled_since: since when no open job needs the part that the worker renders, on the
            monotonic clock; None if the part is needed.
        killed: whether the supervisor killed the process; its end does not count as a failure then.
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
                remove_lock(self._store, slot.name)

    def _running_workers(self) -> list[str]:
        return [it.name for it in self._slots if it.process is not None]

    def _keep_running(self, slot: WorkerSlot) -> None:
        """If the process of a slot has died, mark its job as failed and start a new process.

        The job is not marked if the supervisor killed the process. After early deaths, the new
        process is started with a delay.
        """
        now = time.monotonic()
        if slot.process is not None:
            code = slot.process.poll()
            if code is None:
                return
            if slot.killed:
                self._claims.release_dead([slot.name])
            else:
                self._claims.release_dead([slot.name], "failed", describe_exit(code))
            remove_lock(self._store, slot.name)
            died_early = now - slot.started < RESTART_SECONDS and not slot.killed
            slot.failures = slot.failures + 1 if died_early else 0
            end_process(slot.process)
            slot.process = None
        waiting = now - slot.started < min(2.0**slot.failures - 1, RESTART_SECONDS)
        # Without a store that can be written, a worker could claim nothing.
        if waiting or self._store.problem:
            return
        self._start(slot)

    def _start(self, slot: WorkerSlot) -> None:
        slot.name, slot.started = new_worker_name(), time.monotonic()
        slot.cancelled_since, slot.killed = None, False
        options = [slot.name, str(self._store.path), *own_code.arguments()]
        slot.process = start_process("explorer.jobs.worker", options)

    def _kill_cancelled(self) -> None:
        """Kill the workers that still work on a job some time after it was cancelled."""
        now = time.monotonic()
        claims = self._claims.claiming_workers()
        cancelled = {name for name, needed in claims if not needed}
        busy = {name for name, needed in claims if needed}
        for slot in self._slots:
            patience = PATIENCE_WITH_PAUSED_SECONDS if slot.name in busy else PATIENCE_SECONDS
            if slot.name not in cancelled:
                slot.cancelled_since = None
            elif slot.cancelled_since is None:
                slot.cancelled_since = now
            elif now - slot.cancelled_since > patience and slot.process is not None:
                slot.killed = True
                slot.process.kill()
