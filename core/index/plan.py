"""What an index of pictures measures: of which network and layers, in which collection."""

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

# With so many pictures a share of all is known to 1.6 % (one standard error) at worst.
SAMPLE = 1024


@dataclass(frozen=True)
class IndexedLayer:
    """A layer as an index knows it.

    Attributes:
        name: of the layer.
        channels: how many units it has.
        size: its (height, width) at the plan's input size; None without rows and columns.
        rows, cols: the half-open interval of input pixels that each row and each column sees;
            None where every position sees everything.
    """

    name: str
    channels: int
    size: tuple[int, int] | None
    rows: tuple[tuple[int, int], ...] | None
    cols: tuple[tuple[int, int], ...] | None

    @classmethod
    def of(cls, layer: Layer) -> "IndexedLayer":
        """Describe a layer of a network."""
        if layer.spans is None:
            return cls(layer.name, layer.channels, layer.size, None, None)
        rows, cols = (tuple(zip(span.starts, span.stops, strict=True)) for span in layer.spans)
        return cls(layer.name, layer.channels, layer.size, rows, cols)

    def position(self, place: int) -> tuple[int, int]:
        """Turn a place into (row, col)."""
        return divmod(place, self.size[1]) if self.size else (0, place)

    def field(self, row: int, col: int, input_size: tuple[int, int]) -> Box:
        """Tell which input pixels can reach a position."""
        if self.rows is None or self.cols is None:
            return (0, 0, *input_size)
        (top, bottom), (left, right) = self.rows[row], self.cols[col]
        return top, left, bottom, right


@dataclass(frozen=True)
class IndexPlan:
    """What an index measures: indexes with different plans never mix.

    Attributes:
        network, weights: name and fingerprint of the network.
        input_size: (height, width) of what it sees.
        collection: identity of the source.
        layers: the layers, in order of execution.
        by: statistics of a unit over a picture's positions: ``max``, and perhaps ``mean``.
        k: how many pictures are kept of each unit, at either end.
        sample: how many pictures are sampled.
        preprocessing: how a picture becomes input.
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
        """How many units all layers have together."""
        return sum(layer.channels for layer in self.layers)

    @property
    def rows(self) -> int:
        """How many rows a table has: each unit's, by each statistic."""
        return len(self.by) * self.units

    def rows_of(self, layer: str, by: str = "max") -> slice:
        """Find the rows of a layer's units."""
        start = self.by.index(by) * self.units
        for each in self.layers:
            if each.name == layer:
                return slice(start, start + each.channels)
            start += each.channels
        raise KeyError(layer)

    @property
    def fingerprint(self) -> str:
        """Name it by its content: 16 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Write it as JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "IndexPlan":
        """Read it from a JSON object.

        Raises:
            ExplorerError: it is no plan.
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
        """Refuse to mix with another plan.

        Raises:
            ExplorerError: they differ; it says in what.
        """
        for each in dataclasses.fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if mine != theirs:
                if each.name == "layers":
                    mine, theirs = (", ".join(it.name for it in its) for its in (mine, theirs))
                raise ExplorerError(
                    f"{what} was made with {each.name} {theirs}, not {mine}; "
                    "they do not mix: write to another file"
                )


def _frozen(value: Any) -> Any:
    """JSON knows only lists; plans hold tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
