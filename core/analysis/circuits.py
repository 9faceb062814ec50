"""Circuits: a unit, the units that it reads, and the units that it feeds, as a graph.

An edge has the expanded weights between its units as a kernel (Olah et al., "Zoom In", and Voss et
al., "Visualizing Weights", Distill 2020 and 2021). Its strength is the weight times the typical
activation of the source, as a *share* of the sum of all that the target receives. It *predicts*
what the target loses if this edge alone is cut, and this loss is also *measured*: both as shares of
the target's own typical activation, so that 0.3 means that it would be weaker by 30 %, and -0.3
that it would be stronger by 30 %. A prediction can be above 1, as excitation and inhibition cancel
each other.

A typical activation is the mean over all positions of some pictures.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.networks.unit_graph import UnitRef


@dataclass(frozen=True)
class CircuitNode:
    """A unit of a circuit.

    Attributes:
        layer, unit: the unit.
        level: 0 for the unit in the middle, -1 for those that it reads, 1 for those it feeds,
            and so on.
        typical: mean activation over all positions of the pictures.
    """

    layer: str
    unit: int
    level: int
    typical: float

    @property
    def ref(self) -> UnitRef:
        """The unit alone."""
        return UnitRef(self.layer, self.unit)


@dataclass(frozen=True)
class CircuitEdge:
    """A connection between two units of a circuit.

    Attributes:
        source, target: the units; the edge points from ``source`` to ``target``.
        kernel: rows of the expanded weights.
        weight: their sum, which is the weight for a map that is constant.
        share: weight times typical activation as a share of the sum of the sizes of these products
            for all inputs of the target, from -1 to 1; positive if the source excites the target.
        predicted, measured: loss of the target without the edge as a share of its typical
            activation. ``measured`` is None if it is not measured.
    """

    source: UnitRef
    target: UnitRef
    kernel: tuple[tuple[float, ...], ...] = field(repr=False)
    weight: float
    share: float
    predicted: float
    measured: float | None = None


@dataclass(frozen=True)
class Circuit:
    """A unit with the strongest units that it reads and that it feeds.

    Attributes:
        network: name of the network.
        layer, unit: the unit in the middle.
        pictures: number of pictures for typical activations and measured strengths; 0 if it was
            found by weights alone.
        nodes: the units, those in the first layers first; the edges form no circle.
        edges: the connections, the strongest of each target first.
        image_kernel: for a unit that reads the image, its weights ``[C, h, w]``; else empty.
    """

    network: str
    layer: str
    unit: int
    pictures: int
    nodes: tuple[CircuitNode, ...]
    edges: tuple[CircuitEdge, ...]
    image_kernel: tuple[tuple[tuple[float, ...], ...], ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the circuit as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Circuit":
        """Return the circuit that ``to_json`` described.

        Raises:
            KeyError, TypeError: it is no description of a circuit.
        """
        edges = [
            CircuitEdge(
                **{
                    **it,
                    "source": UnitRef(**it["source"]),
                    "target": UnitRef(**it["target"]),
                    "kernel": kernel_rows(it["kernel"]),
                }
            )
            for it in content["edges"]
        ]
        nodes = tuple(CircuitNode(**it) for it in content["nodes"])
        image = tuple(kernel_rows(it) for it in content["image_kernel"])
        return cls(**{**content, "nodes": nodes, "edges": tuple(edges), "image_kernel": image})

    @property
    def middle(self) -> UnitRef:
        """The unit in the middle."""
        return UnitRef(self.layer, self.unit)

    def inputs(self, unit: UnitRef) -> tuple[CircuitEdge, ...]:
        """Return the edges that end at a unit, the strongest first."""
        return strongest(it for it in self.edges if it.target == unit)

    def readers(self, unit: UnitRef) -> tuple[CircuitEdge, ...]:
        """Return the edges that begin at a unit, the strongest first."""
        return strongest(it for it in self.edges if it.source == unit)


def kernel_rows(rows: Iterable[Iterable[float]]) -> tuple[tuple[float, ...], ...]:
    """Return the rows of a kernel as tuples."""
    return tuple(tuple(map(float, row)) for row in rows)


def strongest(edges: Iterable[CircuitEdge]) -> tuple[CircuitEdge, ...]:
    """Return edges, those with the largest share first."""
    return tuple(sorted(edges, key=lambda it: -abs(it.share)))
