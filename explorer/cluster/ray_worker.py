"""The process that talks to Ray: ``python -m explorer.cluster.ray_worker``, which the server
starts.

Each part of a job that is worked on has a thread here, which is a worker like any other: what it
computes, it lets a Ray task compute, and passes on what comes back.
"""

import argparse
import contextlib
import functools
import logging
import math
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import exceptions

from core.errors import ExplorerError
from core.recipes import kinds
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from explorer.cluster.ray_supervisor import Share, share
from explorer.jobs import processes, worker
from explorer.jobs.claims import Claims
from explorer.jobs.supervisor import PATIENCE_SECONDS, POLL_SECONDS
from explorer.paths import ROOT, home
from explorer.rendering.update import Update
from explorer.store.results import Store

# Kinds of recipe that a GPU makes faster; the others get processors only.
ON_GPU = frozenset({NeuronRecipe.kind, DreamRecipe.kind, StyleRecipe.kind})
# What a machine of the cluster needs to have of the project; pictures that ship stay here.
PACKAGES = [str(ROOT / "core"), str(ROOT / "explorer")]
NOT_SENT = ["__pycache__/", "*.sqlite3", "previews/"]
# How often it is seen whether machines have joined.
GROW_SECONDS = 5.0
# How long to wait for something that listens at an address.
REACH_SECONDS = 5.0
# Checkpoints of one's own that are kept at hand here, and on the disk of each machine.
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
    """A Ray cluster that works on recipes."""

    def __init__(self, address: str | None) -> None:
        """Join a cluster, or start Ray on this machine alone.

        Raises:
            ExplorerError: there is none at the address, or it cannot be joined.
        """
        code: dict[str, Any] = {"env_vars": {"PYTHONPATH": str(ROOT)}}
        if address is not None:
            _reach(address)
            code = {"py_modules": PACKAGES, "excludes": NOT_SENT}
        try:
            ray.init(
                address or "local",
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                namespace="neuron-explorer",
                runtime_env=code,
            )
        except (ConnectionError, RuntimeError, ValueError, exceptions.RayError) as error:
            raise ExplorerError(
                f"the Ray cluster {address or 'of this machine'} cannot be joined "
                f"({_first_line(error)}); see docs/ray.md"
            ) from error
        # What dies is not tried again: it would only die once more, perhaps taking others along.
        self._task = ray.remote(num_returns="streaming", max_retries=0)(_work)

    def share(self) -> Share:
        """Tell how the cluster, as it is now, is shared out."""
        machines = ray.nodes()  # type: ignore[no-untyped-call]
        return share([it["Resources"] for it in machines if it["Alive"]])

    def updates(
        self, recipe: Recipe, checkpoint: Path | None, inputs: Mapping[str, bytes]
    ) -> Iterator[Update]:
        """Work on a recipe over there, as ``explorer.rendering.render_recipe.render_updates`` does
        here.

        While nothing new comes it says the same again, so that whoever listens can leave.
        """
        shared = self.share()
        gpu = shared.gpus > 0 and recipe.kind in ON_GPU
        cpus = 1 if gpu else shared.cpus
        lent = None if checkpoint is None else share_checkpoint(recipe.weights, checkpoint)
        task = self._task.options(num_cpus=cpus, num_gpus=int(gpu))
        yield from _follow(task.remote(recipe.to_json(), dict(inputs), lent, cpus))

    def leave(self) -> None:
        """End Ray where it was started for this process alone, and otherwise leave the cluster."""
        ray.shutdown()


def _reach(address: str) -> None:
    """Refuse an address at which nothing listens, for which Ray would wait for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), REACH_SECONDS).close()
    except OSError as error:
        raise ExplorerError(
            f"no Ray cluster answers at {address} ({error}); start it, or correct the address"
        ) from error


def _follow(task: Any) -> Iterator[Update]:
    """Pass on what a task sends; whoever leaves the loop stops the task."""
    latest, heard, pace = Update(0, 1), -math.inf, math.inf
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
            heard, pace = now, now - heard
            yield latest
    except GeneratorExit:
        # Only between steps does a task hear that it was cancelled; where these are long, or none
        # is known, its process is ended. Ray takes but one of the two orders.
        long = max(pace, time.monotonic() - heard) > PATIENCE_SECONDS
        ray.cancel(task, force=long)
        raise
    except exceptions.RayTaskError as error:
        # What the task raised, such as an ExplorerError with its sentence.
        raise error.cause from error
    except exceptions.RayError as error:
        raise ExplorerError(describe_loss(error)) from error


def describe_loss(error: Exception) -> str:
    """Say why a task was lost."""
    for kind, what in LOSSES.items():
        if isinstance(error, kind):
            return what
    return f"the Ray cluster could not do this ({_first_line(error)}); what was finished is kept"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@dataclass(frozen=True)
class SharedCheckpoint:
    """A checkpoint of one's own on its way to another machine.

    Attributes:
        name: of the file: the weights' fingerprint, and the ending that says how to read it.
        data: a reference to its bytes in Ray's object store, fetched only where they are missing.
    """

    name: str
    data: Any

    def file(self) -> Path:
        """Give the file on this machine, which keeps a few."""
        folder = home() / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.name
        if not path.exists():
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                file.write(ray.get(self.data))
            Path(file.name).replace(path)
        path.touch()
        kept = sorted(folder.iterdir(), key=lambda it: it.stat().st_mtime, reverse=True)
        for old in kept[CHECKPOINTS_AT_MOST:]:
            old.unlink(missing_ok=True)
        return path


@functools.lru_cache(maxsize=CHECKPOINTS_AT_MOST)
def share_checkpoint(weights: str, path: Path) -> SharedCheckpoint:
    """Put a checkpoint into Ray's object store."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ExplorerError(f"the weights file {path} cannot be read: {error}") from error
    return SharedCheckpoint(weights + path.suffix, ray.put(data))


def _work(
    recipe: str, inputs: Mapping[str, bytes], lent: SharedCheckpoint | None, threads: int
) -> Iterator[Update]:
    """Work on a recipe, on a machine of the cluster."""
    import torch

    from explorer.rendering import render_recipe

    torch.set_num_threads(threads)
    sent = -math.inf
    path = None if lent is None else lent.file()
    for update in render_recipe.render_updates(kinds.read(recipe), path, inputs):
        if update.previews or update.pictures or time.monotonic() - sent >= worker.REPORT_SECONDS:
            sent = time.monotonic()
            yield update


class WorkerPool:
    """Threads that are the workers of a cluster, as many as it is shared out to."""

    def __init__(self, store: Store, name: str, cluster: Cluster) -> None:
        """Prepare.

        Args:
            store: with the queue.
            name: what the name of each worker begins with.
            cluster: that works on what they claim.
        """
        self._store = store
        self._name = name
        self._cluster = cluster
        self._threads: dict[str, threading.Thread] = {}
        self._stop = threading.Event()

    def grow(self) -> None:
        """Begin as many threads as are missing, at first or when machines have joined."""
        for at in range(len(self._threads), self._cluster.share().count):
            name = f"{self._name}-{at}"
            self._threads[name] = threading.Thread(target=self._run, args=[name], daemon=True)
            self._threads[name].start()

    def stop(self) -> None:
        """End the threads; what they were at is interrupted."""
        self._stop.set()
        claims = Claims(self._store)
        while any(thread.is_alive() for thread in self._threads.values()):
            # A worker whose claim is gone leaves what it is at.
            claims.release_dead(self._threads, "interrupted", processes.INTERRUPTED)
            time.sleep(POLL_SECONDS)

    def _run(self, name: str) -> None:
        one = worker.Worker(self._store, name, self._cluster.updates)
        with processes.hold_lock(self._store, name), contextlib.closing(self._store):
            while not self._stop.is_set():
                try:
                    busy = one.turn()
                except ExplorerError:
                    # The store may be locked for long; work goes on when it is back.
                    traceback.print_exc()
                    busy = False
                if not busy:
                    self._stop.wait(worker.IDLE_SECONDS)


def _refuse(store: Store, name: str, refusal: ExplorerError) -> None:
    """Fail what waits, so that whoever asked for it hears why."""

    def refused(*_: object) -> Iterator[Update]:
        raise refusal

    with processes.hold_lock(store, name):
        one = worker.Worker(store, name, refused)
        while one.turn():
            pass


def main() -> None:
    """Let a Ray cluster work on the jobs until the process that started this one ends."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.cluster.ray_worker", description=main.__doc__
    )
    parser.add_argument("name", help="tells its workers from every other")
    parser.add_argument("store", type=Path, help="the store's file")
    parser.add_argument("--address", help="of a Ray cluster; none starts Ray on this machine")
    chosen = parser.parse_args()
    left = threading.Event()
    threading.Thread(target=_notice_end, args=[left], daemon=True).start()
    store = Store(chosen.store)
    try:
        cluster = Cluster(chosen.address)
    except ExplorerError as error:
        _refuse(store, chosen.name, error)
        sys.exit(str(error))
    crew = WorkerPool(store, chosen.name, cluster)
    with contextlib.suppress(KeyboardInterrupt):
        crew.grow()
        while not left.wait(GROW_SECONDS):
            crew.grow()
    crew.stop()
    cluster.leave()


def _notice_end(left: threading.Event) -> None:
    """See when the process that started this one ends or lets go, however that comes."""
    sys.stdin.buffer.read()
    left.set()


if __name__ == "__main__":
    # Under its own name, by which the cluster's machines find the same functions.
    from explorer.cluster.ray_worker import main as run

    run()
