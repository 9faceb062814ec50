"""SketchNet's own index, over drawings of SketchWorld: made on first use, in a process of its own.

``python -m explorer.ready FILE`` makes it, and writes how far it is on standard output. It ends
with the process that started it; what it has found by then is in the file, and the next one goes
on from there. Of several that want the same file, one makes it and the others wait.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import filelock

from core.errors import ExplorerError
from explorer import supervisor, worker
from explorer.store import home

FOLDER, ENDING = "indexes", ".index"
DRAWINGS = "sketchworld:5000"
# Enough for what the labels among a neuron's best pictures say; the first nine are shown.
KEPT = 36
SAVE_SECONDS = 3.0


def file_of(weights: str) -> Path:
    """Tell where the index for SketchNet with some weights lies, or will."""
    return home() / FOLDER / f"sketchnet-{weights}{ENDING}"


class Making:
    """A process that makes the index, and how far it is.

    Attributes:
        done, total: drawings looked at, of how many.
        problem: why it has ended early; empty if it has not.
    """

    def __init__(self, out: Path) -> None:
        """Start it."""
        self.done, self.total, self.problem = 0, 0, ""
        self._first: tuple[float, int] | None = None
        self._stopped = False
        out.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "explorer.ready", str(out)]
        # The pipe ends when this process does, however it ends, and the other follows.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=supervisor.ROOT,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def open(self) -> bool:
        """Whether it still works."""
        return self._process.poll() is None

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
        self._process.wait()

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


def make(out: Path) -> None:
    """Make the index, or go on with it, unless it is there.

    Raises:
        ExplorerError: it cannot be made.
    """
    from core import indexes, networks, retrieval, sources

    with filelock.FileLock(out.with_suffix(".lock")):
        if out.exists():
            try:
                if indexes.open(out).complete:
                    return
            except ExplorerError:
                out.unlink()  # Damaged, so nothing can go on from it.
        network, source = networks.load(networks.SKETCHNET), sources.find(DRAWINGS)
        plan = retrieval.plan(network, source, k=KEPT, by=retrieval.STATISTICS)
        tally = retrieval.begin(plan, source, out, resume=True)
        for step in retrieval.build(network, source, tally, out, save_seconds=SAVE_SECONDS):
            _say(f"looked {step.done} {step.total}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Make the index, until the process that started this one ends."""
    parser = argparse.ArgumentParser(prog="python -m explorer.ready", description=main.__doc__)
    parser.add_argument("out", type=Path, help="the index to make")
    out = parser.parse_args().out
    threading.Thread(target=worker.leave_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(worker.NICENESS)
    code = 0
    try:
        make(out)
    except ExplorerError as error:
        _say("problem " + " ".join(str(error).split()))
        code = 1
    except Exception:
        traceback.print_exc()
        code = 2
    # At once, as the thread that waits for the other process to end cannot be ended.
    os._exit(code)


if __name__ == "__main__":
    main()
