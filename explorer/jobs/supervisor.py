"""The supervisor: keeps the app's worker processes running, and says what became of lost jobs.

It lives in a thread of the server. A worker that dies fails the one job it was at; jobs that a
killed server left behind are found by the next one and marked as interrupted.
"""

import os
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass

from core.errors import ExplorerError
from explorer.jobs.claims import Claims
from explorer.jobs.processes import (
    close_input,
    describe_exit,
    mark_interrupted,
    new_worker_name,
)
from explorer.paths import ROOT
from explorer.store.results import Store

WORKERS_VARIABLE = "EXPLORER_WORKERS"
WORKERS_AT_MOST = 64
POLL_SECONDS = 0.1
# A worker in the middle of a long step hears of a cancel late; then its process is ended.
PATIENCE_SECONDS = 0.6
# How often workers of other processes are looked at, which may have been killed.
SWEEP_SECONDS = 2.0
# A worker that dies at once, again and again, is started ever more rarely.
RESTART_SECONDS = 30.0


def worker_count() -> int:
    """Tell how many workers to run: ``EXPLORER_WORKERS``, 1 if it is not set.

    Raises:
        ExplorerError: the variable is no whole number, or too large.
    """
    text = os.environ.get(WORKERS_VARIABLE, "1")
    if not text.isdecimal() or int(text) > WORKERS_AT_MOST:
        raise ExplorerError(
            f"{WORKERS_VARIABLE} is {text!r}; it must be a whole number from 0 to {WORKERS_AT_MOST}"
        )
    return int(text)


@dataclass
class WorkerSlot:
    """A slot for one worker process.

    Attributes:
        process: the one that runs now, if any.
        name: its worker's name.
        started: when, on the monotonic clock.
        failures: how many workers in a row died soon after they began.
        unwanted: since when the worker has been at something that nobody wants any more.
        stopped: whether we ended it, so that its death is no failure.
    """

    process: "subprocess.Popen[bytes] | None" = None
    name: str = ""
    started: float = 0.0
    failures: int = 0
    unwanted: float | None = None
    stopped: bool = False


class Supervisor:
    """Runs worker processes for as long as it is not stopped."""

    def __init__(self, store: Store, count: int | None = None) -> None:
        """Prepare.

        Args:
            store: with the queue.
            count: how many workers; by default what ``worker_count`` tells.
        """
        self._store = store
        self._claims = Claims(store)
        self._slots = [WorkerSlot() for _ in range(worker_count() if count is None else count)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the workers and watch over them, in a thread."""
        if self._slots:
            self._thread.start()

    def stop(self) -> None:
        """End the workers; what they were at is interrupted."""
        self._stop.set()
        if self._slots:
            self._thread.join()
        for slot in self._slots:
            if slot.process is not None:
                slot.process.kill()
                slot.process.wait()
                close_input(slot.process)
                slot.process = None
        self._sweep()

    @property
    def processes(self) -> list[int]:
        """The process ids of the workers that run."""
        return [it.process.pid for it in self._slots if it.process is not None]

    def _run(self) -> None:
        swept = -SWEEP_SECONDS
        while not self._stop.is_set():
            try:
                if time.monotonic() - swept >= SWEEP_SECONDS:
                    self._sweep()
                    swept = time.monotonic()
                for slot in self._slots:
                    self._keep_running(slot)
                self._end_unwanted()
            except ExplorerError:
                # The store may be locked for long, or its disk full; work goes on when it is back.
                traceback.print_exc()
            self._stop.wait(POLL_SECONDS)

    def _keep_running(self, slot: WorkerSlot) -> None:
        """Start a worker where none runs, and say why the last one died."""
        now = time.monotonic()
        if slot.process is not None:
            code = slot.process.poll()
            if code is None:
                return
            if slot.stopped:
                self._claims.release_dead([slot.name])
            else:
                self._claims.release_dead([slot.name], "failed", describe_exit(code))
            soon = now - slot.started < RESTART_SECONDS and not slot.stopped
            slot.failures = slot.failures + 1 if soon else 0
            close_input(slot.process)
            slot.process = None
        if now - slot.started < min(2.0**slot.failures - 1, RESTART_SECONDS):
            return
        self._start(slot)

    def _start(self, slot: WorkerSlot) -> None:
        slot.name, slot.started = new_worker_name(), time.monotonic()
        slot.unwanted, slot.stopped = None, False
        threads = max(1, (os.cpu_count() or 1) // len(self._slots))
        command = [sys.executable, "-m", "explorer.jobs.worker", slot.name, str(self._store.path)]
        # Threads of several workers on the same processors make each of them many times slower.
        command += ["--threads", str(threads)] if len(self._slots) > 1 else []
        # The pipe ends when this process does, however it ends, and the worker follows.
        slot.process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT)

    def _end_unwanted(self) -> None:
        """End the process of a worker that does not hear that its part was cancelled."""
        now = time.monotonic()
        unwanted = {name for name, wanted in self._claims.claims() if not wanted}
        for slot in self._slots:
            if slot.name not in unwanted:
                slot.unwanted = None
            elif slot.unwanted is None:
                slot.unwanted = now
            elif now - slot.unwanted > PATIENCE_SECONDS and slot.process is not None:
                slot.stopped = True
                slot.process.kill()

    def _sweep(self) -> None:
        """Find jobs whose workers were killed together with their server."""
        running = [it.name for it in self._slots if it.process is not None]
        mark_interrupted(self._store, running)
