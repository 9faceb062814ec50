"""One map of a layer's activations: the mean over all units, or the unit that varies most."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ActivationMap:
    """Where a layer is active in an image.

    Attributes:
        values: float32 ``[h, w]``, from 0 for the least value of the map to 1 for the highest; 0
            everywhere if all values are equal.
        unit: the unit whose map it is; None for the mean over all units.
    """

    values: Tensor
    unit: int | None


def mean_map(activation: Tensor) -> ActivationMap:
    """Return the mean over all units of the absolute activation at each position.

    The absolute value counts negative activations too, which layers without ReLU have.

    Args:
        activation: ``[C, H, W]``; ``[C, T]`` for tokens, which are arranged as patches of the
            image; or ``[C]``, whose units are arranged as a square, row by row.
    """
    magnitude = _rows_and_columns(activation).float().abs()
    return ActivationMap(_stretched(magnitude.mean(0)), None)


def most_varied_map(activation: Tensor) -> ActivationMap:
    """Return the map of the unit whose activation varies most; the first of several.

    This is the unit with the highest mean absolute deviation over all positions. The unit with the
    highest activation, or the highest standard deviation, is often one that responds to a corner of
    the image alone, because of the padding.

    Args:
        activation: as for ``mean_map``. Of ``[C]``, the unit is the one with the highest
            activation, and the map has all units.
    """
    arranged = _rows_and_columns(activation).float()
    if activation.ndim == 1:
        return ActivationMap(_stretched(arranged[0]), int(activation.argmax()))
    flat = arranged.flatten(1)
    unit = int((flat - flat.mean(1, keepdim=True)).abs().mean(1).argmax())
    return ActivationMap(_stretched(arranged[unit]), unit)


def _rows_and_columns(activation: Tensor) -> Tensor:
    """Return ``[C, H, W]`` of any activation, or ``[1, h, w]`` of one without positions."""
    if activation.ndim == 3:
        return activation
    if activation.ndim == 1:
        activation = activation[None]
    count = activation.shape[1]
    side = math.isqrt(count)
    if activation.shape[0] > 1 and side * side == count - 1:
        # The first token stands for the class and has no place in the image.
        return activation[:, 1:].reshape(-1, side, side)
    rows = math.ceil(math.sqrt(count))
    missing = rows * math.ceil(count / rows) - count
    padded = torch.nn.functional.pad(activation, (0, missing))
    return padded.reshape(activation.shape[0], -1, rows)


def _stretched(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if bool(high > low) else torch.zeros_like(values)
