"""Streaming rankings of images by activation, and a random sample of all images.

Images can be added in any order and in any batches, and tables can be merged in any order: the
final content depends on the images alone. Each image has an id, the hash of its name. Equal values
are ordered by id, the smaller one first.
"""

import hashlib
import heapq
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Positions = npt.NDArray[np.int32]

# Id in the unused entries of a ranking with fewer than k images. It is larger than any image's id.
NO_IMAGE = np.iinfo(np.int64).max
NO_POSITION = -1


def picture_id(name: str | bytes) -> int:
    """Compute the id of an image, a hash of its name (in UTF-8 if bytes), from 0 to 2^63 - 2.

    With a million names, the probability that two have the same id is about 5e-8.
    """
    encoded = name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name
    digest = hashlib.blake2b(encoded, digest_size=8).digest()
    return int.from_bytes(digest, "big") % NO_IMAGE


@dataclass
class TopK:
    """The k images with the highest (or lowest) value of each unit, best value first.

    Attributes:
        values: activations, float32 ``[units, k]``; ``-sign * inf`` in unused entries.
        pictures: ids of the images, int64 ``[units, k]``; ``NO_IMAGE`` in unused entries.
        places: flat position of each unit's maximum in the image, int32 ``[units, k]``;
            ``NO_POSITION`` in unused entries.
        sign: 1 if the highest values are best, -1 if the lowest values are best.
    """

    values: Floats
    pictures: Ids
    places: Positions
    sign: int

    @classmethod
    def empty(cls, units: int, k: int, sign: int) -> "TopK":
        """Return a ranking without images."""
        return cls(
            np.full((units, k), -sign * np.inf, np.float32),
            np.full((units, k), NO_IMAGE, np.int64),
            np.full((units, k), NO_POSITION, np.int32),
            sign,
        )

    def threshold(self) -> "Threshold":
        """Return a copy of each unit's last entry; only better images enter the ranking."""
        return Threshold(self.values[:, -1].copy(), self.pictures[:, -1].copy(), self.sign)

    def add(self, pictures: Ids, values: Floats, places: Positions) -> None:
        """Rank some images that were not added before.

        Args:
            pictures: ids ``[n]``.
            values: activations ``[n, units]``; images with NaN never enter a ranking.
            places: flat positions ``[n, units]``; they are used only where the image enters the
                ranking of the unit.
        """
        exceeded = self.threshold().exceeded_by(pictures, values)  # [n, units]
        rows = np.flatnonzero(exceeded.any(axis=0))
        if len(rows) == 0:
            return
        new = exceeded[:, rows].T  # [rows, n]
        self._insert(
            rows,
            np.where(new, values[:, rows].T, np.float32(-self.sign * np.inf)),
            np.where(new, pictures[None], NO_IMAGE),
            np.where(new, places[:, rows].T, np.int32(NO_POSITION)),
        )

    def merge(self, other: "TopK") -> None:
        """Add the entries of another ranking, of the same units and other images."""
        self._insert(np.arange(len(self.values)), other.values, other.pictures, other.places)

    def _insert(self, rows: Ids, values: Floats, pictures: Ids, places: Positions) -> None:
        """Insert new entries into some rows, and keep the k best entries of each row.

        Args:
            rows: indices of the rows.
            values, pictures, places: m new entries for each of these rows, ``[rows, m]`` each.
        """
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
    """The last entry of each unit in a ranking.

    Attributes:
        values, pictures: value and image id of the entries, ``[units]`` each.
        sign: as ``TopK.sign``.
    """

    values: Floats
    pictures: Ids
    sign: int

    def exceeded_by(self, pictures: Ids, values: Floats) -> npt.NDArray[np.bool_]:
        """Return which images would enter the rankings of which units, ``[n, units]``.

        Args:
            pictures: ids of the images, ``[n]``.
            values: activations ``[n, units]``.
        """
        better = values > self.values if self.sign > 0 else values < self.values
        tied = (values == self.values) & (pictures[:, None] < self.pictures)
        result: npt.NDArray[np.bool_] = better | tied
        return result


@dataclass
class RandomSample:
    """The activations of all units for a random sample of images.

    The sample consists of the images with the smallest ids. As ids are hashes, this is a random
    sample without replacement, and samples of parts of a collection can be merged (bottom-k
    sampling; Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007).

    Attributes:
        size: number of images in the sample, at most.
        rows: activations, float32 ``[units]``, by the id of the image.
    """

    size: int
    rows: dict[int, Floats] = field(default_factory=dict)
    # The ids, negated, as a heap. The first entry of a heap is the smallest, so here it belongs to
    # the largest id, which is the next to be replaced.
    _negated_ids: list[int] = field(default_factory=list, repr=False)

    def add(self, pictures: Ids, values: Floats) -> None:
        """Add those of n images whose ids are small enough.

        Args:
            pictures: ids ``[n]``.
            values: activations ``[n, units]``.
        """
        for picture, row in zip(pictures.tolist(), values, strict=True):
            if len(self.rows) < self.size:
                heapq.heappush(self._negated_ids, -picture)
            elif picture < -self._negated_ids[0]:
                del self.rows[-heapq.heapreplace(self._negated_ids, -picture)]
            else:
                continue
            self.rows[picture] = row.copy()

    def merge(self, other: "RandomSample") -> None:
        """Add a sample of other images."""
        for picture, row in other.rows.items():
            self.add(np.array([picture]), row[None])

    def table(self, units: int) -> tuple[Ids, Floats]:
        """Return the ids ``[n]`` of the sample, ascending, and the activations ``[units, n]``."""
        pictures = np.array(sorted(self.rows), np.int64)
        values = np.empty((units, len(pictures)), np.float32)
        for column, picture in enumerate(pictures.tolist()):
            values[:, column] = self.rows[picture]
        return pictures, values
