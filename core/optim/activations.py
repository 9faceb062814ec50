"""The activations that an objective reads: whole layers, single channels, and the image itself."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from core.devices import indices_on

Activations = Mapping[str, Tensor]
# Key of the optimised image, ``[N, 3, H, W]`` before the transform, in ``Activations``. No layer
# can have this name.
IMAGE = "(image)"
# The value of a pixel for which no penalty of the image is above 0.
GREY = 0.5


class PartialActivations(dict[str, Tensor]):
    """Activations by layer name; in some layers only some of the channels were computed.

    Attributes:
        kept: the computed channels, in their order in the layer's tensor, by layer name. Layers
            without an entry have all channels.
    """

    def __init__(self, activations: Activations, kept: Mapping[str, Sequence[int]]) -> None:
        super().__init__(activations)
        self.kept = kept


def channel_of_each(activations: Activations, layer: str, units: Sequence[int]) -> Tensor:
    """Return channel ``units[n]`` of image ``n``: ``[N, C, ...]`` to ``[N, ...]``.

    If ``units`` has a single entry, that channel is returned for all images.
    """
    values = activations[layer]
    count = values.shape[0]
    indices = indices_on(values.device, _channel_indices(activations, layer, units))
    # Index with the channels last, which is their order in memory. The gradient then has the same
    # memory layout as the activations, which keeps the backward pass fast.
    images = torch.arange(count, device=values.device)
    return values.movedim(1, -1)[images, ..., indices.expand(count)]


def select_channels(activations: Activations, layer: str, units: Sequence[int]) -> Tensor:
    """Return some channels of every image: ``[N, C, ...]`` to ``[N, K, ...]``."""
    values = activations[layer]
    return values[:, indices_on(values.device, _channel_indices(activations, layer, units))]


def _channel_indices(activations: Activations, layer: str, units: Sequence[int]) -> list[int]:
    """Return the indices of some channels in a layer's tensor.

    If only channels 3 and 7 of the layer were computed, channel 7 has index 1.
    """
    kept = activations.kept.get(layer) if isinstance(activations, PartialActivations) else None
    return list(units) if kept is None else [kept.index(unit) for unit in units]


def flatten_positions(values: Tensor) -> Tensor:
    """Return activations ``[N, C, ...]`` as ``[N, C, P]``, with P = 1 if there are no positions."""
    return values.flatten(2) if values.ndim > 2 else values[..., None]


def at_least_float32(values: Tensor) -> Tensor:
    """Convert values to the type in which they are summed, see ``sum_precision``."""
    return values.to(sum_precision(values))


def sum_precision(values: Tensor) -> torch.dtype:
    """Return the type in which values are summed: float32, or their own type if it is wider.

    A sum of thousands of values that is accumulated in bfloat16 would lose most digits.
    """
    return torch.promote_types(values.dtype, torch.float32)
