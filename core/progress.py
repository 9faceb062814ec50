"""How far a piece of work is: what every kind of work reports, whoever listens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Picture(Protocol):
    """One finished picture of a recipe."""

    @property
    def part(self) -> int:
        """Which of the recipe's pictures it is; for neurons the unit."""

    @property
    def image(self) -> Tensor:
        """``[3, H, W]``, RGB in ``[0, 1]``, on the CPU."""

    @property
    def facts(self) -> Mapping[str, float | bool | str]:
        """What was measured of it."""


# A curve is told by at most so many of its points.
CURVE_POINTS = 100


@dataclass(frozen=True)
class LossHistory:
    """How costs fall, step by step, while a picture is painted.

    Attributes:
        costs: what each was at every step so far, by its name; they grow with the work.
        steps: how many steps there will be.
    """

    costs: Mapping[str, Sequence[float]]
    steps: int

    @property
    def share(self) -> float:
        """How much of the way is behind, of 1."""
        return max(map(len, self.costs.values()), default=0) / self.steps


def downsample_curve(curve: Sequence[float]) -> list[float]:
    """Take evenly spaced points of a curve, its ends among them."""
    if len(curve) <= CURVE_POINTS:
        return list(curve)
    last = len(curve) - 1
    return [curve[round(at * last / (CURVE_POINTS - 1))] for at in range(CURVE_POINTS)]


@dataclass(frozen=True)
class Progress:
    """How far the work on a recipe is.

    Attributes:
        done: work behind, in a unit of the recipe's own choice.
        total: work in all.
        previews: the unfinished pictures as they stand, ``[3, H, W]`` in ``[0, 1]``, by part.
        pictures: those that were finished just now.
        history: how costs fell so far; None where they are not told.
    """

    done: int
    total: int
    previews: Mapping[int, Tensor]
    pictures: tuple[Picture, ...] = ()
    history: LossHistory | None = None
