"""Which pictures excite each neuron most: one pass over a collection, all layers at once.

Pictures are decoded and looked at by a few threads, each with one picture after the other, so that
decoding overlaps with computing, and what a picture gives depends on nothing but the picture: not
on its neighbours, the batch size or the number of threads. That holds bit for bit on CPUs of one
kind with the same libraries; on GPUs, where pictures are computed in groups of a fixed size, and
between machines, values agree to about 1e-4.
"""

import itertools
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch

from core.datasets.image_source import ImageEntry, ImageSource
from core.errors import ExplorerError, unknown
from core.index.accumulator import IndexAccumulator, ScanBatch
from core.index.plan import IndexedLayer, IndexPlan
from core.index.scanner import Scanner
from core.index.top_k import picture_id
from core.networks.network import Network
from core.progress import Progress
from core.recipes.recipe import require

STATISTICS = ("max", "mean")
K_RANGE = (1, 100)
# Pictures that one thread takes on at a time. With more, threads are idle longer at the end, and
# look for places that better pictures have made worthless meanwhile.
BATCH = 8
# Batches that wait for each thread, so that none ever does: a bound on memory.
AHEAD = 1
# How often what was found is written down: a killed process loses no more than this.
SAVE_SECONDS = 20.0


def plan_index(
    network: Network,
    source: ImageSource,
    layers: Sequence[str] = (),
    k: int = 9,
    by: Sequence[str] = ("max",),
) -> IndexPlan:
    """Plan an index.

    Args:
        network: the loaded network.
        source: the collection.
        layers: names of layers; none for those that a person would want.
        k: how many pictures to keep of each unit, at either end.
        by: statistics of a unit over a picture's positions; ``max`` is always among them.

    Raises:
        UnknownName: there is no such layer or statistic.
        ExplorerError: k is out of range.
    """
    require("k", k, K_RANGE)
    for each in by:
        if each not in STATISTICS:
            raise unknown("statistic", each, STATISTICS)
    found = {network.layer(name) for name in layers} or set(network.shown)
    ordered = sorted(found, key=lambda layer: layer.index)
    return IndexPlan(
        network=network.name,
        weights=network.fingerprint,
        input_size=network.input_size,
        collection=source.identity,
        layers=tuple(IndexedLayer.of(layer) for layer in ordered),
        by=tuple(it for it in STATISTICS if it in {"max", *by}),
        k=k,
    )


def open_accumulator(
    wanted: IndexPlan, source: ImageSource, out: Path, resume: bool = False
) -> IndexAccumulator:
    """Begin an index, or go on with the one that is there.

    Raises:
        ExplorerError: a file is there and ``resume`` is not set, or it has another plan.
    """
    if not out.exists():
        return IndexAccumulator.empty(wanted, source.text)
    if not resume:
        raise ExplorerError(
            f"{out} is there already; --resume goes on with it and adds what is new, or delete it"
        )
    tally = IndexAccumulator.load(out)
    wanted.require_same(tally.plan, str(out))
    tally.source, tally.complete = source.text, False
    return tally


def build_index(
    network: Network,
    source: ImageSource,
    tally: IndexAccumulator,
    out: Path,
    workers: int | None = None,
    batch: int = BATCH,
    save_seconds: float | None = None,
) -> Iterator[Progress]:
    """Look at all pictures that a tally has not seen, and write the index.

    What was found is also written now and then, so that a killed process can go on.

    Args:
        network: the network of the tally's plan.
        source: the collection of the tally's plan.
        tally: from ``begin``.
        out: the index file.
        workers: threads; by default one for each processor.
        batch: pictures that a thread takes on at a time. Neither changes the result.
        save_seconds: how often what was found is written; by default every ``SAVE_SECONDS``.

    Returns:
        How many pictures are done, of how many; those skipped count too.

    Raises:
        ExplorerError: the file cannot be written, or the collection cannot be read.
    """
    total = sum(1 for _ in source.entries())
    done = len(tally.pictures)
    yield Progress(done, total, {})
    saver = IndexSaver(tally, out, save_seconds)
    for looked in scan(network, source, tally, remaining_entries(source, tally), workers, batch):
        done += looked
        saver.tick()
        yield Progress(done, total, {})
    tally.complete = True
    tally.save(out)
    yield Progress(total, total, {})


class IndexSaver:
    """Writes a tally down now and then."""

    def __init__(self, tally: IndexAccumulator, out: Path, seconds: float | None = None) -> None:
        self._tally, self._out = tally, out
        self._seconds = SAVE_SECONDS if seconds is None else seconds
        self._saved = time.monotonic()

    def tick(self) -> None:
        """Write if it is time; whatever that takes, it stays a small share of all."""
        now = time.monotonic()
        if now - self._saved >= self._seconds:
            self._tally.save(self._out)
            self._saved = time.monotonic()


def remaining_entries(source: ImageSource, tally: IndexAccumulator) -> Iterator[ImageEntry]:
    """List the pictures of a source that a tally has not seen yet."""
    seen = np.sort(np.array(tally.pictures, np.int64))
    for entry in source.entries():
        picture = picture_id(entry.name)
        at = np.searchsorted(seen, picture)
        if at == len(seen) or seen[at] != picture:
            yield entry


def scan(
    network: Network,
    source: ImageSource,
    tally: IndexAccumulator,
    entries: Iterable[ImageEntry],
    workers: int | None = None,
    batch: int = BATCH,
) -> Iterator[int]:
    """Take pictures into a tally; tells after each batch how many were looked at."""
    workers = workers or _processors()
    eye = Scanner(network, tally.plan, source)
    ahead = iter(entries)
    waiting: deque[tuple[int, Future[ScanBatch]]] = deque()
    with ExitStack() as stack:
        stack.enter_context(_exact_arithmetic())
        pool = stack.enter_context(ThreadPoolExecutor(workers, "look"))
        stack.callback(pool.shutdown, cancel_futures=True)
        while True:
            while len(waiting) < workers * (1 + AHEAD):
                some = list(itertools.islice(ahead, batch))
                if not some:
                    break
                bars = (tally.top.bar(), tally.least.bar())
                waiting.append((len(some), pool.submit(eye.look, some, bars)))
            if not waiting:
                return
            count, look = waiting.popleft()
            tally.add(look.result())
            yield count


def _processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """Let each picture be computed by one thread, in full float32."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(threads)
