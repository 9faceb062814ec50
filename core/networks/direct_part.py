"""The part of a network between what a unit reads and the unit, to cut single connections."""

from collections.abc import Mapping

import torch
from torch import Tensor, fx

from core.networks.graph_parts import RESULT, direct_part
from core.networks.graph_passes.prune_channels import prune_channels
from core.networks.layers import Layer
from core.networks.tracing import Trace
from core.networks.unit_scaling import scale_units


class DirectPart:
    """The operations that lead from what a unit reads to the unit, without other activations.

    What a residual block computes from its input, for example, is read beside the input, and stays
    as it is while a channel of the input changes.
    """

    def __init__(
        self, traced: Trace, sources: Mapping[Layer, fx.Node], end: fx.Node, unit: int
    ) -> None:
        """Build the part.

        Args:
            traced: the network.
            sources: by layer that is read, its node.
            end: the node of the unit.
            unit: its channel.
        """
        self.sources = tuple(sources)
        self._module = direct_part(traced, tuple(sources.values()), end)
        pruned = prune_channels(self._module, {RESULT: [unit]})
        self._channel = 0 if pruned else unit

    @torch.no_grad()
    def run(self, activations: Mapping[str, Tensor], cut: tuple[str, int] | None = None) -> Tensor:
        """Return the activation of the unit, ``[N, H, W]`` or ``[N]``.

        Args:
            activations: those of the layers in ``sources``, by name; they are not changed.
            cut: layer and unit of one of them whose contribution to this unit is left out.
        """
        values = []
        for layer in self.sources:
            value = activations[layer.name]
            if cut is not None and cut[0] == layer.name:
                value = scale_units(value, 1, {cut[1]: 0.0})
            values.append(value)
        result: Tensor = self._module(*values)[RESULT]
        return result[:, self._channel]
