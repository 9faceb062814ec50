"""What an image climbs: objectives over activations, which add, subtract and scale.

An objective declares the layers it reads, so that the network can be cut below them, and gives one
value an image, always to be maximised. Images of a batch climb independently: the gradient of the
summed values with respect to image ``n`` is the gradient of value ``n``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Activations = Mapping[str, Tensor]


@dataclass(frozen=True)
class Objective:
    """Something to maximise.

    Attributes:
        layers: names of the layers it reads.
        value: from activations ``[N, C, ...]`` by layer name to values ``[N]``.
    """

    layers: frozenset[str]
    value: Callable[[Activations], Tensor]

    def __call__(self, activations: Activations) -> Tensor:
        """Give the value ``[N]`` of each image."""
        return self.value(activations)

    def __add__(self, other: Objective) -> Objective:
        """Climb both at once."""
        return Objective(self.layers | other.layers, lambda seen: self(seen) + other(seen))

    def __sub__(self, other: Objective) -> Objective:
        """Climb this one and descend the other."""
        return self + -1.0 * other

    def __neg__(self) -> Objective:
        """Descend."""
        return -1.0 * self

    def __mul__(self, weight: float) -> Objective:
        """Weigh against the others of a sum."""
        return Objective(self.layers, lambda seen: weight * self(seen))

    __rmul__ = __mul__


def channels(layer: str, units: Sequence[int]) -> Objective:
    """Climb one channel an image: value ``n`` is the mean of channel ``units[n]`` over positions.

    For a fully connected layer, which has no positions, it is the unit itself, so that on the
    logits it is the score of class ``units[n]``.

    Args:
        layer: name of a layer with activations ``[N, C, ...]``.
        units: N channels in ``0 .. C - 1``, or a single one for all images.
    """
    wanted = torch.as_tensor(list(units))

    def value(activations: Activations) -> Tensor:
        seen = activations[layer]  # [N, C, ...]
        own = seen[torch.arange(seen.shape[0]), wanted.expand(seen.shape[0])]  # [N, ...]
        # Summing thousands of positions in bfloat16 would lose most digits.
        precise = torch.promote_types(own.dtype, torch.float32)
        return own.reshape(own.shape[0], -1).mean(1, dtype=precise)

    return Objective(frozenset({layer}), value)
