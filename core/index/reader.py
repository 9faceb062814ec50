"""Reading an index of pictures: what excites each neuron, and how high any value stands.

    index = indexes.open("photos.index")
    for hit in index.top("features.7", 12):      # or index.least(...)
        hit.picture, hit.value, hit.row, hit.col, hit.box
    index.percentile("features.7", 12, 31.5)     # of all pictures, percent that excite it less
    index.percentiles("features.7", values)      # the same for all units of a layer at once
    index.picture(hit.picture)                   # the original, from where it was
    index.label(hit.picture)                     # what it is said to show
    index.values("features.7", 12)               # how much a sample of the pictures excites it
    index.between("features.7", 12, [50, 90])    # pictures of that sample at these percentiles
    index.box("features.7", 3, 5, (480, 640))    # what one position sees of a picture of that size
    crops.crop(index, "features.7", hit)         # that, cut out; `plates` lays crops out as grids
    probing.probe(network, picture, index)       # which units another picture excites unusually

Opening reads a header; tables stay on disk, mapped, and only what is asked for is read. An index
may be read by several threads at once, and while another process writes a newer one.
"""

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.datasets import sources
from core.datasets.image_source import ImageSource
from core.errors import ExplorerError, unknown
from core.images.center_crop import Box, CenterCrop
from core.index import file_format
from core.index.file_format import Array
from core.index.plan import IndexedLayer, IndexPlan
from core.index.top_k import NO_IMAGE
from core.networks.network import Network


@dataclass(frozen=True)
class Hit:
    """One of the pictures that excite a unit most, or least.

    Attributes:
        rank: from 1.
        picture: its name in the collection.
        value: raw activation, float32: the maximum over the picture's positions, or the mean.
        row, col: the position of the maximum, the first of several, in the layer.
        size: (height, width) of the original picture.
        box: (top, left, bottom, right) of the original's pixels that can reach that position, half
            open, exact at the borders.
    """

    rank: int
    picture: str
    value: float
    row: int
    col: int
    size: tuple[int, int]
    box: Box


@dataclass(frozen=True)
class SampledImage:
    """One of a random sample of the pictures.

    Attributes:
        picture: its name in the collection.
        value: how much it excites a unit, as in ``Hit``.
        size: (height, width) of the original picture.
    """

    picture: str
    value: float
    size: tuple[int, int]


class Index:
    """An index file, open for reading.

    Attributes:
        path: the file.
        plan: what was measured.
        count: how many pictures were seen.
        complete: whether that was all of the collection.
        skipped: what could not be opened, and why.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Raises:
            ExplorerError: it is missing, damaged, or no index of this version.
        """
        self.path = Path(path)
        self._file, manifest = file_format.read(self.path)
        self._lock = threading.Lock()
        self.plan = IndexPlan.from_json(manifest["plan"])
        self.complete: bool = manifest["complete"]
        self.skipped: dict[str, str] = manifest["skipped"]
        self._place: str = manifest["source"]
        (self.count,) = self._file.get_slice("pictures").get_shape()

    @functools.cached_property
    def source(self) -> ImageSource:
        """The collection, to open its pictures.

        Raises:
            ExplorerError: it is not where it was.
        """
        return sources.find_source(self._place)

    def layer(self, name: str) -> IndexedLayer:
        """Find a layer that was indexed.

        Raises:
            UnknownName: there is none.
        """
        for layer in self.plan.layers:
            if layer.name == name:
                return layer
        known = [layer.name for layer in self.plan.layers]
        raise unknown("layer", name, known, f"the index {self.path.name}")

    def require(self, network: Network) -> None:
        """Refuse a network that the index was not made with.

        Raises:
            ExplorerError: its weights are others.
        """
        if network.fingerprint != self.plan.weights:
            raise ExplorerError(
                f"{self.path} was made with weights {self.plan.weights} of {self.plan.network}; "
                f"those loaded are {network.fingerprint} of {network.name}; name their file with "
                "--weights"
            )

    def top(self, layer: str, unit: int, by: str = "max") -> tuple[Hit, ...]:
        """List the pictures that excite a unit most, the best first, at most ``plan.k``.

        Raises:
            UnknownName: there is no such layer or statistic.
            ExplorerError: there is no such unit.
        """
        return self._hits("top", layer, unit, by)

    def least(self, layer: str, unit: int, by: str = "max") -> tuple[Hit, ...]:
        """List the pictures that excite a unit least, the lowest first, as ``top`` does."""
        return self._hits("least", layer, unit, by)

    def _hits(self, table: str, layer: str, unit: int, by: str) -> tuple[Hit, ...]:
        found, row = self.layer(layer), self._row(layer, unit, by)
        values, pictures, places = (
            self._read(f"{table}/{part}", row, row + 1)[0]
            for part in ("values", "pictures", "places")
        )
        hits = []
        for at, picture in enumerate(pictures.tolist()):
            if picture == NO_IMAGE:
                break
            name, size = self._named(picture)
            position = found.position(int(places[at]))
            box = self.box(layer, *position, size)
            hits.append(Hit(at + 1, name, float(values[at]), *position, size, box))
        return tuple(hits)

    def box(self, layer: str, row: int, col: int, size: tuple[int, int]) -> Box:
        """Tell which pixels of a picture can reach a position of a layer.

        Args:
            layer: its name.
            row, col: the position.
            size: (height, width) of the original picture.

        Returns:
            (top, left, bottom, right) in the original's pixels, half open.
        """
        seen = self.layer(layer).field(row, col, self.plan.input_size)
        return CenterCrop(size, self.plan.input_size).box_in_image(seen)

    def percentile(self, layer: str, unit: int, value: float, by: str = "max") -> float:
        """Tell what share of the pictures excite a unit less than a value, from 0 to 100.

        Raises:
            UnknownName, ExplorerError: as ``top``.
        """
        row = self._row(layer, unit, by)
        return float(self._shares(slice(row, row + 1), np.array([value], np.float32))[0])

    def percentiles(
        self, layer: str, values: npt.NDArray[np.float32], by: str = "max"
    ) -> npt.NDArray[np.float64]:
        """Tell the percentile of a value ``[C]`` of each unit of a layer.

        A value among the k highest or k lowest has its exact percentile, and so has every value
        while there are no more pictures than ``plan.sample``. Between, the share p is estimated
        from a random sample of S pictures, with a standard error of sqrt(p (1 - p) / S): 1.6 %
        at the median and 0.3 % at 99 % for S = 1024. All units have the same sample.
        """
        self.layer(layer)
        return self._shares(self.plan.rows_of(layer, self._statistic(by)), values)

    def _shares(self, rows: slice, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        top, least, sample = (
            self._read(f"{table}/values", rows.start, rows.stop)
            for table in ("top", "least", "sample")
        )
        column = values[:, None]
        below = (sample < column).mean(1) * self.count
        # What is not listed lies between the two ends of the lists.
        below = below.clip(least.shape[1], self.count - top.shape[1])
        low, high = (least < column).sum(1), self.count - (top >= column).sum(1)
        below = np.where(values <= least[:, -1], low, below)
        below = np.where(values > top[:, -1], high, below)
        shares: npt.NDArray[np.float64] = 100 * below / max(self.count, 1)
        return shares

    def values(self, layer: str, unit: int, by: str = "max") -> npt.NDArray[np.float32]:
        """Give the values of a random sample of the pictures, ascending, at most ``plan.sample``.

        Raises:
            UnknownName, ExplorerError: as ``top``.
        """
        row = self._row(layer, unit, by)
        ordered: npt.NDArray[np.float32] = np.sort(self._read("sample/values", row, row + 1)[0])
        return ordered

    def between(
        self, layer: str, unit: int, shares: Sequence[float], by: str = "max"
    ) -> tuple[SampledImage, ...]:
        """Find pictures of the sample at some percentiles, each of them once.

        Args:
            layer, unit, by: as ``top``.
            shares: percentiles, from 0 to 100; of the sample, as ``percentiles`` estimates them.

        Raises:
            UnknownName, ExplorerError: as ``top``.
        """
        row = self._row(layer, unit, by)
        values = self._read("sample/values", row, row + 1)[0]
        with self._lock:
            pictures = self._file.get_tensor("sample/pictures")
        # Ties by the picture's id, so that the answer never depends on the order of the sample.
        order = np.lexsort((pictures, values))
        chosen = (
            [order[round(share / 100 * (len(order) - 1))] for share in shares] if len(order) else []
        )
        found = []
        for at in dict.fromkeys(chosen):
            name, size = self._named(int(pictures[at]))
            found.append(SampledImage(name, float(values[at]), size))
        return tuple(found)

    def picture(self, name: str) -> Image.Image:
        """Open an original picture, upright RGB, at full size.

        Raises:
            BadPicture: it is gone or cannot be opened any more.
            ExplorerError: the collection is not where it was.
        """
        return self.source.open(self.source.find(name))[0]

    def table(self, name: str, rows: slice) -> Array:
        """Read some rows of one of the file's tables, as ``core.index.file_format`` names them."""
        return self._read(name, rows.start, rows.stop)

    def label(self, name: str) -> str:
        """Tell what a picture is said to show; nothing if that is not known.

        Raises:
            ExplorerError: the collection is not where it was.
        """
        return self.source.label(name)

    def _named(self, picture: int) -> tuple[str, tuple[int, int]]:
        """Tell the name and size of a picture by its id."""
        pictures, sizes, text, ends = self._names
        at = int(np.searchsorted(pictures, picture))
        height, width = sizes[at].tolist()
        return file_format.unpack_name(text, ends, at), (height, width)

    @functools.cached_property
    def _names(self) -> tuple[Array, ...]:
        with self._lock:
            parts = ("pictures", "sizes", "names", "ends")
            return tuple(self._file.get_tensor(f"named/{part}") for part in parts)

    def _read(self, table: str, start: int, stop: int) -> Array:
        with self._lock:
            found: Array = self._file.get_slice(table)[start:stop]
        return found

    def _statistic(self, by: str) -> str:
        if by not in self.plan.by:
            raise unknown("statistic", by, self.plan.by, f"the index {self.path.name}")
        return by

    def _row(self, layer: str, unit: int, by: str) -> int:
        found = self.layer(layer)
        if not 0 <= unit < found.channels:
            raise ExplorerError(
                f"there is no unit {unit} in {layer} of {self.plan.network}; "
                f"its units are 0 to {found.channels - 1}"
            )
        first: int = self.plan.rows_of(layer, self._statistic(by)).start
        return first + unit


def open_index(path: str | Path) -> Index:
    """Open an index file for reading.

    Raises:
        ExplorerError: it is missing, damaged, or no index of this version.
    """
    return Index(path)
