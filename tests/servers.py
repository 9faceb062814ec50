"""The app in a process of its own, for tests that talk to a real server."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

START_SECONDS = 60
# The app as users start it, but with fewer drawings in the index of the Probe page.
APP = (
    "from explorer import cli; from explorer.library import index_task; "
    "index_task.DRAWINGS = 'sketchworld:1000'; cli.main()"
)


class RunningApp:
    """An app that is running.

    Attributes:
        port: the port that it listens on.
        log: the file with what it has written to the terminal.
        process: its process.
    """

    def __init__(self, port: int, log: Path, process: "subprocess.Popen[bytes]") -> None:
        self.port, self.log, self.process = port, log, process

    @property
    def address(self) -> str:
        """The app's URL."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether the app answers at all, be it with a refusal."""
        request = f"GET /_stcore/health HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(request.encode())
                return connection.recv(12).startswith(b"HTTP/1.1")
        except OSError:
            return False


@contextlib.contextmanager
def running_app(folder: Path, *arguments: str, workers: int = 1) -> Iterator[RunningApp]:
    """Start the app as a user does, with a data folder of its own, and stop it afterwards.

    Args:
        folder: folder for the data folder and the log.
        arguments: further arguments of the command ``app``.
        workers: number of worker processes.
    """
    port, log = free_port(), folder / "log"
    command = [sys.executable, "-c", APP, "app", "--port", str(port), *arguments]
    environment = {
        **os.environ,
        "EXPLORER_HOME": str(folder / "home"),
        "EXPLORER_WORKERS": str(workers),
        "STREAMLIT_SERVER_HEADLESS": "true",
    }
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    app = RunningApp(port, log, process)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not app.answers():
            if process.poll() is not None:
                pytest.fail(f"the server stopped:\n{log.read_text()}")
            if time.monotonic() > deadline:
                pytest.fail(f"the server did not answer:\n{log.read_text()}")
            time.sleep(0.2)
        yield app
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def free_port() -> int:
    """Return a port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
