"""The sides of the indexing benchmark: the implementations that are compared, and the limit.

All sides use the same network, layers, images and input size. One call of a side processes all
images. The benchmark calls the sides in turns, so that changes in the machine's load affect all of
them.
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

# Batch sizes with which the bare network is timed; the fastest counts for the limit.
LIMIT_BATCHES = (1, 8)
CRP_BATCH = 16


class FirstImages:
    """The first ``count`` images of a source, repeated under new names if there are fewer."""

    def __init__(self, source: ImageSource, count: int) -> None:
        self._source = source
        self._entries = list(itertools.islice(source.entries(), count))
        self.text, self.identity = source.text, source.identity
        self.count = count

    def entries(self) -> Iterator[ImageEntry]:
        """Yield entries with new names: ``0:a.png``, and ``1:a.png`` for the first repetition."""
        for at in range(self.count):
            repetition, index = divmod(at, len(self._entries))
            entry = self._entries[index]
            yield ImageEntry(f"{repetition}:{entry.name}", entry.size, entry.offset)

    def find(self, name: str) -> ImageEntry:
        """Return the entry in the source of the image with a new name, such as ``1:cat.png``."""
        return self._source.find(name.partition(":")[2])

    def label(self, name: str) -> str:
        """Return the label of the image with a new name."""
        return self._source.label(name.partition(":")[2])

    def open(self, entry: ImageEntry, least: tuple[int, int] | None = None) -> Any:
        """Open the image of an entry, as ``ImageSource.open`` does."""
        return self._source.open(
            ImageEntry(entry.name.partition(":")[2], entry.size, entry.offset), least
        )


@dataclass(frozen=True)
class IndexingTask:
    """The work of each side.

    Attributes:
        network: network whose layers are indexed.
        plan: plan of the index, with the layers.
        source: images.
        workers: number of threads.
    """

    network: Network
    plan: IndexPlan
    source: FirstImages
    workers: int

    def pixels(self, entry: ImageEntry) -> torch.Tensor:
        """Return a decoded image, cropped to the network's input size, uint8 ``[H, W, 3]``."""
        picture, size = self.source.open(entry, self.plan.input_size)
        return torch.from_numpy(
            np.array(CenterCrop(size, self.plan.input_size).network_input(picture))
        )


Side = Callable[[], None]


def sides(task: IndexingTask, with_crp: bool) -> dict[str, Side]:
    """Return all sides by name; those whose names begin with ``bare`` make up the limit."""
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
    """Index as this project does: decode images, run the network, rank images, write the index."""
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
        split: whether each thread computes other batches; otherwise all threads share the work of
            one batch.
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
    """Only decode all images to the network's input."""
    with ThreadPoolExecutor(task.workers) as pool:
        for _ in pool.map(task.pixels, task.source.entries()):
            pass


class _CrpDataset(torch.utils.data.Dataset[Any]):
    """The images in the form that zennit-crp needs: normalised, each with the class 0."""

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
    """Run zennit-crp's ``FeatureVisualization`` on all threads.

    It ranks images by the maximum of each channel's activation. By default, zennit-crp also ranks
    images by relevance, which takes a backward pass with zennit's rules. ``frugal`` leaves out the
    rules and the ranking by relevance. zennit-crp has no setting for this, so its method is
    replaced.
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
