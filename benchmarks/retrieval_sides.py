"""What is measured side by side when pictures are indexed.

All sides see the same network, layers and pictures, at the same input. A side does all pictures in
one go; sides take turns, so that they share the machine's good and bad moments.
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

# Of the bare network, the best of these is the limit.
LIMIT_BATCHES = (1, 8)
CRP_BATCH = 16


class Some:
    """The first pictures of a source, perhaps again and again under new names."""

    def __init__(self, source: ImageSource, count: int) -> None:
        self._source = source
        self._own = list(itertools.islice(source.entries(), count))
        self.text, self.identity = source.text, source.identity
        self.count = count

    def entries(self) -> Iterator[ImageEntry]:
        """List them; the same picture's names differ by what stands before a colon."""
        for at in range(self.count):
            time, which = divmod(at, len(self._own))
            entry = self._own[which]
            yield ImageEntry(f"{time}:{entry.name}", entry.size, entry.place)

    def find(self, name: str) -> ImageEntry:
        """Find one by its new name."""
        return self._source.find(name.partition(":")[2])

    def label(self, name: str) -> str:
        """Tell its label."""
        return self._source.label(name.partition(":")[2])

    def open(self, entry: ImageEntry, least: tuple[int, int] | None = None) -> Any:
        """Open it."""
        return self._source.open(
            ImageEntry(entry.name.partition(":")[2], entry.size, entry.place), least
        )


@dataclass(frozen=True)
class Task:
    """What to do, the same for all sides: which network, which layers, which pictures."""

    network: Network
    plan: IndexPlan
    source: Some
    workers: int

    def pixels(self, entry: ImageEntry) -> torch.Tensor:
        """Decode a picture to what the network sees, uint8 ``[H, W, 3]``."""
        picture, size = self.source.open(entry, self.plan.input_size)
        return torch.from_numpy(
            np.array(CenterCrop(size, self.plan.input_size).network_input(picture))
        )


Side = Callable[[], None]


def sides(task: Task, with_crp: bool) -> dict[str, Side]:
    """Make all sides; the limit is made of those whose names begin with ``bare``."""
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


def explorer(task: Task) -> None:
    """This project: decode, look, rank, write the index."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "index"
        tally = build.open_accumulator(task.plan, task.source, out)
        for _ in build.build_index(task.network, task.source, tally, out, task.workers):
            pass


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def forward(task: Task, decoded: Sequence[torch.Tensor], batch: int, split: bool = True) -> None:
    """The bare network, with its normalisation, on decoded pictures.

    Batches are split between threads of one core each, or all threads work on one batch.
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


def decode(task: Task) -> None:
    """Bare decoding to the network's input."""
    with ThreadPoolExecutor(task.workers) as pool:
        for _ in pool.map(task.pixels, task.source.entries()):
            pass


class _Pairs(torch.utils.data.Dataset[Any]):
    """The pictures as zennit-crp wants them: normalised, with a class."""

    def __init__(self, task: Task) -> None:
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


def crp(task: Task, frugal: bool) -> None:
    """zennit-crp's feature visualisation, ranking by the maximum, on all threads.

    By itself it ranks by relevance too, which takes a backward pass with zennit's rules.
    ``frugal`` spares it the rules and the ranking by relevance, for which it has no setting.
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
            _Pairs(task),
            layers,
            max_target="max",
            abs_norm=False,
            path=folder,
        )
        if frugal:
            made.analyze_relevance = lambda *_: None
        made.run(None if frugal else EpsilonPlusFlat(), 0, task.source.count, CRP_BATCH)
