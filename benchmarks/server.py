"""The app in a process that a benchmark may kill, and simulated users of the app."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from explorer.server.guard import VISITOR_CHARACTERS, VISITOR_COOKIE

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90.0
END_SECONDS = 60.0
# Texts in the command lines of worker processes: of the local engine, and of Ray.
WORKER_MARKS = ("explorer.jobs.worker", "ray::")


class Server:
    """The app, started as a user starts it, with the data folder ``home``."""

    def __init__(self, home: Path, engine: str = "local", workers: int = 1) -> None:
        self.home = home
        self._arguments = ["--engine", engine] if engine != "local" else []
        self._environment = {
            **os.environ,
            "EXPLORER_HOME": str(home),
            "EXPLORER_WORKERS": str(workers),
            "STREAMLIT_SERVER_HEADLESS": "true",
        }
        home.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        """Start the app, and wait until it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "explorer", "app", "--port", str(self.port)]
        with (self.home / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, *self._arguments],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stcore/health"):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"the server did not answer; see {self.home / 'server.log'}")

    def kill(self, sent: int = signal.SIGKILL) -> None:
        """Kill the app by SIGKILL, as the system does when memory runs out, or by another signal.

        Raises:
            RuntimeError: the process has not ended within ``END_SECONDS``.
        """
        self.process.send_signal(sent)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise RuntimeError(f"the server did not end within {END_SECONDS:.0f} s") from None

    def workers(self) -> list[int]:
        """Return the process ids of the app's workers, which are its descendants."""
        return [pid for pid in descendants(self.process.pid) if _is_worker(pid)]

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left = descendants(self.process.pid)
        self.kill()
        # What the app had started ends, too, before its data folder is removed.
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + END_SECONDS
        while any(map(_runs, left)) and time.monotonic() < deadline:
            time.sleep(0.05)


class Visitor:
    """A simulated user with one open page.

    As a browser does, it requests reruns of the page and waits until they have finished.
    """

    def __init__(self, port: int, name: str) -> None:
        self._url = f"ws://127.0.0.1:{port}/_stcore/stream"
        identity = name.ljust(VISITOR_CHARACTERS, "-")
        self._cookie = {"Cookie": f"{VISITOR_COOKIE}{port}={identity}"}

    async def __aenter__(self) -> "Visitor":
        # Without keepalive, as answers to its pings are not read while nothing else is.
        self._socket = await websockets.connect(
            self._url,
            subprotocols=["streamlit"],
            max_size=None,
            additional_headers=self._cookie,
            ping_interval=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def look(self, query: str, page: str = "") -> float:
        """Run a page with a query such as ``layer=relu2a``, and return the seconds of the run.

        Args:
            query: the query of the page's URL.
            page: the page's path in the URL; "" for the first page.
        """
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        started = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await self._socket.recv())
            if answer.WhichOneof("type") == "script_finished":
                return time.perf_counter() - started


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def descendants(pid: int) -> list[int]:
    """Return the process ids of all descendants of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def _runs(pid: int) -> bool:
    """Whether a process has not ended; one that nobody waits for has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _is_worker(pid: int) -> bool:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return False
    return any(mark in line for mark in WORKER_MARKS)
