"""The types in which the rendering of a recipe reports its progress and its finished pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from core.images.html_pictures import CaptionedPicture, captioned, pictures_html


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

    @property
    def caption(self) -> str:
        """A short text on what the picture shows; may be empty."""


class ShownInNotebooks:
    """A finished picture that notebooks show, with its caption and its values."""

    @property
    def caption(self) -> str:
        """A short text on what the picture shows; may be empty."""
        return ""

    def _repr_html_(self: Picture) -> str:
        return pictures_html(with_caption(self))


class Pictures(tuple[Picture, ...]):
    """Finished pictures, which notebooks show in rows."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the number of pictures, without their pixels."""
        return f"{len(self)} pictures"

    def _repr_html_(self) -> str:
        return pictures_html([shown for it in self for shown in with_caption(it)])


def with_caption(picture: Picture) -> list[CaptionedPicture]:
    """Return what a notebook shows of a picture: its numbers appear when the mouse is over it."""
    return captioned(picture.image, picture.caption, details(picture))


def details(picture: Picture) -> str:
    """Return the measured numbers of a picture, and what is true of it, as text."""
    numbers = {key: it for key, it in picture.facts.items() if isinstance(it, (int, float))}
    return ", ".join(
        key if it is True else f"{key} {it:.3g}" for key, it in numbers.items() if it is not False
    )


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

    def _repr_html_(self) -> str:
        finished = [shown for it in self.pictures for shown in with_caption(it)]
        unfinished = [shown for it in self.previews.values() for shown in captioned(it)]
        return pictures_html([*finished, *unfinished])
