"""Units of a network's graph, and the linear operations between them.

A unit reads the units whose activations it receives through linear operations only, and feeds the
units that read its own activations. The weights between two such units are a kernel,
see ``linear_steps``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import fx, nn

from core.networks.direct_part import DirectPart
from core.networks.graph_parts import descendants
from core.networks.layers import Layer
from core.networks.linear_steps import Kernel, LinearSteps, identity
from core.networks.tracing import Trace, function_name

# Modules and functions that do not mix channels and lie between a layer's activations and the next
# layer's weights.
_TRANSPARENT = (
    nn.Dropout,
    nn.Dropout2d,
    nn.Identity,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Flatten,
)
_TRANSPARENT_FUNCTIONS = ("flatten", "dropout", "adaptive_avg_pool2d", "avg_pool2d", "max_pool2d")
# Weights that are computed at a time for the units that a unit feeds.
WEIGHTS_AT_A_TIME = 2**25


@dataclass(frozen=True)
class UnitRef:
    """One unit of one layer.

    Attributes:
        layer: the layer's name.
        unit: channel of the unit in the layer.
    """

    layer: str
    unit: int


@dataclass(frozen=True, eq=False)
class Inputs:
    """What units of one layer read from one earlier layer.

    Attributes:
        source: the earlier layer; None for the image.
        kernel: the expanded weights ``[U, C, h, w]`` for U units and C channels of the earlier
            layer, before the activation function of the units.
    """

    source: Layer | None
    kernel: Kernel


@dataclass(frozen=True, eq=False)
class Readers:
    """What units of one later layer read from one unit.

    Attributes:
        target: the later layer.
        first: number of the first unit of ``target`` that ``kernel`` has; the others follow it.
        kernel: the expanded weights ``[U, 1, h, w]``.
    """

    target: Layer
    first: int
    kernel: Kernel


class UnitGraph:
    """The units of a network that can be traced, and the linear operations between them."""

    def __init__(self, layers: Iterable[Layer], traced: Trace) -> None:
        """Read a network.

        Args:
            layers: all its layers.
            traced: its operations.
        """
        by_node = {layer.node: layer for layer in layers}
        self.traced = traced
        self.nodes = {name: node for node, name in traced.names.items()}
        self.layers = {node: by_node[it] for node, it in traced.names.items() if it in by_node}
        self.steps = LinearSteps(traced, self.layers)

    def origin(self, layer: Layer, unit: int) -> tuple[UnitRef, fx.Node] | None:
        """Trace a unit back through activation functions, pooling and concatenations.

        Returns:
            The unit of the layer that comes before these operations, and the node of this layer;
            None if ``Network.layers`` does not contain the node.
        """
        node = self.nodes.get(layer.node)
        while node is not None:
            if self.steps.is_concatenation(node):
                node, unit = self._branch(node, unit)
            elif self.steps.is_activation(node) or is_transparent(self.traced, node):
                node = _only_input(node)
            else:
                break
        origin = None if node is None else self.layers.get(node)
        if node is None or origin is None:
            return None
        return UnitRef(origin.name, unit), node

    def inputs(self, layer: Layer, unit: int) -> tuple[Inputs, ...]:
        """Return what a unit reads, by layer whose activations it reads; empty if not known."""
        origin = self.origin(layer, unit)
        if origin is None:
            return ()
        found = self._expand(origin[1], [origin[0].unit])
        return tuple(Inputs(self.layers.get(node), kernel) for node, kernel in found.items())

    def readers(self, layer: Layer, unit: int) -> tuple[Readers, ...]:
        """Return the units of later layers that read a unit, by layer, with their weights.

        Args:
            layer, unit: the unit, as ``resolve`` returns it.
        """
        start, found = self.nodes[layer.node], list[Readers]()
        for node, end in self._targets(start):
            target, first = self._whole(end, 0)
            channels = self.layers[node].channels
            # A fully connected layer has too many weights to expand them at once.
            chunk = max(1, WEIGHTS_AT_A_TIME // (channels * layer.channels))
            parts = [
                self._expand(node, range(channels)[at : at + chunk], (start, unit)).get(start)
                for at in range(0, channels, chunk)
            ]
            kernels = [it for it in parts if it is not None]
            if kernels:
                weights = torch.cat([it.weights for it in kernels])
                found.append(
                    Readers(self.layers[target], first, replace(kernels[0], weights=weights))
                )
        return tuple(found)

    def layers_read(self, layer: Layer) -> set[Layer]:
        """Return the layers that units of a layer read; the image is none of them."""
        node, firsts = self.nodes[layer.node], [0]
        if self.steps.joins_activations(node):
            counts = [self.layers[it].channels for it in node.all_input_nodes]
            firsts = [sum(counts[:at]) for at in range(len(counts))]
        found = (it.source for unit in firsts for it in self.inputs(layer, unit))
        return {it for it in found if it is not None}

    def layers_fed(self, layer: Layer) -> set[Layer]:
        """Return the layers whose units read units of a layer."""
        targets = self._targets(self.nodes[layer.node])
        return {self.layers[self._whole(end, 0)[0]] for _, end in targets}

    def resolve(self, layer: Layer, unit: int) -> UnitRef:
        """Return the unit of activations that a unit belongs to.

        For a convolution or its normalisation this is the unit behind the activation function, for
        pooling the unit before it, and for a branch of a concatenation of activations the unit of
        the concatenation. Any other unit is itself.
        """
        node = self.nodes[layer.node]
        if not self.steps.is_activation(node) and is_transparent(self.traced, node):
            at: fx.Node | None = node
            while at is not None and is_transparent(self.traced, at):
                at = _only_input(at)
            known = at is not None and (
                self.steps.is_activation(at) or self.steps.joins_activations(at)
            )
            if at is not None and known and self.layers[at].channels == layer.channels:
                node = at
        elif self.steps.is_linear(node):
            at = node
            while at is not None and not self.steps.is_activation(at):
                (at,) = at.users if len(at.users) == 1 else (None,)
                part = None if at is None else self.steps.part(at)
                if at is not None and not (
                    self.steps.is_activation(at) or isinstance(part, nn.BatchNorm2d)
                ):
                    at = None
            node = at or node
        whole, number = self._whole(node, unit)
        return UnitRef(self.layers[whole].name, number)

    def direct(self, layer: Layer, unit: int) -> "DirectPart | None":
        """Return the part of the network from what a unit reads to the unit.

        Args:
            layer, unit: the unit, as ``resolve`` returns it.

        Returns:
            None if what it reads is not known, or is the image.
        """
        origin, end, channel = self.origin(layer, unit), self.nodes[layer.node], unit
        while self.steps.is_concatenation(end):
            branch, channel = self._branch(end, channel)
            if branch is None:
                return None
            end = branch
        if origin is None:
            return None
        sources = self._expand(origin[1], [origin[0].unit])
        if not sources or any(it not in self.layers or self.layers[it].axis != 1 for it in sources):
            return None
        return DirectPart(self.traced, {self.layers[it]: it for it in sources}, end, channel)

    def _expand(
        self, node: fx.Node, units: Sequence[int], only: tuple[fx.Node, int] | None = None
    ) -> dict[fx.Node, Kernel]:
        """Return the kernels of units of a linear node over what it reads: activations, the image.

        Args:
            node: the node.
            units: its units.
            only: a node that it reads, and a channel of this node: only the kernel for this channel
                is computed.
        """
        kernel = identity(units, self.layers[node].channels)
        useful, alike = set[fx.Node](), set[fx.Node]()
        if only is not None:
            useful = {only[0], *descendants(only[0])}
            alike = {it for it in useful if self._same_channels(it, only[0])}
            if node in alike:
                kernel = kernel.of_channels([only[1]])
        waiting, found = {node: kernel}, dict[fx.Node, Kernel]()
        for at in reversed(self.traced.graph.nodes):
            if at not in waiting:
                continue
            kernel = waiting.pop(at)
            stops = only is not None and at is only[0]
            before = None
            if not stops and (at is node or self.steps.is_linear(at)):
                before = self.steps.back(at, kernel)
            if before is None and at is not node:
                found[at] = kernel
            for source, part in before or ():
                if only is not None and source not in useful:
                    continue
                if only is not None and source in alike and at not in alike:
                    part = part.of_channels([only[1]])
                known = waiting.get(source)
                waiting[source] = part if known is None else known.plus(part)
        return found

    def _same_channels(self, node: fx.Node, source: fx.Node) -> bool:
        """Whether a node is a source or its pooled values, so that the channels are the same."""
        at: fx.Node | None = node
        while at is not None and at is not source and is_transparent(self.traced, at):
            # A flattened map has no rows and columns; its channels are those of all positions.
            own, other = self.layers.get(at), self.layers[source]
            same = own is not None and own.channels == other.channels and own.size is not None
            at = _only_input(at) if same else None
        return at is source

    def _is_pooled(self, node: fx.Node, source: fx.Node) -> bool:
        """Whether a node is a source itself, or only its values pooled or flattened."""
        at: fx.Node | None = node
        while at is not None and at is not source and is_transparent(self.traced, at):
            at = _only_input(at)
        return at is source

    def _targets(self, start: fx.Node) -> list[tuple[fx.Node, fx.Node]]:
        """Return where linear operations lead from a node.

        Returns:
            The last linear node of each way, and the node of the activation function behind it; the
            same node twice for logits.
        """
        found, seen, waiting = list[tuple[fx.Node, fx.Node]](), {start}, [start]
        while waiting:
            at = waiting.pop()
            for user in at.users:
                if user.op == "output" and not self._is_pooled(at, start):
                    found.append((at, at))
                elif self.steps.is_activation(user) and at is not start and user in self.layers:
                    found.append((at, user))
                elif user not in seen and self.steps.is_linear(user):
                    seen.add(user)
                    waiting.append(user)
        return list(dict.fromkeys(found))

    def _whole(self, node: fx.Node, unit: int) -> tuple[fx.Node, int]:
        """Return the concatenation of activations that alone reads a node, and the unit there."""
        while len(node.users) == 1:
            (user,) = node.users
            if not self.steps.joins_activations(user):
                break
            for branch in user.all_input_nodes:
                if branch is node:
                    break
                unit += self.layers[branch].channels
            node = user
        return node, unit

    def _branch(self, node: fx.Node, unit: int) -> tuple[fx.Node | None, int]:
        """Return the branch of a concatenation that a unit comes from, and its channel there."""
        for branch in node.all_input_nodes:
            if unit < self.layers[branch].channels:
                return branch, unit
            unit -= self.layers[branch].channels
        return None, unit


def is_transparent(traced: Trace, node: fx.Node) -> bool:
    """Whether an operation does not mix channels: pooling, dropout or flattening."""
    if node.op == "call_module":
        return isinstance(traced.parts[str(node.target)], _TRANSPARENT)
    return (
        node.op in ("call_function", "call_method")
        and function_name(node) in _TRANSPARENT_FUNCTIONS
    )


def _only_input(node: fx.Node) -> fx.Node | None:
    inputs = node.all_input_nodes
    return inputs[0] if len(inputs) == 1 and inputs[0].op != "placeholder" else None
