"""Errands: work in a process of its own that is no picture, such as an index or a download.

The process writes on standard output how far it is: ``looked DONE TOTAL``, and ``problem WORDS``
before it ends early. It ends with the process that started it; what it has written is kept.
"""

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from core.errors import ExplorerError
from explorer import paths
from explorer.jobs import processes, worker


class BackgroundTask:
    """A process, and how far it is.

    Attributes:
        done, total: of what it counts.
        problem: why it has ended early; empty if it has not.
    """

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        """Start it.

        Args:
            module: of this package, whose ``main`` runs.
            arguments: on its command line.
        """
        self.done, self.total, self.problem = 0, 0, ""
        self._first: tuple[float, int] | None = None
        self._stopped = False
        # The pipe ends when this process does, however it ends, and the other follows.
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=paths.ROOT,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def open(self) -> bool:
        """Whether it still works; once it does not, ``problem`` is final."""
        return self._listener.is_alive()

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimate how long it still takes; None while that is not known."""
        if self._first is None or self.done <= self._first[1]:
            return None
        began, before = self._first
        pace = (time.monotonic() - began) / (self.done - before)
        return pace * (self.total - self.done)

    def stop(self) -> None:
        """End it; what it has written down is kept."""
        self._stopped = True
        self._process.kill()
        self._listener.join()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        for line in self._process.stdout:
            kind, _, rest = line.strip().partition(" ")
            if kind == "problem":
                self.problem = rest
            elif kind == "looked":
                self.done, self.total = map(int, rest.split())
                if self._first is None:
                    self._first = (time.monotonic(), self.done)
        code = self._process.wait()
        self._process.stdout.close()
        self._process.stdin.close()
        if self._stopped:
            self.problem = "Stopped; what was found is kept."
        elif code and not self.problem:
            self.problem = f"It ended with exit code {code}; what was found is kept."


def report_progress(done: int, total: int) -> None:
    """Say, in an errand's process, how far it is."""
    send(f"looked {done} {total}")


def send(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run_task(work: Callable[[], None]) -> None:
    """Do an errand's work in its process, until the process that started it ends."""
    threading.Thread(target=processes.exit_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(worker.NICENESS)
    code = 0
    try:
        work()
    except ExplorerError as error:
        send("problem " + " ".join(str(error).split()))
        code = 1
    except Exception:
        traceback.print_exc()
        code = 2
    sys.stdout.flush()
    # At once, as the thread that waits for the other process to end cannot be ended.
    os._exit(code)
