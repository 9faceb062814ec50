"""Reading of an index: the dataset examples of each unit, and percentiles of activations.

    index = open_index("photos.index")
    for hit in index.top("features.7", 12):      # or index.least(...)
        hit.picture, hit.value, hit.row, hit.col, hit.box
    index.percentile("features.7", 12, 31.5)     # percentage of images with a lower activation
    index.percentiles("features.7", values)      # percentiles of one value for each unit
    index.picture(hit.picture)                   # the original image, from the collection
    index.label(hit.picture)                     # label of the image in the collection
    index.values("features.7", 12)               # activations of a random sample of the images
    index.between("features.7", 12, [50, 90])    # images of that sample at these percentiles
    index.box("features.7", 3, 5, (480, 640))    # receptive field in an image of this size
    crops.crop_hit(index, "features.7", hit)     # the pixels in the receptive field of a hit
    probe.probe(network, picture, index)         # units that respond unusually to another image

``open_index`` reads only the header of the file. The tables are memory-mapped, so that only the
needed rows are read. Several threads may read an index in parallel, also while another process
replaces the file.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.errors import ExplorerError, named, quoted, unknown
from core.images.center_crop import Box, CenterCrop
from core.index import file_format
from core.index.file_format import Array
from core.index.index_tables import IndexTables
from core.index.indexed_images import IndexedImages
from core.index.plan import IndexedLayer, IndexPlan
from core.index.top_k import NO_IMAGE
from core.networks.network import Network


@dataclass(frozen=True)
class Hit:
    """One of the images that excite a unit most, or least.

    Attributes:
        rank: rank of the image, from 1.
        picture: name of the image in the collection.
        value: raw activation of the unit, float32: its maximum over the positions of the layer, or
            its mean if the images were ranked with ``by="mean"``.
        row, col: position of the maximum in the layer; the first maximum if there are several.
        size: (height, width) of the original image.
        box: receptive field of the position (row, col) in pixels of the original image, half open:
            (top, left, bottom, right). It holds the pixels that influence the activation there, and
            ends at the border of the image.
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
    """One image of the random sample.

    Attributes:
        picture: name of the image in the collection.
        value: activation of the unit, as ``Hit.value``.
        size: (height, width) of the original image.
    """

    picture: str
    value: float
    size: tuple[int, int]


class Index:
    """An index file, open for reading.

    Attributes:
        path: the file.
        plan: the network, layers, statistics and collection.
        count: number of scanned images.
        complete: whether all images of the collection have been scanned.
        skipped: names of the images that could not be opened, with the reasons.
        images: the collection, from which images can be opened.
    """

    def __init__(self, path: str | Path, follow_links: bool = True) -> None:
        """Open a file.

        Args:
            path: the file.
            follow_links: whether images may be symbolic links that lead out of the collection.

        Raises:
            ExplorerError: the file is missing, damaged, or not an index of this version.
        """
        self.path = Path(path)
        file, manifest = file_format.read(self.path)
        self._tables = IndexTables(file)
        self.plan = IndexPlan.from_json(manifest["plan"])
        self.complete: bool = manifest["complete"]
        self.skipped: dict[str, str] = manifest["skipped"]
        self.images = IndexedImages(manifest["source"], follow_links)
        self.count = self._tables.count

    def layer(self, name: str) -> IndexedLayer:
        """Return a layer of the index.

        Raises:
            UnknownName: the index has no such layer.
        """
        for layer in self.plan.layers:
            if layer.name == name:
                return layer
        known = [layer.name for layer in self.plan.layers]
        raise unknown("layer", name, known, f"the index {self.path.name}")

    def require(self, network: Network) -> None:
        """Check that the index was built with the weights of a network, and has its layers.

        Raises:
            ExplorerError: the index was built with other weights, or says other things of a layer.
        """
        if problem := self.misfit(network):
            raise ExplorerError(problem)

    def misfit(self, network: Network) -> str:
        """Return a sentence that says why the index is not one of a network; "" if it is."""
        if network.fingerprint != self.plan.weights:
            return (
                f"{named(self.path)} was made with weights {named(self.plan.weights)} of "
                f"{named(self.plan.network)}; those loaded are {network.fingerprint} of "
                f"{network.name}; name their file with --weights"
            )
        known = {layer.name: (layer.channels, layer.size) for layer in network.layers}
        wrong = [it.name for it in self.plan.layers if known.get(it.name) != (it.channels, it.size)]
        if wrong or network.input_size != self.plan.input_size:
            where = f"layer {quoted(wrong[0])}" if wrong else "the input size"
            return f"{named(self.path)} does not fit {network.name} in {where}: make it anew"
        return ""

    def top(self, layer: str, unit: int, by: str = "max") -> tuple[Hit, ...]:
        """Return the images that excite a unit most, the highest value first, at most ``plan.k``.

        Images for which the unit is zero do not excite it, and are left out. So there are fewer
        images for a unit that hardly ever responds, and none for a dead one (see ``dead``).

        Raises:
            UnknownName: there is no such layer or statistic.
            ExplorerError: there is no such unit.
        """
        if self.dead(layer, unit):
            self._row(layer, unit, by)  # raises UnknownName for an unknown statistic
            return ()
        return tuple(hit for hit in self._hits("top", layer, unit, by) if hit.value != 0)

    def least(self, layer: str, unit: int, by: str = "max") -> tuple[Hit, ...]:
        """Return the images that excite a unit least, the lowest value first, at most ``plan.k``.

        Raises:
            UnknownName, ExplorerError: as ``top``.
        """
        return self._hits("least", layer, unit, by)

    def dead(self, layer: str, unit: int) -> bool:
        """Whether a unit responds to none of the images.

        Its highest activation is then the same for all of them, and not above zero. After a ReLU it
        is zero.

        Raises:
            UnknownName, ExplorerError: as ``top``.
        """
        row = self._row(layer, unit, "max")
        highest, lowest = (
            float(self._row_of(f"{table}/values", row)[0]) for table in ("top", "least")
        )
        return highest == lowest and (highest == 0 or (highest < 0 and self.count > 1))

    def _hits(self, table: str, layer: str, unit: int, by: str) -> tuple[Hit, ...]:
        indexed, row = self.layer(layer), self._row(layer, unit, by)
        values, pictures, places = (
            self._row_of(f"{table}/{part}", row) for part in ("values", "pictures", "places")
        )
        hits = []
        for at, picture in enumerate(pictures.tolist()):
            if picture == NO_IMAGE:
                break
            name, size = self._tables.name_and_size(picture)
            position = indexed.position(int(places[at]))
            box = self.box(layer, *position, size)
            hits.append(Hit(at + 1, name, float(values[at]), *position, size, box))
        return tuple(hits)

    def box(self, layer: str, row: int, col: int, size: tuple[int, int]) -> Box:
        """Return the receptive field of a layer's position in an image.

        Args:
            layer: name of the layer.
            row, col: the position.
            size: (height, width) of the original image.

        Returns:
            (top, left, bottom, right) in pixels of the original image, half open.
        """
        field = self.layer(layer).field(row, col, self.plan.input_size)
        return CenterCrop(size, self.plan.input_size, self.plan.framing).box_in_image(field)

    def percentile(self, layer: str, unit: int, value: float, by: str = "max") -> float:
        """Return the percentage of images for which a unit's activation is below ``value``.

        ``percentiles`` explains how exact it is.

        Raises:
            UnknownName, ExplorerError: as ``top``.
        """
        row = self._row(layer, unit, by)
        return float(self._shares(slice(row, row + 1), np.array([value], np.float32))[0])

    def percentiles(
        self, layer: str, values: npt.NDArray[np.float32], by: str = "max"
    ) -> npt.NDArray[np.float64]:
        """Return the percentiles, 0 to 100, of ``values``, ``[C]``: one value for each unit.

        The percentile is exact for values among the k highest or k lowest, and for all values if
        there are no more images than ``plan.sample``. Otherwise the share p of images below the
        value is estimated from a random sample of S images, with a standard error of
        sqrt(p (1 - p) / S). For S = 1024, this is 1.6 percentage points at the median and 0.3 at
        the 99th percentile. The sample is the same for all units.

        Raises:
            UnknownName: there is no such layer or statistic.
        """
        self.layer(layer)
        return self._shares(self.plan.rows_of(layer, self._statistic(by)), values)

    def _shares(self, rows: slice, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        top, least, sample = (self.table(f"{it}/values", rows) for it in ("top", "least", "sample"))
        column = values[:, None]
        below = (sample < column).mean(1) * self.count
        # For a value that is in neither table, at least k images have a higher value and at least k
        # images have a lower value. Limit the estimate accordingly.
        below = below.clip(least.shape[1], self.count - top.shape[1])
        low, high = (least < column).sum(1), self.count - (top >= column).sum(1)
        below = np.where(values <= least[:, -1], low, below)
        below = np.where(values > top[:, -1], high, below)
        shares: npt.NDArray[np.float64] = 100 * below / max(self.count, 1)
        return shares

    def values(self, layer: str, unit: int, by: str = "max") -> npt.NDArray[np.float32]:
        """Return a unit's activations for the images of the random sample, in ascending order.

        There are at most ``plan.sample`` images.

        Raises:
            UnknownName, ExplorerError: as ``top``.
        """
        values = self._row_of("sample/values", self._row(layer, unit, by))
        ordered: npt.NDArray[np.float32] = np.sort(values[np.isfinite(values)])
        return ordered

    def between(
        self, layer: str, unit: int, shares: Sequence[float], by: str = "max"
    ) -> tuple[SampledImage, ...]:
        """Return the images of the random sample at some percentiles, each image only once.

        Args:
            layer, unit, by: as ``top``.
            shares: percentiles within the sample, from 0 to 100.

        Raises:
            UnknownName, ExplorerError: as ``top``.
        """
        values = self._row_of("sample/values", self._row(layer, unit, by))
        pictures = self._tables.whole("sample/pictures")
        # Images with equal values are ordered by id, so that the result does not depend on the
        # order of the sample.
        order = np.lexsort((pictures, values))
        order = order[np.isfinite(values[order])]
        chosen = (
            [order[round(share / 100 * (len(order) - 1))] for share in shares] if len(order) else []
        )
        images = []
        for at in dict.fromkeys(chosen):
            name, size = self._tables.name_and_size(int(pictures[at]))
            images.append(SampledImage(name, float(values[at]), size))
        return tuple(images)

    @functools.cached_property
    def sample_labels(self) -> tuple[str, ...]:
        """Labels of the images of the random sample, in the order of ``table("sample/values")``.

        Raises:
            ExplorerError: the collection has been moved or deleted.
        """
        pictures = self._tables.whole("sample/pictures").tolist()
        return tuple(self.label(self._tables.name_and_size(picture)[0]) for picture in pictures)

    def picture(self, name: str) -> Image.Image:
        """Load an image from the collection at full size, as upright RGB.

        Raises:
            BadPicture: the image is missing, cannot be opened any more, is none of the collection,
                or has another size than the one that was indexed.
            ExplorerError: the collection has been moved or deleted.
        """
        return self.images.open(name, self._tables.size_of(name))

    def table(self, name: str, rows: slice) -> Array:
        """Read rows of a table; ``core.index.file_format`` lists the names of the tables."""
        return self._tables.rows(name, rows)

    def label(self, name: str) -> str:
        """Return the label of an image in the collection, printable; "" if it has none.

        Raises:
            ExplorerError: the collection has been moved or deleted.
        """
        return self.images.label(name)

    def _row_of(self, table: str, row: int) -> Array:
        values: Array = self.table(table, slice(row, row + 1))[0]
        return values

    def _statistic(self, by: str) -> str:
        if by not in self.plan.by:
            raise unknown("statistic", by, self.plan.by, f"the index {self.path.name}")
        return by

    def _row(self, layer: str, unit: int, by: str) -> int:
        indexed = self.layer(layer)
        if not 0 <= unit < indexed.channels:
            raise ExplorerError(
                f"there is no unit {unit} in {layer} of {self.plan.network}; "
                f"its units are 0 to {indexed.channels - 1}"
            )
        first: int = self.plan.rows_of(layer, self._statistic(by)).start
        return first + unit


def open_index(path: str | Path, follow_links: bool = True) -> Index:
    """Open an index file for reading; arguments and errors are those of ``Index``."""
    return Index(path, follow_links)
