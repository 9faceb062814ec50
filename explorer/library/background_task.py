"""Background tasks: processes that build an index or download weights, and their registry.

The process of a task reports on standard output: a line ``looked DONE TOTAL`` for each step of the
progress, and a line ``problem TEXT`` if the task fails. The process of a task ends when the process
that started it ends. The files that the task has written are kept.
"""

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from core.errors import ExplorerError
from explorer.jobs import ownership, processes

# The number of tasks of guests that may run at a time; each guest may have one.
OPEN_OF_GUESTS = 4


class BackgroundTask:
    """A process that runs a task, and the progress that the process has reported.

    Attributes:
        owner: identifier of the visitor who started the task; "" for the machine's user.
        done, total: amounts of finished work and of all work, in a unit that the task chooses.
        problem: why the task failed or was stopped; "" otherwise.
    """

    def __init__(self, module: str, arguments: Sequence[str], visitor: str | None = None) -> None:
        """Start the process.

        Args:
            module: full name of the module that is run.
            arguments: command-line arguments.
            visitor: the visitor who starts the task; None for the machine's user.
        """
        self.owner = visitor or ""
        self.done, self.total, self.problem = 0, 0, ""
        # Time and finished work at the first report; the remaining time is estimated from them.
        self._first: tuple[float, int] | None = None
        self._stopped = False
        self._process = processes.start_process(module, arguments, stdout=subprocess.PIPE)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def open(self) -> bool:
        """Whether the task is running. After it has ended, ``problem`` no longer changes."""
        return self._listener.is_alive()

    @property
    def share(self) -> float:
        """The fraction of the task that is done, from 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The estimated remaining time in seconds, or None if there is no estimate yet."""
        if self._first is None or self.done <= self._first[1]:
            return None
        began, before = self._first
        pace = (time.monotonic() - began) / (self.done - before)
        return pace * (self.total - self.done)

    def stop(self, visitor: str | None = None) -> None:
        """Kill the process; the files that it has written are kept.

        Args:
            visitor: the visitor who stops the task; None for the machine's user.

        Raises:
            NotYours: the task belongs to somebody else.
        """
        ownership.check_owner(visitor, self.owner, "this")
        self._stopped = True
        self._process.kill()
        self._listener.join()

    def _listen(self) -> None:
        with self._process:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                kind, _, rest = line.decode().strip().partition(" ")
                if kind == "problem":
                    self.problem = rest
                elif kind == "looked":
                    self.done, self.total = map(int, rest.split())
                    if self._first is None:
                        self._first = (time.monotonic(), self.done)
            code = self._process.wait()
        if self._stopped:
            self.problem = "Stopped; what was found is kept."
        elif code and not self.problem:
            self.problem = f"It ended with exit code {code}; what was found is kept."


# The last task that this process has started for each key. The task may have ended.
_TASKS: dict[str, BackgroundTask] = {}
_TASKS_LOCK = threading.Lock()


def start_task(key: str, module: str, arguments: Sequence[str], visitor: str | None = None) -> None:
    """Start a task, unless a task with the same key is running.

    Args:
        key: identifies what the task makes, such as ``fetch resnet18``.
        module, arguments, visitor: as for ``BackgroundTask``.

    Raises:
        ExplorerError: the visitor is a guest, and a task of theirs, or too many tasks of guests
            are running.
    """
    with _TASKS_LOCK:
        before = _TASKS.get(key)
        if before is not None and before.open:
            return
        of_guests = [it.owner for it in _TASKS.values() if it.open and it.owner]
        if ownership.is_guest(visitor) and (
            len(of_guests) >= OPEN_OF_GUESTS or visitor in of_guests
        ):
            raise ExplorerError("other downloads or indexes are under way; wait for one to end")
        _TASKS[key] = BackgroundTask(module, arguments, visitor)


def latest_task(key: str) -> BackgroundTask | None:
    """Return the last task that was started with a key, running or ended; None if none was."""
    return _TASKS.get(key)


def report_progress(done: int, total: int) -> None:
    """Report the progress of the task that runs in this process, on standard output."""
    _send(f"looked {done} {total}")


def _send(line: str) -> None:
    """Write a line to standard output, without buffering."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run_task(work: Callable[[], None]) -> None:
    """Run the function of a task, report an error, and exit; exit early if the parent process ends.

    This is called in the process that was started for the task.
    """
    threading.Thread(target=processes.exit_with_parent, daemon=True).start()
    processes.lower_priority()
    code = 0
    try:
        work()
    except ExplorerError as error:
        _send("problem " + " ".join(str(error).split()))
        code = 1
    except Exception:
        traceback.print_exc()
        code = 2
    sys.stdout.flush()
    # A normal exit would wait for the thread above, which waits for the end of the parent process.
    os._exit(code)
