"""The content of an index during a scan: the results for all images scanned so far.

Accumulators with the results of different images can be merged in any order. The merged accumulator
has the same content as one to which all images were added directly.
"""

import dataclasses
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.index import file_format
from core.index.file_format import Array
from core.index.plan import IndexPlan
from core.index.top_k import NO_IMAGE, Floats, Ids, Positions, RandomSample, TopK

# Names of images that are no longer in any ranking are deleted when ``details`` has grown to more
# than twice the number of entries after the last deletion, plus this number.
SPARE_NAMES = 4096


@dataclass(frozen=True)
class ScanBatch:
    """The results of scanning a few images.

    Attributes:
        pictures: ids of the images, ``[n]``.
        names, sizes: names of the images, and their (height, width) at full size.
        values: activation for each row of the tables (a unit with a statistic), float32
            ``[n, rows]``.
        places: flat position of each unit's maximum, int32 ``[n, rows]``; ``NO_POSITION`` where the
            value of the unit is too low (or too high) to enter any ranking.
        skipped: names of the images that could not be opened, with the reasons.
    """

    pictures: Ids
    names: list[str]
    sizes: list[tuple[int, int]]
    values: Floats
    places: Positions
    skipped: Mapping[str, str]


@dataclass
class IndexAccumulator:
    """The results for some images of a collection.

    Attributes:
        plan: the network, layers, statistics and collection.
        source: location of the images, as ``core.datasets.sources.find_source`` accepts it.
        top, least: the k images that excite each unit most, and the k that excite it least.
        sample: the values of a random sample of the images.
        pictures: ids of all scanned images.
        details: (name, height, width) by the id of the image, for all images in ``top``, ``least``
            and ``sample``, and possibly for others.
        skipped: names of the images that could not be opened, with the reasons.
        complete: whether all images of the source have been scanned.
    """

    plan: IndexPlan
    source: str
    top: TopK
    least: TopK
    sample: RandomSample
    pictures: "array[int]" = field(default_factory=lambda: array("q"))
    details: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    # The number of entries of ``details`` that were kept when it was last pruned.
    _pruned_count: int = 0

    @classmethod
    def empty(cls, plan: IndexPlan, source: str) -> "IndexAccumulator":
        """Return an accumulator without images."""
        top, least = (TopK.empty(plan.rows, plan.k, sign) for sign in (1, -1))
        return cls(plan, source, top, least, RandomSample(plan.sample))

    def add(self, batch: ScanBatch) -> None:
        """Add images that were not added before."""
        self.top.add(batch.pictures, batch.values, batch.places)
        self.least.add(batch.pictures, batch.values, batch.places)
        self.sample.add(batch.pictures, batch.values)
        ids = batch.pictures.tolist()
        self.pictures.extend(ids)
        for picture, name, size in zip(ids, batch.names, batch.sizes, strict=True):
            self.details[picture] = (name, *size)
            # An image that could not be opened in an earlier run may have been repaired.
            self.skipped.pop(name, None)
        self.skipped.update(batch.skipped)
        self._prune_details()

    def merge(self, other: "IndexAccumulator") -> None:
        """Add the content of an accumulator with the results of other images.

        Raises:
            ExplorerError: the plans of the two accumulators differ.
        """
        self.plan.require_same(other.plan, "the other part")
        self.top.merge(other.top)
        self.least.merge(other.least)
        self.sample.merge(other.sample)
        self.pictures.extend(other.pictures)
        self.details.update(other.details)
        self.skipped.update(other.skipped)
        self._prune_details()

    def _prune_details(self) -> None:
        if len(self.details) > 2 * self._pruned_count + SPARE_NAMES:
            listed = self._listed_ids()
            self.details = {it: known for it, known in self.details.items() if it in listed}
            self._pruned_count = len(self.details)

    def _listed_ids(self) -> set[int]:
        """Return the ids of the images in ``top``, ``least`` and ``sample``."""
        ranked = np.unique(np.concatenate([self.top.pictures.ravel(), self.least.pictures.ravel()]))
        return {*ranked[ranked != NO_IMAGE].tolist(), *self.sample.rows}

    def tensors(self) -> dict[str, Array]:
        """Return the tensors of the index file by name, see ``core.index.file_format``.

        They depend only on which images were added, not on the order or the batches.
        """
        listed = sorted(self._listed_ids())
        details = [self.details[picture] for picture in listed]
        names, ends = file_format.pack_names([name for name, _, _ in details])
        sampled, values = self.sample.table(self.plan.rows)
        tables = {
            f"{table}/{part}": getattr(ranking, part)
            for table, ranking in (("top", self.top), ("least", self.least))
            for part in ("values", "pictures", "places")
        }
        return {
            **tables,
            "sample/pictures": sampled,
            "sample/values": values,
            "pictures": np.sort(np.array(self.pictures, np.int64)),
            "named/pictures": np.array(listed, np.int64),
            "named/sizes": np.array([it[1:] for it in details], np.int32).reshape(-1, 2),
            "named/names": names,
            "named/ends": ends,
        }

    def save(self, path: Path) -> None:
        """Write the index file; if this fails, an existing file remains unchanged.

        Raises:
            ExplorerError: the file cannot be written.
        """
        manifest = {
            "plan": dataclasses.asdict(self.plan),
            "source": self.source,
            "complete": self.complete,
            "skipped": file_format.kept_reasons(self.skipped),
        }
        file_format.write(path, self.tensors(), manifest)

    @classmethod
    def load(cls, path: Path) -> "IndexAccumulator":
        """Load a file that ``save`` wrote, so that more images can be added.

        Raises:
            ExplorerError: the file is not an index.
        """
        file, manifest = file_format.read(path)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        loaded = cls.empty(IndexPlan.from_json(manifest["plan"]), manifest["source"])
        for table, ranking in (("top", loaded.top), ("least", loaded.least)):
            for part in ("values", "pictures", "places"):
                getattr(ranking, part)[:] = tensors[f"{table}/{part}"]
        loaded.sample.add(tensors["sample/pictures"], tensors["sample/values"].T)
        loaded.pictures.frombytes(tensors["pictures"].tobytes())
        sizes = tensors["named/sizes"].tolist()
        for at, picture in enumerate(tensors["named/pictures"].tolist()):
            name = file_format.unpack_name(tensors["named/names"], tensors["named/ends"], at)
            loaded.details[picture] = (name, *sizes[at])
        loaded.skipped = manifest["skipped"]
        loaded.complete = manifest["complete"]
        return loaded
