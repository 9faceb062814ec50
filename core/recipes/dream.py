"""The recipe of a dream: a picture, what in the network it climbs, and how."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from core.errors import ExplorerError
from core.recipes.recipe import Recipe, require, require_fingerprint, require_number

# Longer side of a dream in pixels: below nothing is left of a picture, above is no screen or wall.
DREAM_SIZES = (32, 8192)
OCTAVES_RANGE = (1, 12)
SCALE_RANGE = (1.05, 4.0)
DREAM_STEPS = (1, 1000)
# A strength of 1 is what a person calls a dream; at 4 nothing of the picture is left.
STRENGTH_RANGE = (0.0, 4.0)
# In smaller tiles deep layers would see too little of what is around.
TILE_RANGE = (384, 2048)
FRAMES_RANGE = (1, 600)
ZOOM_RANGE = (1.0, 2.0)
TURN_RANGE = (-45.0, 45.0)
LAYERS_AT_MOST = 16


@dataclass(frozen=True)
class DreamRecipe(Recipe):
    """A picture in which a network was made to see more of what it sees in it.

    Attributes:
        layers: names of the layers that dream.
        shares: how much each of them has to say; none for all the same.
        units: channels of the layer that dream, where there is only one layer; none for all.
        towards: a number for each unit, which together are the direction in the space of channels
            that is dreamt; none for the units as a set.
        image: fingerprint of the picture.
        guide: fingerprint of a picture whose features are dreamt; may be none.
        mask: fingerprint of a picture that is bright where dreams may come; none for everywhere.
        size: longer side of the dream in pixels.
        octaves: sizes at which it is dreamt, one after the other, the last at full size.
        octave_scale: how much larger each is than the one before.
        steps: of ascent at each of them.
        strength: how much it changes the picture, 1 for the usual.
        keep_colours: whether only light changes.
        tile: side of the tiles, in pixels, that a larger picture is dreamt in; it bounds memory.
        frames: pictures of a film; 1 for a single dream.
        zoom: how much larger each frame shows its middle than the one before.
        turn: degrees, counter-clockwise, by which it is turned.
        clip: fingerprints of the pictures that follow ``image`` where a clip is dreamt over.
        first: number of the first frame; the part of a film that is one frame has its number.
    """

    kind: ClassVar[str] = "dream"
    in_order: ClassVar[bool] = True

    layers: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    units: tuple[int, ...] = ()
    towards: tuple[float, ...] = ()
    image: str = ""
    guide: str = ""
    mask: str = ""
    size: int = 512
    octaves: int = 4
    octave_scale: float = 1.4
    steps: int = 10
    strength: float = 1.0
    keep_colours: bool = False
    tile: int = 768
    frames: int = 1
    zoom: float = 1.0
    turn: float = 0.0
    clip: tuple[str, ...] = ()
    first: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("layers", "shares", "units", "towards", "clip"):
            if not isinstance(getattr(self, name), tuple):
                raise ExplorerError(f"{name} is {getattr(self, name)!r}; it must be a list")
        self._check_subject()
        for name in ("image", "guide", "mask"):
            require_fingerprint(name, getattr(self, name))
        require("size", self.size, DREAM_SIZES)
        require("octaves", self.octaves, OCTAVES_RANGE)
        require_number("octave_scale", self.octave_scale, SCALE_RANGE)
        require("steps", self.steps, DREAM_STEPS)
        require_number("strength", self.strength, STRENGTH_RANGE)
        require("tile", self.tile, TILE_RANGE)
        if not isinstance(self.keep_colours, bool):
            raise ExplorerError(f"keep_colours is {self.keep_colours!r}; it must be true or false")
        self._check_film()

    def _check_subject(self) -> None:
        if not 1 <= len(self.layers) <= LAYERS_AT_MOST:
            raise ExplorerError(f"name 1 to {LAYERS_AT_MOST} layers to dream with")
        if self.shares and len(self.shares) != len(self.layers):
            raise ExplorerError(
                f"there are {len(self.layers)} layers and {len(self.shares)} shares; "
                "give one share for each layer, or none"
            )
        if self.towards and len(self.towards) != len(self.units):
            raise ExplorerError(
                f"there are {len(self.units)} units and {len(self.towards)} numbers; "
                "give a number for each unit, or none"
            )
        for name, values in (("share", self.shares), ("direction", self.towards)):
            for value in values:
                require_number(name, value, (-100.0, 100.0))
            if values and not any(values):
                raise ExplorerError(f"every {name} is 0, so there is nothing to dream")
        if self.units and len(self.layers) > 1:
            raise ExplorerError("units belong to one layer; name only that, or no units")
        for unit in self.units:
            require("unit", unit, (0, 2**31 - 1))
        if self.units and self.guide:
            raise ExplorerError("a guide says what is dreamt; name no units beside it")
        if not self.image:
            raise ExplorerError("a dream begins with a picture; name one")

    def _check_film(self) -> None:
        require("frames", self.frames, FRAMES_RANGE)
        require("first", self.first, (0, FRAMES_RANGE[1] - 1))
        require_number("zoom", self.zoom, ZOOM_RANGE)
        require_number("turn", self.turn, TURN_RANGE)
        for fingerprint in self.clip:
            require_fingerprint("clip", fingerprint)
        if not self.clip:
            return
        if self.first + self.frames > len(self.clip) + 1:
            raise ExplorerError(
                f"a clip of {len(self.clip) + 1} pictures has no frame "
                f"{self.first + self.frames - 1}"
            )
        if self.zoom != 1 or self.turn != 0:
            raise ExplorerError("a clip moves by itself; neither zoom nor turn it")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the picture, guide and mask, as far as there are, and of the clip."""
        seen = self.clip[: self.first + self.frames - 1]
        return tuple(it for it in (self.image, self.guide, self.mask, *seen) if it)

    @property
    def inputs_after(self) -> tuple[str, ...]:
        """Those of them that are needed where the frame before is at hand."""
        seen = (self.image, *self.clip)[max(self.first - 1, 0) : self.first + self.frames]
        return tuple(dict.fromkeys(it for it in (self.image, self.guide, self.mask, *seen) if it))

    @property
    def before(self) -> "DreamRecipe | None":
        """The recipe of the frame before."""
        return dataclasses.replace(self, first=self.first - 1, frames=1) if self.first else None

    def parts(self) -> tuple["DreamRecipe", ...]:
        """Split a film into its frames, each of which goes on from the one before."""
        if self.frames == 1:
            return (self,)
        return tuple(dataclasses.replace(self, first=number, frames=1) for number in self.pictures)

    @property
    def layer(self) -> str:
        """All layers in one word, to search by."""
        return " + ".join(self.layers)

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of its frames."""
        return tuple(range(self.first, self.first + self.frames))

    def deeper(self, image: str) -> "DreamRecipe":
        """Write the recipe of the same dream from another picture."""
        return dataclasses.replace(self, image=image)
