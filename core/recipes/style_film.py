"""The recipe of style transfer over a film: what each frame is painted from, and how."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from core.errors import ExplorerError, named
from core.numbers import require, require_number
from core.recipes.dream import FRAMES_RANGE
from core.recipes.recipe import require_fingerprint
from core.recipes.style import STYLE_STEPS, StyleRecipe

# Longer side in pixels, and pixels of all frames together: 381 frames of 512 px, or 95 of 1024 px.
STYLE_FILM_SIZES = (32, 2048)
PIXELS_AT_MOST = 100_000_000
# Number of sizes, the largest ones, at which frames after the first are painted.
LATER_SIZES = 3
# Weight of the temporal loss relative to the style loss. With larger weights, every frame is the
# moved frame before.
KEEP_RANGE = (0.0, 1000.0)


@dataclass(frozen=True)
class StyleFilmRecipe(StyleRecipe):
    """A film whose frames have the style of one or several style images.

    The first frame is painted as a ``StyleRecipe`` of it. Each later frame starts from the painted
    frame before, moved along with the film.

    Attributes:
        content: fingerprint of the first frame.
        clip: fingerprints of the other frames, in their order.
        frames: number of frames that this recipe renders.
        first: number of the first frame that this recipe renders. ``parts`` splits a film into
            recipes with one frame each, and ``first`` is the number of that frame.
        frame_steps: number of optimiser steps of each later frame, at each of its sizes.
        keep: weight of the temporal loss, which keeps what was painted in the frame before,
            relative to the style loss.
    """

    kind: ClassVar[str] = "style-film"
    # Increases with the version of single style transfers too, as the first frame is one.
    version: ClassVar[int] = StyleRecipe.version + 1
    in_order: ClassVar[bool] = True

    size: int = 256
    clip: tuple[str, ...] = ()
    frames: int = 2
    first: int = 0
    frame_steps: int = 10
    keep: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.content and self.styles):
            raise ExplorerError("a film is painted from its frames and a painting; name both")
        if self.init != "content":
            raise ExplorerError("each frame of a film starts from the frame; leave init out")
        if not isinstance(self.clip, tuple) or not self.clip:
            raise ExplorerError("a film has at least 2 pictures; this one has 1")
        for fingerprint in self.clip:
            require_fingerprint("clip", fingerprint)
        require("size", self.size, STYLE_FILM_SIZES)
        require("frames", self.frames, FRAMES_RANGE)
        require("first", self.first, (0, FRAMES_RANGE[1] - 1))
        if self.first + self.frames > len(self.clip) + 1:
            raise ExplorerError(
                f"a clip of {len(self.clip) + 1} pictures has no frame "
                f"{self.first + self.frames - 1}"
            )
        check_film_size(self.frames, self.size)
        require("frame_steps", self.frame_steps, STYLE_STEPS)
        require_number("keep", self.keep, KEEP_RANGE)

    @property
    def film(self) -> tuple[str, ...]:
        """Fingerprints of all frames of the film, in their order."""
        return (self.content, *self.clip)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the images and of all frames up to the last one that is rendered."""
        frames = self.film[: self.first + self.frames]
        return tuple(dict.fromkeys((*frames, *super().inputs)))

    @property
    def inputs_with_previous(self) -> tuple[str, ...]:
        """The inputs that are still needed if the previous frame is already rendered.

        The first frame is among them, because the weights of the losses are those for it.
        """
        frames = self.film[max(self.first - 1, 0) : self.first + self.frames]
        return tuple(dict.fromkeys((self.content, *frames, *super().inputs)))

    @property
    def previous(self) -> "StyleFilmRecipe | None":
        """The recipe of the previous frame; None for frame 0."""
        return dataclasses.replace(self, first=self.first - 1, frames=1) if self.first else None

    def parts(self) -> tuple["StyleFilmRecipe", ...]:
        """Return a recipe for each frame of a film; each frame starts from the previous one."""
        if self.frames == 1:
            return (self,)
        return tuple(dataclasses.replace(self, first=number, frames=1) for number in self.pictures)

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of the frames that this recipe renders."""
        return tuple(range(self.first, self.first + self.frames))


def check_count(count: int, path: Path) -> None:
    """Raise ExplorerError if a file has too few pictures for a film.

    Args:
        count: number of pictures.
        path: the file, for the message.
    """
    if count < 2:
        raise ExplorerError(f"{named(path)} has only one picture, so it is no film; use `style`")


def check_film_size(frames: int, size: int) -> None:
    """Raise ExplorerError if a film has too many pixels.

    Args:
        frames: number of frames.
        size: longer side in pixels.
    """
    if frames * size**2 > PIXELS_AT_MOST:
        fitting = PIXELS_AT_MOST // size**2
        raise ExplorerError(
            f"{frames} pictures of {size} pixels are too large for one film; take at most "
            f"{fitting} of them, or make them smaller"
        )
