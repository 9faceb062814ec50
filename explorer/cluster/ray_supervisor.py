"""The supervisor of the process that sends jobs to a Ray cluster, and the division of a cluster.

When a cluster is lost, Ray ends every process that is connected to it. Therefore the server does
not connect to the cluster. It starts a separate process (``explorer.cluster.ray_worker``), which
connects, and starts a new one when that process has ended.
"""

import math
import os
import secrets
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from explorer.jobs.processes import (
    ProcessSupervisor,
    end_process,
    new_worker_name,
    start_process,
)
from explorer.jobs.supervisor import WORKERS_AT_MOST, WORKERS_VARIABLE, worker_count
from explorer.store.results import Store

# Shortest time between two starts of the process, which ends if it finds no cluster.
RETRY_SECONDS = 10.0
# When the server stops, the process has this time to cancel its tasks before it is killed.
LEAVE_SECONDS = 10.0
# A cluster that has not answered for this time counts as lost.
LOST_SECONDS = 15
LOST = (
    "the connection to the Ray cluster was lost; what was finished is kept: "
    "go on when the cluster is back"
)


class RaySupervisor(ProcessSupervisor):
    """Keeps the process that sends jobs to Ray running between ``start`` and ``stop``."""

    def __init__(self, store: Store, address: str | None = None) -> None:
        """Prepare the supervisor.

        Args:
            store: the store with the job queue.
            address: address of the cluster; None starts Ray on this machine alone.

        Raises:
            ExplorerError: as for ``worker_count``.
        """
        worker_count()  # Raises now if EXPLORER_WORKERS is wrong, and not later in the process.
        super().__init__(store, "ray supervisor")
        self._address = address
        self._name = ""
        self._started = -math.inf
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> int | None:
        """The id of the process that sends jobs to Ray; None if there is none."""
        process = self._process
        return None if process is None else process.pid

    def _check_processes(self) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._claims.release_dead(self._running_workers(), "failed", LOST)
            end_process(self._process)
            self._process = None
        if time.monotonic() - self._started < RETRY_SECONDS:
            return
        self._name, self._started = new_worker_name(), time.monotonic()
        arguments = [self._name, str(self._store.path)]
        arguments += [] if self._address is None else ["--address", self._address]
        env = ray_settings(self._address) | os.environ
        self._process = start_process("explorer.cluster.ray_worker", arguments, env)

    def _end_processes(self) -> None:
        if self._process is not None:
            end_process(self._process, LEAVE_SECONDS)
            self._process = None

    def _running_workers(self) -> list[str]:
        """Return the names of those workers in the process that have claimed a part."""
        if self._process is None:
            return []
        names = (name for name, _ in self._claims.claiming_workers())
        return [it for it in names if it.startswith(self._name)]


def ray_settings(address: str | None) -> dict[str, str]:
    """Return environment variables for Ray. The caller should not overwrite those already set."""
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(LOST_SECONDS),
    }
    if address is None and "RAY_AUTH_MODE" not in os.environ:
        # Without a token, anybody who can connect to this machine could run code on it.
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return settings


@dataclass(frozen=True)
class Allocation:
    """The division of a cluster's resources between the parts of jobs that are rendered on it.

    Attributes:
        count: number of parts that are rendered at the same time.
        cpus: number of processors and threads for each part that uses no GPU.
        gpus: number of GPUs in the cluster.
    """

    count: int
    cpus: int
    gpus: int


def allocate(machines: Sequence[Mapping[str, float]]) -> Allocation:
    """Compute how the resources of a cluster are divided between parts of jobs.

    The environment variable ``EXPLORER_WORKERS`` is the number of parts that are rendered at the
    same time. By default, this is the number of GPUs, or of processors if there are no GPUs.

    Args:
        machines: the resources of each machine, such as ``{"CPU": 16, "GPU": 1}``.

    Raises:
        ExplorerError: as for ``worker_count``.
    """
    cpus = [int(it.get("CPU", 0)) for it in machines]
    gpus = int(sum(it.get("GPU", 0) for it in machines))
    count = min(gpus or sum(cpus), WORKERS_AT_MOST)
    if WORKERS_VARIABLE in os.environ:
        count = worker_count()
    # All threads of a part run on one machine. A machine can thus render cpus // threads parts.
    thread_counts = range(1, max(cpus, default=0) + 1)
    fitting = [threads for threads in thread_counts if sum(it // threads for it in cpus) >= count]
    return Allocation(count, max(fitting, default=1), gpus)
