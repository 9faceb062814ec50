"""Progress of a piece of work, and finished pictures, as every kind of recipe reports them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Picture(Protocol):
    """One finished picture of a recipe."""

    @property
    def part(self) -> int:
        """The number of the picture in its recipe; for neurons it encodes the unit."""

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
        losses: the values of each loss at all steps so far, by its name; the lists grow during the
            work.
        steps: the total number of steps.
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
        done: amount of finished work, in a unit that the recipe chooses.
        total: total amount of work, in the same unit.
        previews: the unfinished pictures in their present state, ``[3, H, W]`` in ``[0, 1]``, by
            part.
        pictures: the pictures that were finished since the last report.
        history: the losses at all steps so far; None if the work does not report them.
    """

    done: int
    total: int
    previews: Mapping[int, Tensor]
    pictures: tuple[Picture, ...] = ()
    history: LossHistory | None = None
