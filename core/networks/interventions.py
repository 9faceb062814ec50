"""Interventions in a network: units multiplied by factors while it runs, and what then changes.

A unit is what it is elsewhere: one channel of the output of a layer. In a fire module it is a
channel of the concatenation, in a residual block one of the sum, in a transformer one feature of
all tokens. It is multiplied before anything reads it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from core.devices import full_precision, memory_format
from core.errors import ExplorerError
from core.networks.graph_parts import GraphParts, divide
from core.networks.layers import Layer
from core.networks.network import FeatureExtractor, Network
from core.networks.unit_scaling import scale_units
from core.recipes.switched_units import UNCHANGED, SwitchedUnit, read_switched


def with_units_switched(network: Network, switched: Iterable[SwitchedUnit]) -> Network:
    """Return a network in which some units are multiplied by factors.

    It shares the weights, the layers and the fingerprint of the original, which is not changed.
    Units with the factor 1 are left out, so that such a network computes the same bits.

    Args:
        network: the original network; units that it has switched already stay so.
        switched: the units, each once.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a layer has fewer units, or a unit is named twice.
    """
    wanted: dict[tuple[str, int], SwitchedUnit] = {
        (it.layer, it.unit): it for it in network.switched
    }
    for it in switched:
        layer = network.layer_with_units(it.layer, [it.unit])
        if (layer.name, it.unit) in wanted:
            raise ExplorerError(f"neuron {it.unit} of {layer.name} is named twice; give one factor")
        wanted[layer.name, it.unit] = replace(it, layer=layer.name)
    changing = tuple(sorted(it for it in wanted.values() if it.factor != UNCHANGED))
    return network if changing == network.switched else replace(network, switched=changing)


def named_units(network: Network, switched: Sequence[str]) -> tuple[str, ...]:
    """Return the texts of units with the names of their layers as the network has them.

    Raises:
        UnknownName, ExplorerError: as for ``with_units_switched`` and ``read_switched``.
    """
    return tuple(map(str, with_units_switched(network, read_switched(switched)).switched))


def switched_network(network: Network, switched: Sequence[str]) -> Network:
    """Return the network of a recipe whose ``switched`` names some units, or the network itself.

    Raises:
        UnknownName, ExplorerError: as for ``with_units_switched`` and ``read_switched``.
    """
    return with_units_switched(network, read_switched(switched)) if switched else network


class Continuation:
    """A network that starts again behind a layer, from activations that are kept.

    The effect of a unit then takes only the part behind the layer. A network that cannot be traced
    runs as a whole each time.
    """

    def __init__(self, network: Network, layer: Layer, outputs: Sequence[Layer]) -> None:
        """Divide a network at a layer.

        Args:
            network: the network; it is not changed.
            layer: the layer whose units will be multiplied.
            outputs: the layers whose activations ``finish`` returns.
        """
        self.layer, self._network, self._outputs = layer, network, tuple(outputs)
        self._parts: GraphParts | None = None
        if network.trace is None:
            return
        self._parts = divide(network.trace, layer, self._outputs)
        # An extractor of one's own, because the cached extractors must not change.
        self._start = FeatureExtractor(network, self._outputs)
        self._start.body = self._parts.before

    @torch.no_grad()
    def begin(self, image: Tensor) -> tuple[Any, ...]:
        """Run a network up to the layer for images ``[N, C, H, W]`` in ``[0, 1]``.

        Returns:
            What ``finish`` needs: the activations of the layer, and of what bypasses it.
        """
        image = image.to(self._network.device)
        if self._parts is None:
            return (image,)
        with full_precision(self._network.device):
            kept: tuple[Any, ...] = self._start(image)
        return kept

    @torch.no_grad()
    def finish(
        self, kept: tuple[Any, ...], factors: Mapping[int, float] | None = None
    ) -> dict[str, Tensor]:
        """Run the network from the layer on.

        Args:
            kept: what ``begin`` returned; it is not changed.
            factors: by unit of the layer, the factor by which it is multiplied.

        Returns:
            Activations ``[N, C, ...]`` by layer name, as from ``Network.activations``.

        Raises:
            ExplorerError: the layer has no such unit, or a factor is out of range.
        """
        name = self.layer.name
        switched = [SwitchedUnit(name, unit, it) for unit, it in (factors or {}).items()]
        self._network.layer_with_units(name, [it.unit for it in switched])
        changing = {it.unit: it.factor for it in switched if it.factor != UNCHANGED}
        if self._parts is None:
            changed = with_units_switched(self._network, switched)
            (image,) = kept
            return changed.activations(image, [it.name for it in self._outputs])
        first, *others = kept
        if changing:
            first = scale_units(first, self.layer.axis, changing)
        with full_precision(self._network.device):
            result: dict[str, Tensor] = self._parts.behind(first, *others)
        return result

    def can_repeat(self, kept: tuple[Any, ...]) -> bool:
        """Whether ``finish_each`` can run with what ``begin`` returned for one image."""
        return (
            self._parts is not None
            and self.layer.batch_axis == 0
            and all(isinstance(it, Tensor) and it.ndim and it.shape[0] == 1 for it in kept)
        )

    @torch.no_grad()
    def finish_each(self, kept: tuple[Any, ...], units: Sequence[int]) -> dict[str, Tensor]:
        """Run the network from the layer on once for all of some units, each turned off alone.

        Args:
            kept: what ``begin`` returned for one image; ``can_repeat`` must be true for it.
            units: the N units.

        Returns:
            Activations ``[N, C, ...]`` by layer name: those without each unit.

        Raises:
            ExplorerError: the layer has no such unit.
        """
        assert self._parts is not None
        self._network.layer_with_units(self.layer.name, units)
        first, *others = (it.expand(len(units), *it.shape[1:]) for it in kept)
        first = first.clone()
        if first.ndim == 4:
            first = first.contiguous(memory_format=memory_format(first.device))
        channels = first.movedim(self.layer.axis, 1)
        channels[torch.arange(len(units)), torch.tensor(units)] = 0.0
        with full_precision(self._network.device):
            result: dict[str, Tensor] = self._parts.behind(first, *others)
        return result
