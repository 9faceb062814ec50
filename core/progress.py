"""How far a piece of work is: what every kind of work reports, whoever listens."""

from collections.abc import Mapping
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


@dataclass(frozen=True)
class Progress:
    """How far the work on a recipe is.

    Attributes:
        done: work behind, in a unit of the recipe's own choice.
        total: work in all.
        sketches: the unfinished pictures as they stand, ``[3, H, W]`` in ``[0, 1]``, by part.
        pictures: those that were finished just now.
    """

    done: int
    total: int
    sketches: Mapping[int, Tensor]
    pictures: tuple[Picture, ...] = ()
