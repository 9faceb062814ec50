"""The plan of an index: its network, layers, statistics and collection."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import ExplorerError, unknown
from core.images import center_crop
from core.images.center_crop import Box
from core.networks.layers import Layer

# Number of images in the random sample. With this number, the standard error of a percentile that
# is estimated from the sample is 1.6 percentage points at most.
SAMPLE = 1024


@dataclass(frozen=True)
class IndexedLayer:
    """A layer in the plan of an index.

    Attributes:
        name: name of the layer.
        channels: number of its units.
        size: (height, width) of the layer in positions, at the plan's input size; None if the
            layer's positions have no rows and columns.
        rows, cols: for each row and each column of positions, the interval of input pixels in its
            receptive field, half open. For example ``((0, 5), (1, 7), (3, 9), ...)``. None if the
            receptive field of every position is the whole input.
    """

    name: str
    channels: int
    size: tuple[int, int] | None
    rows: tuple[tuple[int, int], ...] | None
    cols: tuple[tuple[int, int], ...] | None

    @classmethod
    def of(cls, layer: Layer) -> "IndexedLayer":
        """Return the description of a network's layer."""
        if layer.spans is None:
            return cls(layer.name, layer.channels, layer.size, None, None)
        rows, cols = (tuple(zip(span.starts, span.stops, strict=True)) for span in layer.spans)
        return cls(layer.name, layer.channels, layer.size, rows, cols)

    def position(self, place: int) -> tuple[int, int]:
        """Return (row, col) of a flat position, which counts the layer's positions row by row."""
        return divmod(place, self.size[1]) if self.size else (0, place)

    def field(self, row: int, col: int, input_size: tuple[int, int]) -> Box:
        """Return the receptive field of a position, (top, left, bottom, right) in input pixels."""
        if self.rows is None or self.cols is None:
            return (0, 0, *input_size)
        (top, bottom), (left, right) = self.rows[row], self.cols[col]
        return top, left, bottom, right


@dataclass(frozen=True)
class IndexPlan:
    """The plan of an index. Indexes with different plans cannot be merged.

    Attributes:
        network, weights: name of the network, and fingerprint of its weights.
        input_size: (height, width) of the network's input.
        collection: identity of the collection of images, see ``ImageSource.identity``.
        layers: the layers, in order of execution.
        by: statistics over positions by which images are ranked: ``("max",)`` or
            ``("max", "mean")``.
        k: number of images to keep for each unit: the k with the highest and the k with the lowest
            activation.
        sample: number of images in the random sample, at most.
        preprocessing: identifier of the method that turns an image into input.
    """

    network: str
    weights: str
    input_size: tuple[int, int]
    collection: str
    layers: tuple[IndexedLayer, ...]
    by: tuple[str, ...] = ("max",)
    k: int = 9
    sample: int = SAMPLE
    preprocessing: str = center_crop.METHOD

    @property
    def framing(self) -> center_crop.Framing:
        """How images were prepared."""
        return center_crop.Framing.of_method(self.preprocessing)

    @property
    def units(self) -> int:
        """The number of units of all layers together."""
        return sum(layer.channels for layer in self.layers)

    @property
    def rows(self) -> int:
        """The number of rows of a table, which has one row for each pair of a unit and a statistic.

        With 100 units and the statistics ``max`` and ``mean``, there are 200 rows.
        """
        return len(self.by) * self.units

    def rows_of(self, layer: str, by: str = "max") -> slice:
        """Return which rows of a table belong to the units of a layer, with one statistic.

        Raises:
            UnknownName: the index has no such layer or statistic.
        """
        if by not in self.by:
            raise unknown("statistic", by, self.by, "this index")
        start = self.by.index(by) * self.units
        for each in self.layers:
            if each.name == layer:
                return slice(start, start + each.channels)
            start += each.channels
        raise unknown("layer", layer, [it.name for it in self.layers], "this index")

    @property
    def fingerprint(self) -> str:
        """A hash of the content: 16 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Return the plan as JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "IndexPlan":
        """Read a plan from a JSON object.

        Raises:
            ExplorerError: the object is not a plan.
        """
        try:
            known = {name: _frozen(value) for name, value in content.items() if name != "layers"}
            layers = tuple(
                IndexedLayer(**{name: _frozen(value) for name, value in layer.items()})
                for layer in content["layers"]
            )
            return cls(layers=layers, **known)
        except (AttributeError, KeyError, TypeError) as error:
            raise ExplorerError(f"the plan of an index cannot be read: {error}") from error

    def require_same(self, other: "IndexPlan", what: str) -> None:
        """Check that another plan is equal to this one.

        Args:
            other: the other plan.
            what: description of the other index for the error message, such as its path.

        Raises:
            ExplorerError: the plans differ; the message names the first field that differs.
        """
        for field in dataclasses.fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                if field.name == "layers":
                    mine, theirs = (", ".join(it.name for it in its) for its in (mine, theirs))
                raise ExplorerError(
                    f"{what} was made with {field.name} {theirs}, not {mine}; "
                    "they do not mix: write to another file"
                )


def _frozen(value: Any) -> Any:
    """Convert all lists in a JSON value to tuples, including nested lists."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
