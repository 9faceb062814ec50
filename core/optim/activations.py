"""Activations that objectives read: of layers, of some of their channels, and the image itself."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Activations = Mapping[str, Tensor]
# Key of the image among the activations, ``[N, 3, H, W]`` before the transform. No layer can have
# this name.
IMAGE = "(image)"


class PartialActivations(dict[str, Tensor]):
    """Activations of which some layers were computed only for some channels.

    Attributes:
        kept: the computed channels in the order of the tensor, by layer name.
    """

    def __init__(self, activations: Activations, kept: Mapping[str, Sequence[int]]) -> None:
        super().__init__(activations)
        self.kept = kept


def channel_of_each(activations: Activations, layer: str, units: Sequence[int]) -> Tensor:
    """Return channel ``units[n]`` of image ``n``: ``[N, C, ...]`` to ``[N, ...]``.

    A single unit is used for all images.
    """
    values = activations[layer]
    count = values.shape[0]
    indices = torch.tensor(_channel_indices(activations, layer, units), device=values.device)
    # Index with the channels last, which is their order in memory. The gradient then has the same
    # memory layout and does not slow down the operations that it passes through.
    return values.movedim(1, -1)[torch.arange(count), ..., indices.expand(count)]


def select_channels(activations: Activations, layer: str, units: Sequence[int]) -> Tensor:
    """Return some channels of every image: ``[N, C, ...]`` to ``[N, K, ...]``."""
    return activations[layer][:, _channel_indices(activations, layer, units)]


def _channel_indices(activations: Activations, layer: str, units: Sequence[int]) -> list[int]:
    """Return the indices of channels among the computed channels of a layer."""
    kept = activations.kept.get(layer) if isinstance(activations, PartialActivations) else None
    return list(units) if kept is None else [kept.index(unit) for unit in units]


def flatten_positions(values: Tensor) -> Tensor:
    """Return activations ``[N, C, ...]`` as ``[N, C, P]``, with P = 1 if there are no positions."""
    return values.flatten(2) if values.ndim > 2 else values[..., None]


def at_least_float32(values: Tensor) -> Tensor:
    """Return values in the precision of sums, see ``sum_precision``."""
    return values.to(sum_precision(values))


def sum_precision(values: Tensor) -> torch.dtype:
    """Return float32, or the values' type if it is wider.

    Sums of thousands of values in bfloat16 would lose most digits.
    """
    return torch.promote_types(values.dtype, torch.float32)
