"""Building an index of dataset examples on a Ray cluster, shard by shard.

Each Ray task indexes one shard of the collection's images and returns the shard's results, an
``IndexAccumulator``. The accumulators can be merged in any order; the merged index is the one that
a single machine would build. If the process or the machine of a task dies, Ray runs the task again,
perhaps on another machine. Every machine must have the collection and the published weights at the
same paths as this machine. A user's own checkpoint is sent to the machines.
"""

import contextlib
import functools
import itertools
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from core.datasets import sources
from core.datasets.image_source import ImageEntry, ImageSource
from core.errors import ExplorerError
from core.index import build
from core.index.accumulator import IndexAccumulator
from core.index.opening_log import crash_reason
from core.index.plan import IndexPlan
from core.networks import registry
from core.networks.network import Network
from core.progress import Progress
from explorer.cluster.ray_supervisor import Allocation, ray_settings
from explorer.jobs.processes import POLL_SECONDS

# Number of images in a shard. A task indexes them in seconds. If its process dies, only the work on
# this shard is lost.
SHARD = 128
# How often a shard is tried again after its worker has died.
RETRIES = 3
# After so many images that ended their process, something else than the images must be wrong.
DEADLY_IMAGES = 16


def build_on_ray(
    network: Network,
    weights: Path | None,
    source: ImageSource,
    accumulator: IndexAccumulator,
    out: Path,
    address: str | None = None,
) -> Iterator[Progress]:
    """Build an index as ``core.index.build.build_index`` does, but on a cluster.

    Args:
        network: the network of the accumulator's plan.
        weights: file of a user's own checkpoint; None for published weights.
        source: the collection of the accumulator's plan.
        accumulator: the new or partly built index that ``core.index.build.open_accumulator``
            returned.
        out: the index file to write.
        address: address of the cluster; None starts Ray on this machine alone.

    Yields:
        Progress, counted in images.

    Raises:
        ExplorerError: the connection to the cluster failed or was lost, or as for
            ``core.index.build.build_index``.
    """
    for name, value in ray_settings(address).items():
        os.environ.setdefault(name, value)
    from ray import exceptions

    from explorer.cluster.ray_worker import Cluster, describe_loss, share_checkpoint

    total = build.count_entries(source)
    done = len(accumulator.pictures)
    yield Progress(done, total, {})
    entries = build.remaining_entries(source, accumulator)
    cluster = Cluster(address)
    try:
        shared = None if weights is None else share_checkpoint(network.fingerprint, weights)
        arguments = (network.name, shared, accumulator.plan, source.text)
        with (
            build.IndexSaver(accumulator, out) as saver,
            contextlib.closing(_run_shards(cluster.allocation(), arguments, entries)) as shards,
        ):
            for finished in shards:
                for shard, size in finished:
                    accumulator.merge(shard)
                    done += size
                saver.save_if_due()
                yield Progress(done, total, {})
            saver.finish()
    except exceptions.RayTaskError as error:
        raise error.cause from error
    except exceptions.RayError as error:
        raise ExplorerError(f"{describe_loss(error)}; --resume goes on") from error
    finally:
        cluster.disconnect()
    yield Progress(total, total, {})


def _run_shards(
    allocation: Allocation, arguments: tuple[Any, ...], entries: Iterator[ImageEntry]
) -> Generator[list[tuple[IndexAccumulator, int]], None, None]:
    """Run a task for each shard; closing this generator cancels the running tasks.

    Args:
        allocation: determines how many tasks run at the same time, and whether they use GPUs.
        arguments: the arguments of ``_index_shard`` without ``entries``.
        entries: the images to index.

    If the process of a shard dies again and again, perhaps because of one image, its images are
    indexed one by one, and those whose process dies are skipped.

    Yields:
        The accumulator and the size of each shard that was finished within ``POLL_SECONDS``.

    Raises:
        RayError: more than ``DEADLY_IMAGES`` images ended their process, or as ``ray.get``.
    """
    import ray
    from ray import exceptions

    gpus = int(allocation.gpus > 0)
    task: Any = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_index_shard)
    running: dict[Any, list[ImageEntry]] = {}  # by the reference of each task
    singly: list[ImageEntry] = []
    deadly = 0
    try:
        while True:
            # Submit one task more than can run, so that no processor waits for the next shard.
            while len(running) <= allocation.count:
                shard = [singly.pop()] if singly else list(itertools.islice(entries, SHARD))
                if not shard:
                    break
                running[task.remote(*arguments, shard)] = shard
            if not running:
                return
            finished = []
            for ref in ray.wait(list(running), timeout=POLL_SECONDS)[0]:
                shard = running.pop(ref)
                try:
                    finished.append((ray.get(ref), len(shard)))
                except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError):
                    deadly += len(shard) == 1
                    if deadly > DEADLY_IMAGES:
                        raise
                    if len(shard) > 1:
                        singly += shard
                    else:
                        finished.append((_skip(arguments[2], arguments[3], shard[0]), 1))
            yield finished
    finally:
        for ref in running:
            ray.cancel(ref)


def _skip(plan: IndexPlan, text: str, entry: ImageEntry) -> IndexAccumulator:
    """Return the result for an image that ended the process that opened it."""
    accumulator = IndexAccumulator.empty(plan, text)
    accumulator.skipped[entry.name] = crash_reason(entry.name)
    return accumulator


def _index_shard(
    name: str, shared: Any, plan: IndexPlan, text: str, entries: list[ImageEntry]
) -> IndexAccumulator:
    """Index the images of one shard, on a machine of the cluster.

    Args:
        name: name of the network.
        shared: the network's ``SharedCheckpoint``; None for published weights.
        plan: the plan of the index.
        text: the collection, as ``core.datasets.sources.find_source`` reads it.
        entries: the images of the shard.

    Raises:
        ExplorerError: the weights on this machine are not those of the plan.
    """
    network, source = _load(name, None if shared is None else shared.file(), text)
    if network.fingerprint != plan.weights:
        raise ExplorerError(
            f"the weights of {name} on a machine of the cluster are {network.fingerprint}, "
            f"not {plan.weights}"
        )
    accumulator = IndexAccumulator.empty(plan, text)
    for _ in build.scan(network, source, accumulator, entries, workers=1):
        pass
    return accumulator


@functools.lru_cache(maxsize=1)
def _load(name: str, weights: Path | None, text: str) -> tuple[Network, ImageSource]:
    """Load the network and open the collection, once per process."""
    return registry.load(name, weights), sources.find_source(text)
