"""Finds circuits in a network, and measures the strength of their edges by cutting them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.analysis.circuits import Circuit, CircuitEdge, CircuitNode, kernel_rows, strongest
from core.analysis.kept_activations import EqualActivations, KeptActivations
from core.analysis.picture_sample import PictureSample
from core.errors import ExplorerError, of_sentence
from core.networks.known_networks import title_of
from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.unit_graph import UnitGraph, UnitRef
from core.numbers import require

# Layers each way, and bounds of it.
DEPTH, DEPTHS = 2, (1, 3)
# Units next to the unit in the middle, and in each layer farther away; edges of each unit that are
# shown farther away.
NEAR, FAR, FAR_EDGES = 4, 5, 2
# Strongest edges of a unit from which those of a circuit are chosen.
CANDIDATES = 12
# Of a layer's mean activation, the least that counts as typical for one of its units. Shares of
# units that hardly ever respond would be huge.
LEAST_SCALE = 0.05
# Pixels of all pictures that are used without a wish, and bounds of their number.
PIXELS, FEWEST, MOST = 144 * 64 * 64, 12, 144


def pictures_for(network: Network) -> int:
    """Return how many pictures are used for a network if nobody says how many.

    Fewer for networks of large images, so that a circuit takes seconds.
    """
    height, width = network.input_size
    return min(max(PIXELS // (height * width), FEWEST), MOST)


def unreadable(network: Network) -> str:
    """Return the sentence on a network that cannot be traced."""
    return f"The connections of {title_of(network.name)} cannot be read from its code."


def no_circuit(network: Network, layer: Layer) -> str:
    """Return a sentence if the units of a layer are in no circuit; "" if they are."""
    if network.trace is None:
        return unreadable(network)
    graph = UnitGraph(network.layers, network.trace)
    unit = graph.resolve(layer, 0)
    found = network.layer(unit.layer)
    if graph.inputs(found, unit.unit) or graph.readers(found, unit.unit):
        return ""
    return (
        f"The neurons of {layer.name} in {title_of(network.name)} are not connected to others by "
        "weights alone: attention, gates or normalisation lie between them."
    )


class CircuitMeter:
    """Finds and measures circuits of one network on some pictures.

    Activations of the layers of the last circuit are kept, so that the next one, which is usually
    near, takes less.
    """

    def __init__(self, network: Network, pictures: PictureSample | None) -> None:
        """Prepare a network; nothing runs yet.

        Args:
            network: the network.
            pictures: the pictures; None to find circuits by weights alone, as if all units were
                equally active, which takes a fraction of a second. Nothing is measured then.

        Raises:
            ExplorerError: the network cannot be traced, or there is no picture.
        """
        if network.trace is None:
            raise of_sentence(unreadable(network))
        if pictures is not None and not len(pictures):
            raise ExplorerError("there is no picture to measure a circuit on")
        self.network, self.pictures = network, pictures
        self.graph = UnitGraph(network.layers, network.trace)
        self._seen = (
            EqualActivations(network) if pictures is None else KeptActivations(network, pictures)
        )
        self._sums: dict[UnitRef, float] = {}

    def circuit(
        self, layer: Layer, unit: int, depth: int = DEPTH, measured: bool = True
    ) -> Circuit:
        """Return the circuit of a unit.

        Args:
            layer, unit: the unit; one of a convolution stands for the unit of activations behind
                it, see ``UnitGraph.resolve``.
            depth: number of layers each way, from 1 to 3.
            measured: whether edges are cut to measure their strength.

        Raises:
            ExplorerError: the layer has no such unit, it is connected to no other unit, or the
                depth is out of bounds.
        """
        self.network.layer_with_units(layer.name, [unit])
        require("the number of layers each way", depth, DEPTHS)
        if problem := no_circuit(self.network, layer):
            raise of_sentence(problem)
        middle = self.graph.resolve(layer, unit)
        self._seen.run(self._reach(self.network.layer(middle.layer), depth))
        levels, edges = {middle: 0}, dict[tuple[UnitRef, UnitRef], CircuitEdge]()
        for side in (-1, 1):
            self._grow(middle, depth, side, levels, edges)
        found = list(edges.values())
        if measured and self.pictures is not None:
            found = self.measure(found)
        order = {it.name: it.index for it in self.network.layers}
        nodes = [
            CircuitNode(it.layer, it.unit, level, float(self._seen.means[it.layer][it.unit]))
            for it, level in levels.items()
        ]
        nodes.sort(key=lambda it: (order[it.layer], it.unit))
        return Circuit(
            self.network.name,
            middle.layer,
            middle.unit,
            0 if self.pictures is None else len(self.pictures),
            tuple(nodes),
            strongest(found),
            self._image_kernel(middle),
        )

    def inputs(self, unit: UnitRef, count: int | None = None) -> list[CircuitEdge]:
        """Return the strongest edges that end at a unit, by predicted strength; none is measured.

        Args:
            unit: the unit, as ``UnitGraph.resolve`` returns it.
            count: their number; None for all.
        """
        found = list[_Candidate]()
        for source, kernels, shares in self._products(unit):
            found += [
                _Candidate(share, UnitRef(source.name, number), unit, kernels[number])
                for number, share in enumerate(shares.tolist())
            ]
        return [_edge(it, self._received(unit)) for it in _first(found, count)]

    def readers(self, unit: UnitRef, count: int | None = None) -> list[CircuitEdge]:
        """Return the strongest edges that begin at a unit, by share; none is measured.

        Of the edges with the strongest prediction, those whose targets receive little else come
        first.

        Args:
            unit, count: as for ``inputs``.
        """
        found, layer = list[_Candidate](), self.network.layer(unit.layer)
        for it in self.graph.readers(layer, unit.unit):
            self._seen.run([layer, it.target])
            kernels = it.kernel.weights[:, 0]
            units = slice(it.first, it.first + len(kernels))
            scales = self.scales(it.target)[units]
            shares = kernels.sum((1, 2)) * self._seen.means[unit.layer][unit.unit] / scales
            # Units that never respond to these pictures feed nothing.
            shares *= self._seen.sizes[it.target.name][units] > 0
            found += [
                _Candidate(share, unit, UnitRef(it.target.name, it.first + at), kernels[at])
                for at, share in enumerate(shares.tolist())
            ]
        edges = [_edge(it, self._received(it.target)) for it in _first(found, count)]
        return sorted(edges, key=lambda it: -abs(it.share))

    def _products(self, unit: UnitRef) -> list[tuple[Layer, Tensor, Tensor]]:
        """Return layers that a unit reads, with kernels ``[C, h, w]`` and predictions ``[C]``."""
        found, layer = [], self.network.layer(unit.layer)
        for it in self.graph.inputs(layer, unit.unit):
            if it.source is not None:
                self._seen.run([it.source, layer])
                kernels = it.kernel.weights[0]
                means = self._seen.means[it.source.name]
                found.append((it.source, kernels, kernels.sum((1, 2)) * means / self._scale(unit)))
        return found

    def _received(self, unit: UnitRef) -> float:
        """Return the sum of the sizes of all predictions of a unit's inputs."""
        if unit not in self._sums:
            products = self._products(unit)
            self._sums[unit] = sum(float(shares.abs().sum()) for _, _, shares in products)
        return self._sums[unit]

    def measure(self, edges: Iterable[CircuitEdge]) -> list[CircuitEdge]:
        """Return edges with their measured strengths, in the same order.

        Each edge is cut alone: the target is computed again from the activations of what it reads,
        of which the source is set to zero, while everything else that reads the source keeps it.
        """
        edges = list(edges)
        self._seen.run(
            {
                self.network.layer(it)
                for edge in edges
                for it in (edge.source.layer, edge.target.layer)
            }
        )
        measured: dict[tuple[UnitRef, UnitRef], float] = {}
        for target in dict.fromkeys(it.target for it in edges):
            part = self.graph.direct(self.network.layer(target.layer), target.unit)
            if part is None:
                continue
            sources = [it.source for it in edges if it.target == target]
            totals = torch.zeros(1 + len(sources), dtype=torch.float64)
            count = 0
            for seen in self._seen.parts(part.sources):
                before = part.run(seen)
                count += before.numel()
                totals[0] += before.double().sum()
                for at, source in enumerate(sources, 1):
                    totals[at] += part.run(seen, (source.layer, source.unit)).double().sum()
            for at, source in enumerate(sources, 1):
                change = float(totals[0] - totals[at]) / count
                measured[source, target] = change / self._scale(target)
        return [replace(it, measured=measured.get((it.source, it.target))) for it in edges]

    def scales(self, layer: Layer) -> Tensor:
        """Return what counts as a typical activation of each unit of a layer, ``[C]``; above 0."""
        self._seen.run([layer])
        sizes = self._seen.sizes[layer.name]
        return sizes.clamp_min(LEAST_SCALE * float(sizes.mean()) or 1.0)

    def _grow(
        self,
        middle: UnitRef,
        depth: int,
        side: int,
        levels: dict[UnitRef, int],
        edges: dict[tuple[UnitRef, UnitRef], CircuitEdge],
    ) -> None:
        """Add the strongest units on one side of the unit in the middle.

        Args:
            middle: the unit.
            depth: number of layers.
            side: -1 for what it reads, 1 for what it feeds.
            levels: by unit, its level; units are added.
            edges: by source and target, the edge; edges are added.
        """
        near = self.inputs if side < 0 else self.readers
        # By unit of the last level, how much it matters for the unit in the middle.
        weights = {middle: 1.0}
        for level in range(1, depth + 1):
            found = [(it, edge) for it in weights for edge in near(it, CANDIDATES)]
            paths: dict[UnitRef, float] = {}
            for unit, edge in found:
                far = edge.source if side < 0 else edge.target
                paths[far] = paths.get(far, 0.0) + weights[unit] * abs(edge.share)
            # First the strongest of each unit, so that each goes on; then the strongest of all.
            first = dict(reversed(found))
            heads = [it.source if side < 0 else it.target for it in first.values()]
            ranked = sorted(paths, key=lambda it: -paths[it])
            count = NEAR if level == 1 else FAR
            chosen = set(list(dict.fromkeys([*heads, *ranked]))[: max(count, len(set(heads)))])
            for unit in weights:
                own = [edge for it, edge in found if it == unit]
                kept = [it for it in own if (it.source if side < 0 else it.target) in chosen]
                for edge in kept[: count if level == 1 else FAR_EDGES]:
                    edges[edge.source, edge.target] = edge
                    levels.setdefault(edge.source if side < 0 else edge.target, side * level)
            weights = {it: paths[it] for it in chosen if levels.get(it) == side * level}

    def _reach(self, layer: Layer, depth: int) -> set[Layer]:
        """Return the layers of a circuit."""
        found = {layer}
        for step in (self.graph.layers_read, self.graph.layers_fed):
            last = {layer}
            for _ in range(depth):
                last = {it for each in last for it in step(each)}
                found |= last
        return found

    def _scale(self, unit: UnitRef) -> float:
        return float(self.scales(self.network.layer(unit.layer))[unit.unit])

    def _image_kernel(self, unit: UnitRef) -> tuple[tuple[tuple[float, ...], ...], ...]:
        for it in self.graph.inputs(self.network.layer(unit.layer), unit.unit):
            if it.source is None:
                return tuple(kernel_rows(rows.tolist()) for rows in it.kernel.weights[0])
        return ()


@dataclass(frozen=True, eq=False)
class _Candidate:
    """An edge before its kernel is copied: there are hundreds of candidates."""

    predicted: float
    source: UnitRef
    target: UnitRef
    kernel: Tensor


def _first(found: list[_Candidate], count: int | None) -> list[_Candidate]:
    """Return the edges with the strongest prediction, without those of weight 0."""
    return sorted((it for it in found if it.predicted), key=lambda it: -abs(it.predicted))[:count]


def _edge(found: _Candidate, received: float) -> CircuitEdge:
    """Return an edge to a unit that receives so much from all its inputs."""
    return CircuitEdge(
        found.source,
        found.target,
        kernel_rows(found.kernel.tolist()),
        float(found.kernel.sum()),
        found.predicted / received,
        found.predicted,
    )
