"""The process that sends jobs to Ray: ``python -m explorer.cluster.ray_worker``.

The server starts this process. It has a pool of threads, each of which is a worker
(``explorer.jobs.worker``). A worker sends each recipe to a Ray task, which renders it on the
cluster, and receives the task's updates.
"""

import argparse
import contextlib
import functools
import logging
import math
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import exceptions

from core.errors import ExplorerError, named, reason_of
from core.files import file_and_part, make_folder, with_part, write_file
from core.recipes import kinds
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe
from explorer.cluster.ray_supervisor import Allocation, allocate
from explorer.jobs import worker, worker_locks
from explorer.jobs.claims import Claims
from explorer.jobs.job import INTERRUPTED
from explorer.jobs.processes import POLL_SECONDS
from explorer.jobs.supervisor import PATIENCE_SECONDS
from explorer.paths import ROOT, home
from explorer.rendering.update import Update
from explorer.store.results import Store

# The kinds of recipes that run faster on a GPU; others get processors only.
ON_GPU = frozenset({NeuronRecipe.kind, DreamRecipe.kind, StyleRecipe.kind, StyleFilmRecipe.kind})
# The code that is sent to the machines of a cluster, without the shipped pictures.
PACKAGES = [str(ROOT / "core"), str(ROOT / "explorer")]
NOT_SENT = ["__pycache__/", "*.sqlite3", "previews/"]
# Time between two checks whether machines have joined the cluster.
GROW_SECONDS = 5.0
# Time to wait for a connection to the address of a cluster.
REACH_SECONDS = 5.0
# Number of users' checkpoints that are kept in Ray's object store, and on each machine's disk.
CHECKPOINTS_AT_MOST = 4
LOSSES = {
    exceptions.OutOfMemoryError: "the worker was ended for want of memory; "
    "what was finished is kept: try a smaller size",
    exceptions.NodeDiedError: "the machine that worked on this was lost; "
    "what was finished is kept: go on from there",
    exceptions.WorkerCrashedError: "the worker was killed, perhaps for want of memory; "
    "what was finished is kept: go on, or try a smaller size",
}


class Cluster:
    """A connection to a Ray cluster, and the rendering of recipes on the cluster."""

    def __init__(self, address: str | None) -> None:
        """Connect to a cluster; start Ray on this machine alone if ``address`` is None.

        Raises:
            ExplorerError: no cluster answers at the address, or the connection fails.
        """
        runtime: dict[str, Any] = {"env_vars": {"PYTHONPATH": str(ROOT)}}
        if address is not None:
            _check_address(address)
            runtime = {"py_modules": PACKAGES, "excludes": NOT_SENT}
        try:
            ray.init(
                address or "local",
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                namespace="neuron-explorer",
                runtime_env=runtime,
            )
        except (ConnectionError, RuntimeError, ValueError, exceptions.RayError) as error:
            raise ExplorerError(
                f"the Ray cluster {named(address or 'of this machine')} cannot be joined "
                f"({reason_of(error, typed=True)}); see docs/ray.md"
            ) from error
        # A task that dies is not retried: it would probably die again, and may harm other tasks.
        self._task = ray.remote(num_returns="streaming", max_retries=0)(_render)

    def allocation(self) -> Allocation:
        """Return how the machines that are in the cluster now are divided between parts of jobs."""
        machines = ray.nodes()  # type: ignore[no-untyped-call]
        return allocate([it["Resources"] for it in machines if it["Alive"]])

    def updates(
        self, recipe: Recipe, checkpoint: Path | None, inputs: Mapping[str, bytes]
    ) -> Iterator[Update]:
        """Render a recipe on the cluster; yield updates as ``render_recipe.render_updates`` does.

        While the task sends no update, the last progress is yielded again every ``POLL_SECONDS``,
        so that the caller can check whether to go on.

        Args:
            recipe: the recipe to render.
            checkpoint: file of a user's own weights; None for the published weights.
            inputs: the encoded input pictures by their fingerprints.

        Raises:
            ExplorerError: the task failed, or was lost with its process, machine or cluster.
        """
        allocation = self.allocation()
        gpu = allocation.gpus > 0 and recipe.kind in ON_GPU
        cpus = 1 if gpu else allocation.cpus
        shared = None if checkpoint is None else share_checkpoint(recipe.weights, checkpoint)
        task = self._task.options(num_cpus=cpus, num_gpus=int(gpu))
        yield from _receive_updates(task.remote(recipe.to_json(), dict(inputs), shared, cpus))

    def disconnect(self) -> None:
        """Disconnect from the cluster; end Ray if it was started for this process alone."""
        ray.shutdown()


def _check_address(address: str) -> None:
    """Check that a server accepts connections at an address; ``ray.init`` would wait for minutes.

    Raises:
        ExplorerError: the connection fails.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
    except OSError as error:
        raise ExplorerError(
            f"no Ray cluster answers at {named(address)} ({error}); start it, or correct the "
            "address"
        ) from error


def _receive_updates(task: Any) -> Iterator[Update]:
    """Yield the updates of a task; closing this generator cancels the task."""
    # The last update, when it was received, and the time between the last two updates.
    latest, received, interval = Update(0, 1), -math.inf, math.inf
    try:
        while True:
            ready, _ = ray.wait([task], timeout=POLL_SECONDS)
            if not ready:
                yield Update(latest.done, latest.total)
                continue
            try:
                latest = ray.get(next(task))
            except StopIteration:
                return
            now = time.monotonic()
            received, interval = now, now - received
            yield latest
    except GeneratorExit:
        # Without force, a task stops only between two updates. If they are far apart, or none has
        # been received, kill the task's process. A task can be cancelled only once.
        slow = max(interval, time.monotonic() - received) > PATIENCE_SECONDS
        ray.cancel(task, force=slow)
        raise
    except exceptions.RayTaskError as error:
        # The cause is the exception that the task raised, such as an ExplorerError.
        raise error.cause from error
    except exceptions.RayError as error:
        raise ExplorerError(describe_loss(error)) from error


def describe_loss(error: Exception) -> str:
    """Return the message for a job whose Ray task was lost because of an error."""
    for kind, message in LOSSES.items():
        if isinstance(error, kind):
            return message
    reason = reason_of(error, typed=True)
    return f"the Ray cluster could not do this ({reason}); what was finished is kept"


@dataclass(frozen=True)
class SharedCheckpoint:
    """A user's own checkpoint in Ray's object store, for other machines.

    Attributes:
        name: name of the file: fingerprint of the weights, and the file extension.
        data: reference to the file's bytes in Ray's object store. A machine that already has the
            file does not fetch them.
        part: which of several state dicts in the file is meant; "" to choose one.
    """

    name: str
    data: Any
    part: str = ""

    def file(self) -> Path:
        """Return the path of the checkpoint on this machine; write the file if it does not exist.

        Of the files written here, only the ``CHECKPOINTS_AT_MOST`` used last are kept.
        """
        folder = home() / "checkpoints"
        make_folder(folder)
        path = folder / self.name
        if not path.exists():
            write_file(path, ray.get(self.data))
        path.touch()
        kept = sorted(folder.iterdir(), key=lambda it: it.stat().st_mtime, reverse=True)
        for old in kept[CHECKPOINTS_AT_MOST:]:
            old.unlink(missing_ok=True)
        return with_part(path, self.part)


@functools.lru_cache(maxsize=CHECKPOINTS_AT_MOST)
def share_checkpoint(weights: str, path: Path) -> SharedCheckpoint:
    """Put a checkpoint into Ray's object store.

    Args:
        weights: fingerprint of the weights.
        path: the checkpoint's file.

    Raises:
        ExplorerError: the file cannot be read.
    """
    file, part = file_and_part(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ExplorerError(f"the weights file {named(file)} cannot be read: {error}") from error
    return SharedCheckpoint(weights + file.suffix, ray.put(data), part)


def _render(
    recipe: str, inputs: Mapping[str, bytes], shared: SharedCheckpoint | None, threads: int
) -> Iterator[Update]:
    """Render a recipe, given as JSON, in a Ray task on a machine of the cluster."""
    import torch

    from explorer.rendering import render_recipe

    torch.set_num_threads(threads)
    sent = -math.inf
    path = None if shared is None else shared.file()
    for update in render_recipe.render_updates(kinds.read(recipe), path, inputs):
        if update.previews or update.pictures or time.monotonic() - sent >= worker.REPORT_SECONDS:
            sent = time.monotonic()
            yield update


class WorkerPool:
    """A pool of worker threads, one for each part that the cluster renders at the same time."""

    def __init__(self, store: Store, name: str, cluster: Cluster) -> None:
        """Prepare a pool without threads.

        Args:
            store: the store with the job queue.
            name: prefix of the workers' names.
            cluster: the cluster that renders the parts that the workers claim.
        """
        self._store = store
        self._name = name
        self._cluster = cluster
        self._threads: dict[str, threading.Thread] = {}
        self._stop = threading.Event()

    def grow(self) -> None:
        """Start threads until there is one for each part that the cluster can render now."""
        for at in range(len(self._threads), self._cluster.allocation().count):
            name = f"{self._name}-{at}"
            self._threads[name] = threading.Thread(target=self._run, args=[name], daemon=True)
            self._threads[name].start()

    def stop(self) -> None:
        """End the threads, and mark the jobs of the threads' workers as interrupted."""
        self._stop.set()
        claims = Claims(self._store)
        while any(thread.is_alive() for thread in self._threads.values()):
            # A worker stops rendering when it notices that its claim has been deleted.
            claims.release_dead(self._threads, "interrupted", INTERRUPTED)
            time.sleep(POLL_SECONDS)

    def _run(self, name: str) -> None:
        pool_worker = worker.Worker(self._store, name, self._cluster.updates)
        with worker_locks.hold_lock(self._store, name), contextlib.closing(self._store):
            while not self._stop.is_set():
                try:
                    busy = pool_worker.run_next_part()
                except ExplorerError:
                    # The store may be locked for long. Try again later.
                    traceback.print_exc()
                    busy = False
                if not busy:
                    self._stop.wait(worker.IDLE_SECONDS)


def _fail_waiting_jobs(store: Store, name: str, reason: ExplorerError) -> None:
    """Mark all waiting jobs as failed, so that users see the reason why they do not run."""

    def fail(*_: object) -> Iterator[Update]:
        raise reason

    with worker_locks.hold_lock(store, name):
        failing_worker = worker.Worker(store, name, fail)
        while failing_worker.run_next_part():
            pass


def main() -> None:
    """Run the jobs on a Ray cluster until the process that started this one ends."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.cluster.ray_worker", description=main.__doc__
    )
    parser.add_argument("name", help="tells its workers from every other")
    parser.add_argument("store", type=Path, help="the store's file")
    parser.add_argument("--address", help="of a Ray cluster; none starts Ray on this machine")
    chosen = parser.parse_args()
    parent_ended = threading.Event()
    threading.Thread(target=_wait_for_parent, args=[parent_ended], daemon=True).start()
    store = Store(chosen.store)
    try:
        cluster = Cluster(chosen.address)
    except ExplorerError as error:
        _fail_waiting_jobs(store, chosen.name, error)
        sys.exit(str(error))
    pool = WorkerPool(store, chosen.name, cluster)
    with contextlib.suppress(KeyboardInterrupt):
        pool.grow()
        while not parent_ended.wait(GROW_SECONDS):
            pool.grow()
    pool.stop()
    cluster.disconnect()


def _wait_for_parent(ended: threading.Event) -> None:
    """Set an event when the parent process ends or closes this process's standard input."""
    sys.stdin.buffer.read()
    ended.set()


if __name__ == "__main__":
    # Run the imported module, not ``__main__``: other machines find its functions by module name.
    from explorer.cluster.ray_worker import main as run

    run()
