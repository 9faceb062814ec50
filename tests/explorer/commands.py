"""Commands of the command line, run in this process or in one of their own; and any process.

A process of its own imports PyTorch first, for seconds. It is for what only a process shows: that
nothing but what is meant reaches standard output, signals, kills, and a start from nothing.
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

# A process imports PyTorch first, on a machine that does much else.
PATIENCE = 240.0
# So wide are tables.
WIDE = {"COLUMNS": "120"}

Done = subprocess.CompletedProcess[str]
Process = subprocess.Popen[str]


def run(*arguments: object) -> Done:
    """Run a command in this process, to its end."""
    line = ["explorer", *map(str, arguments)]
    output, errors = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", line),
        mock.patch.dict(os.environ, WIDE),  # which takes back what the command sets, too
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
    """Write what starts a command as a process."""
    return [sys.executable, "-m", "explorer", *map(str, arguments)]


def run_process(*arguments: object) -> Done:
    """Run a command as a process of its own, as people do, to its end."""
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
    """Start a process that is not waited for; it is killed if it is still there at the end."""
    environment = {**os.environ, **WIDE}
    with subprocess.Popen(line, text=True, cwd=ROOT, env=environment, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def crowding() -> float:
    """Measure how many times as long as on a machine that does nothing else all takes now."""
    began, computed = time.monotonic(), time.process_time()
    while time.process_time() - computed < 0.1:
        pass
    return (time.monotonic() - began) / (time.process_time() - computed)
