"""The same jobs on a Ray cluster: the server's side.

Ray ends any process that talks to a cluster when that cluster is lost, so the server leaves this
to a process of its own (``explorer.cluster.ray_worker``) and keeps it running.
"""

import math
import os
import secrets
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import ExplorerError
from explorer.jobs import processes
from explorer.jobs.claims import Claims
from explorer.jobs.supervisor import (
    POLL_SECONDS,
    SWEEP_SECONDS,
    WORKERS_AT_MOST,
    WORKERS_VARIABLE,
    worker_count,
)
from explorer.paths import ROOT
from explorer.store.results import Store

# When a cluster is not there it is looked for again after so long.
RETRY_SECONDS = 10.0
# What the process that talks to Ray is given to let go of its tasks.
LEAVE_SECONDS = 10.0
# A cluster that has not answered for so long is lost.
LOST_SECONDS = 15
LOST = (
    "the connection to the Ray cluster was lost; what was finished is kept: "
    "go on when the cluster is back"
)


class RaySupervisor:
    """Keeps the process running that sends jobs to Ray, for as long as it is not stopped."""

    def __init__(self, store: Store, address: str | None = None) -> None:
        """Prepare.

        Args:
            store: with the queue.
            address: of the cluster; None starts Ray on this machine alone.

        Raises:
            ExplorerError: as ``worker_count``.
        """
        worker_count()  # What is set wrongly is better refused here than over there.
        self._store = store
        self._claims = Claims(store)
        self._address = address
        self._name = ""
        self._started = -math.inf
        self._process: subprocess.Popen[bytes] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ray supervisor", daemon=True)

    def start(self) -> None:
        """Start the process and watch over it, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and Ray tasks with it; what they were at is interrupted."""
        self._stop.set()
        self._thread.join()
        if self._process is not None:
            with self._process as process:
                assert process.stdin is not None
                process.stdin.close()
                try:
                    process.wait(LEAVE_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
            self._process = None
        processes.mark_interrupted(self._store)

    @property
    def process(self) -> int | None:
        """The id of the process, while it runs."""
        process = self._process
        return None if process is None else process.pid

    def _run(self) -> None:
        swept = -math.inf
        while not self._stop.is_set():
            try:
                if time.monotonic() - swept >= SWEEP_SECONDS:
                    processes.mark_interrupted(self._store, self._names())
                    swept = time.monotonic()
                self._keep_running()
            except ExplorerError:
                # The store may be locked for long, or its disk full; work goes on when it is back.
                traceback.print_exc()
            self._stop.wait(POLL_SECONDS)

    def _keep_running(self) -> None:
        """Start the process where none runs, and fail what one that ended was at."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._claims.release_dead(self._names(), "failed", LOST)
            with self._process:
                self._process = None
        if time.monotonic() - self._started < RETRY_SECONDS:
            return
        self._name, self._started = processes.new_worker_name(), time.monotonic()
        command = [
            sys.executable,
            "-m",
            "explorer.cluster.ray_worker",
            self._name,
            str(self._store.path),
        ]
        command += [] if self._address is None else ["--address", self._address]
        # The pipe ends when this process does, however it ends, and the other one follows.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, cwd=ROOT, env=ray_settings(self._address) | os.environ
        )

    def _names(self) -> list[str]:
        """List the workers in the process, as far as they are at something."""
        names = [name for name, _ in self._claims.claims()]
        return [it for it in names if self._process is not None and it.startswith(self._name)]


def ray_settings(address: str | None) -> dict[str, str]:
    """Tell what Ray reads from the environment where nobody has set it otherwise."""
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(LOST_SECONDS),
    }
    if address is None and "RAY_AUTH_MODE" not in os.environ:
        # Otherwise whoever can open a connection to this machine could run code on it.
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return settings


@dataclass(frozen=True)
class Share:
    """How a cluster is shared out.

    Attributes:
        count: how many parts of jobs are worked on at the same time.
        cpus: processors, and threads, for each where no GPU is used.
        gpus: how many GPUs there are.
    """

    count: int
    cpus: int
    gpus: int


def share(machines: Sequence[Mapping[str, float]]) -> Share:
    """Share out a cluster between as many parts as ``EXPLORER_WORKERS`` says, or as fit.

    Args:
        machines: the resources of each machine, as Ray names them.

    Raises:
        ExplorerError: the variable is no whole number, or too large.
    """
    cpus = [int(it.get("CPU", 0)) for it in machines]
    gpus = int(sum(it.get("GPU", 0) for it in machines))
    count = min(gpus or sum(cpus), WORKERS_AT_MOST)
    if WORKERS_VARIABLE in os.environ:
        count = worker_count()
    # A part is worked on by one machine, so the threads of each must fit in there.
    sizes = range(1, max(cpus, default=0) + 1)
    fitting = [size for size in sizes if sum(it // size for it in cpus) >= count]
    return Share(count, max(fitting, default=1), gpus)
