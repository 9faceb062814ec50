"""The recipe of a dream: a picture, what in the network it climbs, and how."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from core.errors import ExplorerError
from core.recipe import Recipe, require, require_fingerprint, require_number

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
LAYERS_AT_MOST = 16


@dataclass(frozen=True)
class DreamRecipe(Recipe):
    """A picture in which a network was made to see more of what it sees in it.

    Attributes:
        layers: names of the layers that dream.
        shares: how much each of them has to say; none for all the same.
        units: channels of the layer that dream, where there is only one layer; none for all.
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
    """

    kind: ClassVar[str] = "dream"

    layers: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    units: tuple[int, ...] = ()
    image: str = ""
    guide: str = ""
    mask: str = ""
    size: int = 512
    octaves: int = 4
    octave_scale: float = 1.4
    steps: int = 10
    strength: float = 1.0
    keep_colours: bool = False
    tile: int = 1024
    frames: int = 1
    zoom: float = 1.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("layers", "shares", "units"):
            if not isinstance(getattr(self, name), tuple):
                raise ExplorerError(f"{name} is {getattr(self, name)!r}; it must be a list")
        if not 1 <= len(self.layers) <= LAYERS_AT_MOST:
            raise ExplorerError(f"name 1 to {LAYERS_AT_MOST} layers to dream with")
        if self.shares and len(self.shares) != len(self.layers):
            raise ExplorerError(
                f"there are {len(self.layers)} layers and {len(self.shares)} shares; "
                "give one share for each layer, or none"
            )
        for share in self.shares:
            require_number("share", share, (-100.0, 100.0))
        if self.units and len(self.layers) > 1:
            raise ExplorerError("units belong to one layer; name only that, or no units")
        for unit in self.units:
            require("unit", unit, (0, 2**31 - 1))
        if self.units and self.guide:
            raise ExplorerError("a guide says what is dreamt; name no units beside it")
        if not self.image:
            raise ExplorerError("a dream begins with a picture; name one")
        for name in ("image", "guide", "mask"):
            require_fingerprint(name, getattr(self, name))
        require("size", self.size, DREAM_SIZES)
        require("octaves", self.octaves, OCTAVES_RANGE)
        require_number("octave_scale", self.octave_scale, SCALE_RANGE)
        require("steps", self.steps, DREAM_STEPS)
        require_number("strength", self.strength, STRENGTH_RANGE)
        require("tile", self.tile, TILE_RANGE)
        require("frames", self.frames, FRAMES_RANGE)
        require_number("zoom", self.zoom, (1.0, 2.0))
        require_number("turn", self.turn, (-45.0, 45.0))
        if not isinstance(self.keep_colours, bool):
            raise ExplorerError(f"keep_colours is {self.keep_colours!r}; it must be true or false")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the picture, of the guide and of the mask, as far as there are."""
        return tuple(it for it in (self.image, self.guide, self.mask) if it)

    @property
    def layer(self) -> str:
        """All layers in one word, to search by."""
        return " + ".join(self.layers)

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of its frames."""
        return tuple(range(self.frames))

    def deeper(self, image: str) -> "DreamRecipe":
        """Write the recipe of the same dream from another picture."""
        return dataclasses.replace(self, image=image)
