"""What was found among the pictures seen so far: the growing content of an index.

Tallies of different pictures merge, in any order, into what one tally of all would hold.
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

# Names of pictures that have fallen out of every ranking are dropped from time to time.
NAMES_SPARE = 4096


@dataclass(frozen=True)
class ScanBatch:
    """What was seen in a few pictures.

    Attributes:
        pictures: ids ``[n]``.
        names, sizes: of the pictures; (height, width) at full size.
        values: float32 ``[n, rows]``.
        places: of each unit's maximum, int32 ``[n, rows]``, as far as it matters.
        skipped: what could not be opened, and why.
    """

    pictures: Ids
    names: list[str]
    sizes: list[tuple[int, int]]
    values: Floats
    places: Positions
    skipped: Mapping[str, str]


@dataclass
class IndexAccumulator:
    """What was found among some pictures.

    Attributes:
        plan: what is measured.
        source: where the pictures are, as ``sources.find`` takes it.
        top, least: the k pictures that excite each unit most, and least.
        sample: the values of a sample of the pictures.
        pictures: ids of all that were seen.
        named: name, height and width by id, of those that stand in the tables and maybe others.
        skipped: what could not be opened, and why.
        complete: whether all of the source has been seen.
    """

    plan: IndexPlan
    source: str
    top: TopK
    least: TopK
    sample: RandomSample
    pictures: "array[int]" = field(default_factory=lambda: array("q"))
    named: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    # How many names were worth keeping when that was last looked at.
    _wanted: int = 0

    @classmethod
    def empty(cls, plan: IndexPlan, source: str) -> "IndexAccumulator":
        """Begin."""
        top, least = (TopK.empty(plan.rows, plan.k, sign) for sign in (1, -1))
        return cls(plan, source, top, least, RandomSample(plan.sample))

    def add(self, look: ScanBatch) -> None:
        """Take in pictures that were not seen before."""
        self.top.add(look.pictures, look.values, look.places)
        self.least.add(look.pictures, look.values, look.places)
        self.sample.add(look.pictures, look.values)
        self.pictures.extend(look.pictures.tolist())
        for picture, name, size in zip(look.pictures.tolist(), look.names, look.sizes, strict=True):
            self.named[picture] = (name, *size)
            # What could not be opened last time may have been repaired.
            self.skipped.pop(name, None)
        self.skipped.update(look.skipped)
        self._forget()

    def merge(self, other: "IndexAccumulator") -> None:
        """Take in a tally of other pictures.

        Raises:
            ExplorerError: it was made with another plan.
        """
        self.plan.require_same(other.plan, "the other part")
        self.top.merge(other.top)
        self.least.merge(other.least)
        self.sample.merge(other.sample)
        self.pictures.extend(other.pictures)
        self.named.update(other.named)
        self.skipped.update(other.skipped)
        self._forget()

    def _forget(self) -> None:
        if len(self.named) > 2 * self._wanted + NAMES_SPARE:
            kept = self._kept()
            self.named = {it: found for it, found in self.named.items() if it in kept}
            self._wanted = len(self.named)

    def _kept(self) -> set[int]:
        """List the pictures that stand in the tables."""
        ranked = np.unique(np.concatenate([self.top.pictures.ravel(), self.least.pictures.ravel()]))
        return {*ranked[ranked != NO_IMAGE].tolist(), *self.sample.rows}

    def tensors(self) -> dict[str, Array]:
        """Write it as the file's tensors, the same for the same pictures."""
        kept = sorted(self._kept())
        named = [self.named[picture] for picture in kept]
        names, ends = file_format.pack_names([name for name, _, _ in named])
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
            "named/pictures": np.array(kept, np.int64),
            "named/sizes": np.array([it[1:] for it in named], np.int32).reshape(-1, 2),
            "named/names": names,
            "named/ends": ends,
        }

    def save(self, path: Path) -> None:
        """Write the file, in one piece or not at all.

        Raises:
            ExplorerError: it cannot be written.
        """
        manifest = {
            "plan": dataclasses.asdict(self.plan),
            "source": self.source,
            "complete": self.complete,
            "skipped": dict(sorted(self.skipped.items())),
        }
        file_format.write(path, self.tensors(), manifest)

    @classmethod
    def load(cls, path: Path) -> "IndexAccumulator":
        """Read a file that ``save`` wrote, to go on with it.

        Raises:
            ExplorerError: it is no index.
        """
        file, manifest = file_format.read(path)
        read = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        tally = cls.empty(IndexPlan.from_json(manifest["plan"]), manifest["source"])
        for table, ranking in (("top", tally.top), ("least", tally.least)):
            for part in ("values", "pictures", "places"):
                getattr(ranking, part)[:] = read[f"{table}/{part}"]
        tally.sample.add(read["sample/pictures"], read["sample/values"].T)
        tally.pictures.frombytes(read["pictures"].tobytes())
        sizes = read["named/sizes"].tolist()
        for at, picture in enumerate(read["named/pictures"].tolist()):
            name = file_format.unpack_name(read["named/names"], read["named/ends"], at)
            tally.named[picture] = (name, *sizes[at])
        tally.skipped = manifest["skipped"]
        tally.complete = manifest["complete"]
        return tally
