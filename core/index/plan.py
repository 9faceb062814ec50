"""The plan of an index: its network, layers, statistics and collection."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import ExplorerError
from core.images import center_crop
from core.images.center_crop import Box
from core.networks.layers import Layer

# Images in the random sample. With this number, the standard error of an estimated share of all
# images is 1.6 % at most.
SAMPLE = 1024


@dataclass(frozen=True)
class IndexedLayer:
    """A layer in the plan of an index.

    Attributes:
        name: name of the layer.
        channels: number of its units.
        size: its (height, width) at the plan's input size; None without rows and columns.
        rows, cols: the receptive fields of each row and each column, as half-open intervals of
            input pixels; None if the receptive field of every position is the whole input.
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
        """Return (row, col) of a flat position."""
        return divmod(place, self.size[1]) if self.size else (0, place)

    def field(self, row: int, col: int, input_size: tuple[int, int]) -> Box:
        """Return the receptive field of a position in input pixels."""
        if self.rows is None or self.cols is None:
            return (0, 0, *input_size)
        (top, bottom), (left, right) = self.rows[row], self.cols[col]
        return top, left, bottom, right


@dataclass(frozen=True)
class IndexPlan:
    """What an index measures. Indexes with different plans cannot be merged.

    Attributes:
        network, weights: name of the network, and fingerprint of its weights.
        input_size: (height, width) of the network's input.
        collection: identity of the source.
        layers: the layers, in order of execution.
        by: statistics of a unit over an image's positions: ``max``, and perhaps ``mean``.
        k: number of images kept for each unit, both at the top and at the bottom.
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
    def units(self) -> int:
        """The number of units of all layers together."""
        return sum(layer.channels for layer in self.layers)

    @property
    def rows(self) -> int:
        """The number of rows of a table: one for each unit and statistic."""
        return len(self.by) * self.units

    def rows_of(self, layer: str, by: str = "max") -> slice:
        """Return the table rows of a layer's units.

        Raises:
            KeyError: there is no such layer.
        """
        start = self.by.index(by) * self.units
        for each in self.layers:
            if each.name == layer:
                return slice(start, start + each.channels)
            start += each.channels
        raise KeyError(layer)

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
        """Check that another plan is equal; ``what`` names the other's owner in the message.

        Raises:
            ExplorerError: they differ; the message names the first difference.
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
    """Return a JSON value with its lists, at all depths, as tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
