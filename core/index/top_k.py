"""The k most and k least exciting pictures of many units, and a sample of all, as they stream by.

Every table here can be filled in any order and in any parts, and merged in any order: what it holds
in the end depends on the pictures alone. Each picture has an id, a number that its name is hashed
to; of equal values the smaller id goes first.
"""

import hashlib
import heapq
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Positions = npt.NDArray[np.int32]

# Stands where there are fewer than k pictures; larger than any id.
NO_IMAGE = np.iinfo(np.int64).max
NO_POSITION = -1


def picture_id(name: str) -> int:
    """Hash a picture's name to its id, from 0 to 2^63 - 2.

    A million names coincide somewhere with a chance of one in ten million.
    """
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % NO_IMAGE


@dataclass
class TopK:
    """The k best pictures of each unit, the best first.

    Attributes:
        values: float32 ``[units, k]``; infinitely bad where there are fewer pictures.
        pictures: their ids, int64 ``[units, k]``, or ``NOBODY``.
        places: where each value was found, int32 ``[units, k]``, or ``NOWHERE``.
        sign: 1 if high values are best, -1 if low ones are.
    """

    values: Floats
    pictures: Ids
    places: Positions
    sign: int

    @classmethod
    def empty(cls, units: int, k: int, sign: int) -> "TopK":
        """Rank nothing yet."""
        return cls(
            np.full((units, k), -sign * np.inf, np.float32),
            np.full((units, k), NO_IMAGE, np.int64),
            np.full((units, k), NO_POSITION, np.int32),
            sign,
        )

    def bar(self) -> "Threshold":
        """Tell what a picture must beat to be ranked, as it is now."""
        return Threshold(self.values[:, -1].copy(), self.pictures[:, -1].copy(), self.sign)

    def add(self, pictures: Ids, values: Floats, places: Positions) -> None:
        """Rank some pictures that are not ranked yet.

        Args:
            pictures: ids ``[n]``.
            values: ``[n, units]``; what is not a number is not ranked.
            places: ``[n, units]``, known at least where ``bar().beaten`` said so before.
        """
        beaten = self.bar().beaten(pictures, values)  # [n, units]
        rows = np.flatnonzero(beaten.any(axis=0))
        if len(rows) == 0:
            return
        new = beaten[:, rows].T  # [rows, n]
        self._keep(
            rows,
            np.where(new, values[:, rows].T, np.float32(-self.sign * np.inf)),
            np.where(new, pictures[None], NO_IMAGE),
            np.where(new, places[:, rows].T, np.int32(NO_POSITION)),
        )

    def merge(self, other: "TopK") -> None:
        """Rank what another ranking of the same units and other pictures holds."""
        self._keep(np.arange(len(self.values)), other.values, other.pictures, other.places)

    def _keep(self, rows: Ids, values: Floats, pictures: Ids, places: Positions) -> None:
        """Keep the best of what these rows hold and of what is new, each ``[rows, any]``."""
        values = np.concatenate([self.values[rows], values], axis=1)
        pictures = np.concatenate([self.pictures[rows], pictures], axis=1)
        places = np.concatenate([self.places[rows], places], axis=1)
        k = self.values.shape[1]
        order = np.lexsort((pictures, -self.sign * values), axis=1)[:, :k]
        self.values[rows] = np.take_along_axis(values, order, axis=1)
        self.pictures[rows] = np.take_along_axis(pictures, order, axis=1)
        self.places[rows] = np.take_along_axis(places, order, axis=1)


@dataclass(frozen=True)
class Threshold:
    """The worst that a ranking holds of each unit: what a picture must beat.

    Attributes:
        values, pictures: ``[units]``.
        sign: as of the ranking.
    """

    values: Floats
    pictures: Ids
    sign: int

    def beaten(self, pictures: Ids, values: Floats) -> npt.NDArray[np.bool_]:
        """Tell which of ``values: [n, units]``, of pictures ``[n]``, would be ranked."""
        better = values > self.values if self.sign > 0 else values < self.values
        tied = (values == self.values) & (pictures[:, None] < self.pictures)
        result: npt.NDArray[np.bool_] = better | tied
        return result


@dataclass
class RandomSample:
    """The values of a random sample of pictures, the same pictures for all units.

    It holds the pictures with the smallest ids. As ids are hashes, that is a sample without
    replacement which every part of a collection can take by itself (bottom-k sampling; Cohen and
    Kaplan, "Summarizing data using bottom-k sketches", PODC 2007).

    Attributes:
        size: how many pictures it holds at most.
        rows: the values of each, float32 ``[units]``, by id.
    """

    size: int
    rows: dict[int, Floats] = field(default_factory=dict)
    # Its ids negated, as a heap, so that the largest is at hand.
    _largest: list[int] = field(default_factory=list, repr=False)

    def add(self, pictures: Ids, values: Floats) -> None:
        """Take what belongs to the sample of pictures ``[n]`` with ``values: [n, units]``."""
        for picture, row in zip(pictures.tolist(), values, strict=True):
            if len(self.rows) < self.size:
                heapq.heappush(self._largest, -picture)
            elif picture < -self._largest[0]:
                del self.rows[-heapq.heapreplace(self._largest, -picture)]
            else:
                continue
            self.rows[picture] = row.copy()

    def merge(self, other: "RandomSample") -> None:
        """Take in a sample of other pictures."""
        for picture, row in other.rows.items():
            self.add(np.array([picture]), row[None])

    def table(self, units: int) -> tuple[Ids, Floats]:
        """Write it as ids ``[n]``, ascending, and values ``[units, n]``."""
        pictures = np.array(sorted(self.rows), np.int64)
        values = np.empty((units, len(pictures)), np.float32)
        for column, picture in enumerate(pictures.tolist()):
            values[:, column] = self.rows[picture]
        return pictures, values
