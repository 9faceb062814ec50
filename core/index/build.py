"""Building of an index: one pass over a collection that measures all layers of a plan.

A few threads decode the images and run the network on them, one image at a time in each thread, so
that decoding overlaps with computing. The results for an image depend on this image alone: not on
other images, the batch size or the number of threads. On CPUs of one kind with the same libraries
the results are bit-identical. On GPUs, images are computed in groups of a fixed size, and values
agree to about 1e-4; so do values of different machines.
"""

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import torch

from core.datasets.image_source import ImageEntry, ImageSource
from core.errors import ExplorerError, named, unknown
from core.fixed_order import one_thread
from core.index.accumulator import IndexAccumulator, ScanBatch
from core.index.opening_log import OpeningLog, crash_reason, find_crashing
from core.index.plan import IndexedLayer, IndexPlan
from core.index.scanner import Scanner, whole_groups
from core.index.top_k import picture_id
from core.networks.network import Network
from core.numbers import require
from core.progress import Progress

Params = ParamSpec("Params")
Result = TypeVar("Result")

STATISTICS = ("max", "mean")
K_RANGE = (1, 100)
# Number of images in a batch. A thread processes one batch at a time. With larger batches, threads
# are idle longer at the end. Positions of maxima are computed only for values that enter a ranking
# as it was when the batch began, so with larger batches more of them are computed in vain.
BATCH = 8
# Number of batches that are queued for each thread, so that no thread has to wait. It is small to
# bound memory.
QUEUED_BATCHES = 1
# Seconds between two writes of the index file. If the process is killed, at most the work of this
# time is lost.
SAVE_SECONDS = 20.0


def plan_index(
    network: Network,
    source: ImageSource,
    layers: Sequence[str] = (),
    k: int = 9,
    by: Sequence[str] = ("max",),
) -> IndexPlan:
    """Return the plan of an index.

    Args:
        network: the loaded network.
        source: the collection.
        layers: names of layers; if empty, the layers that the pages show.
        k: number of images to keep for each unit: the k with the highest and the k with the lowest
            activation.
        by: statistics over positions by which images are ranked, ``max`` or ``mean``; ``max`` is
            always included.

    Raises:
        UnknownName: there is no such layer or statistic.
        ExplorerError: k is out of range.
    """
    require("k", k, K_RANGE)
    for statistic in by:
        if statistic not in STATISTICS:
            raise unknown("statistic", statistic, STATISTICS)
    chosen = {network.layer(name) for name in layers} or set(network.shown)
    ordered = sorted(chosen, key=lambda layer: layer.index)
    return IndexPlan(
        network=network.name,
        weights=network.fingerprint,
        input_size=network.input_size,
        collection=source.identity,
        layers=tuple(IndexedLayer.of(layer) for layer in ordered),
        by=tuple(it for it in STATISTICS if it in {"max", *by}),
        k=k,
        preprocessing=network.framing.method,
    )


def open_accumulator(
    plan: IndexPlan, source: ImageSource, out: Path, resume: bool = False
) -> IndexAccumulator:
    """Return an empty accumulator, or load the accumulator from ``out`` if this file exists.

    Raises:
        ExplorerError: the file exists, and ``resume`` is not set or the file has another plan.
    """
    if not out.exists():
        return IndexAccumulator.empty(plan, source.text)
    if not resume:
        raise ExplorerError(
            f"{named(out)} is there already; --resume goes on with it and adds what is new, or "
            "delete it"
        )
    accumulator = IndexAccumulator.load(out)
    plan.require_same(accumulator.plan, str(out))
    accumulator.source, accumulator.complete = source.text, False
    return accumulator


def build_index(
    network: Network,
    source: ImageSource,
    accumulator: IndexAccumulator,
    out: Path,
    workers: int | None = None,
    batch: int = BATCH,
    save_seconds: float | None = None,
    busy: Callable[[], int] | None = None,
) -> Iterator[Progress]:
    """Scan all images that an accumulator does not contain yet, and write the index.

    The index is also written at intervals, so that a killed process can be resumed. Images that
    ended the process that opened them are skipped (``core.index.opening_log``).

    Args:
        network: the network of the accumulator's plan.
        source: the collection of the accumulator's plan.
        accumulator: the accumulator to fill, from ``open_accumulator``.
        out: the index file.
        workers: number of threads; one for each processor by default. It does not change the
            result.
        batch: number of images that a thread gets at a time, at least; on a GPU it is rounded up
            to whole groups. It does not change the result.
        save_seconds: seconds between two writes; ``SAVE_SECONDS`` by default.
        busy: returns how many of the threads may compute from now on; by default all. It does not
            change the result.

    Yields:
        The number of images done, and the number of all images. Both include skipped images.

    Raises:
        ExplorerError: the file cannot be written, the collection cannot be read, or no image in it
            can be opened.
    """
    total = count_entries(source)
    done = len(accumulator.pictures)
    yield Progress(done, total, {})
    log = OpeningLog(out)
    crashing = _skip_crashing(source, accumulator, log)
    done += len(crashing)
    remaining = remaining_entries(source, accumulator)
    entries = (it for it in remaining if it.name not in crashing)
    scanning = scan(network, source, accumulator, entries, workers, batch, busy, log)
    # The threads must have ended before the log is removed, also if this generator is closed.
    with IndexSaver(accumulator, out, save_seconds) as saver, log, closing(scanning):
        for scanned in scanning:
            done += scanned
            saver.save_if_due()
            yield Progress(done, total, {})
        saver.finish()
    yield Progress(total, total, {})


def _skip_crashing(source: ImageSource, accumulator: IndexAccumulator, log: OpeningLog) -> set[str]:
    """Skip images that end the process that opens them; return their names.

    Only those are tried that a process was opening when it ended, or that were skipped before.
    """
    before = [name for name, why in accumulator.skipped.items() if why == crash_reason(name)]
    crashing = find_crashing(source, {*before, *log.left()}, accumulator.plan.input_size)
    accumulator.skipped.update({name: crash_reason(name) for name in crashing})
    return crashing


def count_entries(source: ImageSource) -> int:
    """Return the number of files in a collection.

    Raises:
        ExplorerError: there is none.
    """
    total = sum(1 for _ in source.entries())
    if total == 0:
        raise ExplorerError(f"there are no images in {named(source.text)}; name another collection")
    return total


class IndexSaver:
    """Writes an accumulator to its file at intervals.

    It is a context manager. If the code in its block fails, the images that are done are saved.
    """

    def __init__(
        self, accumulator: IndexAccumulator, out: Path, seconds: float | None = None
    ) -> None:
        self._accumulator, self._out = accumulator, out
        self._seconds = SAVE_SECONDS if seconds is None else seconds
        self._saved = time.monotonic()

    def __enter__(self) -> "IndexSaver":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception) and self._accumulator.pictures:
            self._accumulator.save(self._out)

    def finish(self) -> None:
        """Write the file for the last time, with the mark that it is complete.

        Raises:
            ExplorerError: the file cannot be written, or no image could be opened.
        """
        skipped = self._accumulator.skipped
        if not self._accumulator.pictures:
            reason = f": {skipped[min(skipped)]}" if skipped else ""
            raise ExplorerError(
                f"no file of {named(self._accumulator.source)} can be indexed{reason}"
            )
        self._accumulator.complete = True
        self._accumulator.save(self._out)

    def save_if_due(self) -> None:
        """Write the file if the last write ended more than the interval ago.

        As the interval begins at the end of a write, even slow writes take a small share of time.
        """
        due = time.monotonic() - self._saved >= self._seconds
        if due and self._accumulator.pictures:
            self._accumulator.save(self._out)
            self._saved = time.monotonic()


def remaining_entries(source: ImageSource, accumulator: IndexAccumulator) -> Iterator[ImageEntry]:
    """Yield the entries of a source that an accumulator does not contain yet."""
    scanned = np.sort(np.array(accumulator.pictures, np.int64))
    for entry in source.entries():
        picture = picture_id(entry.name)
        at = np.searchsorted(scanned, picture)
        if at == len(scanned) or scanned[at] != picture:
            yield entry


def scan(
    network: Network,
    source: ImageSource,
    accumulator: IndexAccumulator,
    entries: Iterable[ImageEntry],
    workers: int | None = None,
    batch: int = BATCH,
    busy: Callable[[], int] | None = None,
    log: OpeningLog | None = None,
) -> Generator[int, None, None]:
    """Scan images and add the results to an accumulator. Yield the size of each finished batch.

    Images are listed in ``log`` while they are opened. The other arguments are those of
    ``build_index``.

    If ``entries`` raises an error, the batches that were begun are finished before it is raised.
    """
    workers = workers or _processor_count()
    turns = _Turns(workers if busy is None else busy())
    scan_batch = turns.limited(Scanner(network, accumulator.plan, source, log).scan)
    batches = _batches(entries, whole_groups(batch, network.device))
    failure: Exception | None = None
    pending: deque[tuple[int, Future[ScanBatch]]] = deque()
    with ExitStack() as stack:
        stack.enter_context(_exact_arithmetic())
        pool = stack.enter_context(ThreadPoolExecutor(workers, "scan"))
        stack.callback(pool.shutdown, cancel_futures=True)
        while True:
            while failure is None and len(pending) < workers * (1 + QUEUED_BATCHES):
                try:
                    some = next(batches, [])
                except Exception as error:
                    failure = error
                    break
                if not some:
                    break
                thresholds = (accumulator.top.threshold(), accumulator.least.threshold())
                pending.append((len(some), pool.submit(scan_batch, some, thresholds)))
            if not pending:
                break
            count, future = pending.popleft()
            accumulator.add(future.result())
            yield count
            if busy is not None:
                turns.allow(busy())
    if failure is not None:
        raise failure


class _Turns:
    """Calls of a function by several threads, of which only some may run at the same time."""

    def __init__(self, limit: int) -> None:
        self._limit, self._running = limit, 0
        self._changed = threading.Condition()

    def allow(self, limit: int) -> None:
        """Change how many calls may run at the same time, at least 1."""
        with self._changed:
            self._limit = limit
            self._changed.notify_all()

    def limited(self, function: Callable[Params, Result]) -> Callable[Params, Result]:
        """Return a function that does the same when it is its turn."""

        def run(*args: Params.args, **kwargs: Params.kwargs) -> Result:
            with self._changed:
                self._changed.wait_for(lambda: self._running < self._limit)
                self._running += 1
            try:
                return function(*args, **kwargs)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

        return run


def _batches(entries: Iterable[ImageEntry], batch: int) -> Iterator[list[ImageEntry]]:
    """Yield entries in lists of ``batch``; the last list may be shorter."""
    remaining = iter(entries)
    while some := list(itertools.islice(remaining, batch)):
        yield some


def _processor_count() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """Return a context manager in which PyTorch uses one thread per call and full float32."""
    # ``flags`` would switch cuDNN off if it were not told otherwise.
    exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    with one_thread(), exact:
        yield
