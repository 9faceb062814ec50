"""Indexing a collection on a Ray cluster: the pictures are dealt out in shards.

Each task looks at one shard and sends back its tally; these merge in any order into the index that
one machine alone would make. A task whose process or machine dies is run again, elsewhere if need
be. Every machine must find the collection, and published weights, where this one does; a checkpoint
of one's own travels.
"""

import functools
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.datasets import sources
from core.datasets.image_source import ImageEntry, ImageSource
from core.errors import ExplorerError
from core.index import build
from core.index.accumulator import IndexAccumulator
from core.index.plan import IndexPlan
from core.networks import registry
from core.networks.network import Network
from core.progress import Progress
from explorer.cluster.ray_supervisor import ray_settings
from explorer.jobs.supervisor import POLL_SECONDS

# Pictures in a shard: seconds of work, of which a killed worker loses one shard's.
SHARD = 128
# How often a shard is tried again when its worker dies.
RETRIES = 3


def build_on_ray(
    network: Network,
    weights: Path | None,
    source: ImageSource,
    tally: IndexAccumulator,
    out: Path,
    address: str | None = None,
) -> Iterator[Progress]:
    """Do what ``core.index.build.build_index`` does, on a cluster.

    Args:
        network: the network of the tally's plan.
        weights: its checkpoint, if it is one of one's own.
        source: the collection of the tally's plan.
        tally: from ``core.index.build.open_accumulator``.
        out: the index file.
        address: of the cluster; None starts Ray on this machine alone.

    Raises:
        ExplorerError: the cluster cannot be joined or was lost, or as
        ``core.index.build.build_index``.
    """
    for name, value in ray_settings(address).items():
        os.environ.setdefault(name, value)
    import ray
    from ray import exceptions

    from explorer.cluster.ray_worker import Cluster, describe_loss, share_checkpoint

    total = sum(1 for _ in source.entries())
    done = len(tally.pictures)
    yield Progress(done, total, {})
    saver = build.IndexSaver(tally, out)
    entries = build.remaining_entries(source, tally)
    cluster = Cluster(address)
    waiting: dict[Any, int] = {}
    try:
        shared = cluster.share()
        lent = None if weights is None else share_checkpoint(network.fingerprint, weights)
        gpus = int(shared.gpus > 0)
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_look)
        while True:
            while len(waiting) <= shared.count and (some := list(itertools.islice(entries, SHARD))):
                waiting[task.remote(network.name, lent, tally.plan, source.text, some)] = len(some)
            if not waiting:
                break
            for ref in ray.wait(list(waiting), timeout=POLL_SECONDS)[0]:
                tally.merge(ray.get(ref))
                done += waiting.pop(ref)
            saver.save_if_due()
            yield Progress(done, total, {})
    except exceptions.RayTaskError as error:
        raise error.cause from error
    except exceptions.RayError as error:
        raise ExplorerError(f"{describe_loss(error)}; --resume goes on") from error
    finally:
        for ref in waiting:
            ray.cancel(ref)
        cluster.leave()
    tally.complete = True
    tally.save(out)
    yield Progress(total, total, {})


def _look(
    name: str, lent: Any, plan: IndexPlan, text: str, entries: list[ImageEntry]
) -> IndexAccumulator:
    """Look at one shard, on a machine of the cluster."""
    network, source = _prepare(name, None if lent is None else lent.file(), text)
    if network.fingerprint != plan.weights:
        raise ExplorerError(
            f"the weights of {name} on a machine of the cluster are {network.fingerprint}, "
            f"not {plan.weights}"
        )
    tally = IndexAccumulator.empty(plan, text)
    for _ in build.scan(network, source, tally, entries, workers=1):
        pass
    return tally


@functools.lru_cache(maxsize=1)
def _prepare(name: str, weights: Path | None, text: str) -> tuple[Network, ImageSource]:
    """Load what all shards of an index have in common, once a process."""
    return registry.load(name, weights), sources.find_source(text)
