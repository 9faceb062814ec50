"""The sides of the indexing benchmark.

All sides see the same network, layers and images, with the same input size. A side processes all
images in one go. Sides take turns, so that changes in the machine's load affect all of them.
"""

import contextlib
import copy
import io
import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.datasets.image_source import ImageEntry, ImageSource
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.index import build
from core.index.plan import IndexPlan
from core.networks.network import Network

# Batch sizes of the bare network; the fastest is the limit.
LIMIT_BATCHES = (1, 8)
CRP_BATCH = 16


class FirstImages:
    """The first images of a source, repeated under new names if it has fewer than ``count``."""

    def __init__(self, source: ImageSource, count: int) -> None:
        self._source = source
        self._entries = list(itertools.islice(source.entries(), count))
        self.text, self.identity = source.text, source.identity
        self.count = count

    def entries(self) -> Iterator[ImageEntry]:
        """Yield the entries; a number before a colon makes the names of repeated images differ."""
        for at in range(self.count):
            repetition, index = divmod(at, len(self._entries))
            entry = self._entries[index]
            yield ImageEntry(f"{repetition}:{entry.name}", entry.size, entry.offset)

    def find(self, name: str) -> ImageEntry:
        """Return an image's entry by its new name."""
        return self._source.find(name.partition(":")[2])

    def label(self, name: str) -> str:
        """Return an image's label."""
        return self._source.label(name.partition(":")[2])

    def open(self, entry: ImageEntry, least: tuple[int, int] | None = None) -> Any:
        """Open an image."""
        return self._source.open(
            ImageEntry(entry.name.partition(":")[2], entry.size, entry.offset), least
        )


@dataclass(frozen=True)
class IndexingTask:
    """What is indexed, the same for all sides: network, layers and images."""

    network: Network
    plan: IndexPlan
    source: FirstImages
    workers: int

    def pixels(self, entry: ImageEntry) -> torch.Tensor:
        """Decode an image to what the network sees, uint8 ``[H, W, 3]``."""
        picture, size = self.source.open(entry, self.plan.input_size)
        return torch.from_numpy(
            np.array(CenterCrop(size, self.plan.input_size).network_input(picture))
        )


Side = Callable[[], None]


def sides(task: IndexingTask, with_crp: bool) -> dict[str, Side]:
    """Build all sides; the limit is computed from those whose names begin with ``bare``."""
    decoded = [task.pixels(entry) for entry in task.source.entries()]
    made: dict[str, Side] = {"neuron explorer": lambda: explorer(task)}
    for batch in LIMIT_BATCHES:
        name = f"bare forward, {task.workers} threads on batches of {batch}"
        made[name] = lambda batch=batch: forward(task, decoded, batch)  # type: ignore[misc]
    name = f"bare forward, one batch of {LIMIT_BATCHES[-1]} on {task.workers} threads"
    made[name] = lambda: forward(task, decoded, LIMIT_BATCHES[-1], split=False)
    made["bare decoding"] = lambda: decode(task)
    if with_crp:
        made["zennit-crp"] = lambda: crp(task, frugal=False)
        made["zennit-crp, activations only"] = lambda: crp(task, frugal=True)
    return made


def explorer(task: IndexingTask) -> None:
    """Index as this project does: decode, run the network, rank, write the index."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "index"
        accumulator = build.open_accumulator(task.plan, task.source, out)
        for _ in build.build_index(task.network, task.source, accumulator, out, task.workers):
            pass


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def forward(
    task: IndexingTask, decoded: Sequence[torch.Tensor], batch: int, split: bool = True
) -> None:
    """Run the bare network, with its normalisation, on decoded images.

    Args:
        task: what is indexed.
        decoded: images, uint8 ``[H, W, 3]``.
        batch: number of images in a batch.
        split: whether each thread works on batches of its own; otherwise all threads work on one.
    """
    starts = range(0, len(decoded), batch)
    mean, std = (torch.tensor(it).view(1, 3, 1, 1) for it in (task.network.mean, task.network.std))

    @torch.inference_mode()
    def run(start: int) -> None:
        image = image_io.from_bytes(torch.stack(list(decoded[start : start + batch])))
        image = (image - mean) / std
        task.network.module(image.contiguous(memory_format=torch.channels_last))

    if not split:
        with _threads(task.workers):
            for start in starts:
                run(start)
        return
    with _threads(1), ThreadPoolExecutor(task.workers) as pool:
        list(pool.map(run, starts))


def decode(task: IndexingTask) -> None:
    """Decode all images to the network's input, and do nothing else."""
    with ThreadPoolExecutor(task.workers) as pool:
        for _ in pool.map(task.pixels, task.source.entries()):
            pass


class _CrpDataset(torch.utils.data.Dataset[Any]):
    """The images as zennit-crp takes them: normalised, with a class."""

    def __init__(self, task: IndexingTask) -> None:
        self.task = task
        self.entries = list(task.source.entries())
        self.mean, self.std = (
            torch.tensor(it).view(3, 1, 1) for it in (task.network.mean, task.network.std)
        )

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        image = image_io.from_bytes(self.task.pixels(self.entries[at])[None])[0]
        return (image - self.mean) / self.std, 0


def crp(task: IndexingTask, frugal: bool) -> None:
    """Run zennit-crp's feature visualisation, ranking by the maximum, on all threads.

    By default it also ranks by relevance, which takes a backward pass with zennit's rules.
    ``frugal`` leaves out the rules and the ranking by relevance, for which it has no setting.
    """
    from crp.attribution import CondAttribution
    from crp.concepts import ChannelConcept
    from crp.visualization import FeatureVisualization
    from zennit.composites import EpsilonPlusFlat

    module = copy.deepcopy(task.network.module).to(memory_format=torch.contiguous_format)
    concept = ChannelConcept()
    names = dict(module.named_modules())
    layers = {layer.name: concept for layer in task.plan.layers if layer.name in names}
    with (
        tempfile.TemporaryDirectory() as folder,
        _threads(task.workers),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        made = FeatureVisualization(
            CondAttribution(module),
            _CrpDataset(task),
            layers,
            max_target="max",
            abs_norm=False,
            path=folder,
        )
        if frugal:
            made.analyze_relevance = lambda *_: None
        made.run(None if frugal else EpsilonPlusFlat(), 0, task.source.count, CRP_BATCH)
