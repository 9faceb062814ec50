"""The types in which the rendering of a recipe reports its progress and its finished pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Picture(Protocol):
    """One finished picture of a recipe."""

    @property
    def part(self) -> int:
        """The picture's number, one of ``Recipe.pictures``; for neurons it encodes the unit."""

    @property
    def image(self) -> Tensor:
        """``[3, H, W]``, RGB in ``[0, 1]``, on the CPU."""

    @property
    def facts(self) -> Mapping[str, float | bool | str]:
        """The values that were measured for the picture, by name."""


# A stored curve has at most this many points.
CURVE_POINTS = 100


@dataclass(frozen=True)
class LossHistory:
    """The losses of a style transfer at every step so far.

    Attributes:
        losses: by name of the loss, the values of this loss at all steps so far; the lists grow
            during the transfer.
        steps: the total number of steps of the transfer.
    """

    losses: Mapping[str, Sequence[float]]
    steps: int

    @property
    def share(self) -> float:
        """Fraction of the steps that is done, from 0 to 1."""
        return max(map(len, self.losses.values()), default=0) / self.steps


def downsample_curve(curve: Sequence[float]) -> list[float]:
    """Return evenly spaced points of a curve, including both ends, or a short curve unchanged."""
    if len(curve) <= CURVE_POINTS:
        return list(curve)
    last = len(curve) - 1
    return [curve[round(i * last / (CURVE_POINTS - 1))] for i in range(CURVE_POINTS)]


@dataclass(frozen=True)
class Progress:
    """The progress of the work on a recipe.

    Attributes:
        done: amount of finished work, in a unit such as steps that the kind of recipe chooses.
        total: total amount of work, in the same unit.
        previews: the unfinished pictures in their present state, ``[3, H, W]`` in ``[0, 1]``, by
            their number (``Picture.part``).
        pictures: the pictures that were finished since the last ``Progress``.
        history: the losses at all steps so far; None if the kind of recipe does not report losses.
    """

    done: int
    total: int
    previews: Mapping[int, Tensor]
    pictures: tuple[Picture, ...] = ()
    history: LossHistory | None = None
