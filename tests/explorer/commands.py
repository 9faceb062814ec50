"""Running commands of the command line in this process or as a separate process.

A separate process first imports PyTorch, which takes seconds. Use it only for what needs a process:
the exact standard output, signals, kills, and a start with empty caches.
"""

import contextlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

from explorer import cli
from tests.conftest import ROOT

# A process first imports PyTorch, which is slow on a busy machine.
PATIENCE = 240.0
# The width of tables in the output.
WIDE = {"COLUMNS": "120"}

Done = subprocess.CompletedProcess[str]
Process = subprocess.Popen[str]


def run(*arguments: object) -> Done:
    """Run a command in this process until it ends."""
    line = ["explorer", *map(str, arguments)]
    output, errors = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", line),
        mock.patch.dict(os.environ, WIDE),  # also restores variables that the command sets
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            cli.main()
        except SystemExit as left:
            code = left.code or 0
    assert isinstance(code, int)
    return Done(line, code, output.getvalue(), errors.getvalue())


def command(*arguments: object) -> list[str]:
    """Return the command line that runs a command as a process."""
    return [sys.executable, "-m", "explorer", *map(str, arguments)]


def run_process(*arguments: object) -> Done:
    """Run a command as a separate process, as users do, until it ends."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **WIDE},
        timeout=PATIENCE,
    )


@contextlib.contextmanager
def started(line: Sequence[str], **streams: Any) -> Iterator[Process]:
    """Start a process without waiting for it; kill it at the end if it is still running."""
    environment = {**os.environ, **WIDE}
    with subprocess.Popen(line, text=True, cwd=ROOT, env=environment, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def crowding() -> float:
    """Measure by what factor processes are slower now than on an idle machine."""
    began, computed = time.monotonic(), time.process_time()
    while time.process_time() - computed < 0.1:
        pass
    return (time.monotonic() - began) / (time.process_time() - computed)
