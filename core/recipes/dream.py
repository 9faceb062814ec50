"""The recipe of a dream (DeepDream): an image, the layers whose response is maximised, and how."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from core.errors import ExplorerError, quoted
from core.numbers import require, require_number
from core.recipes.recipe import Recipe, require_fingerprint
from core.recipes.switched_units import canonical

# Longer side of a dream in pixels. Smaller images are not recognisable, and no screen is larger.
DREAM_SIZES = (32, 8192)
OCTAVES_RANGE = (1, 12)
SCALE_RANGE = (1.05, 4.0)
DREAM_STEPS = (1, 1000)
# A strength of 1 gives a typical dream; at 4 the image is not recognisable.
STRENGTH_RANGE = (0.0, 4.0)
# In smaller tiles, the receptive fields of deep layers would be clipped too much.
TILE_RANGE = (384, 2048)
FRAMES_RANGE = (1, 600)
# Shares of layers, and numbers of a direction.
DREAM_SHARES = (-100.0, 100.0)
ZOOM_RANGE = (1.0, 2.0)
TURN_RANGE = (-45.0, 45.0)
LAYERS_AT_MOST = 16


@dataclass(frozen=True)
class DreamRecipe(Recipe):
    """An image that is changed so that a network responds more strongly to it (DeepDream).

    Attributes:
        layers: names of the layers whose response is maximised.
        shares: relative weight of each layer; empty for equal weights.
        units: channels whose response is maximised; empty for all channels. Only one layer may be
            named with them.
        towards: a number for each unit. The numbers are the components of a direction in channel
            space, which is maximised. If empty, the mean squared activation of the units is
            maximised (in a layer without rows and columns, the sum of their activations).
        image: fingerprint of the image.
        guide: fingerprint of an image whose features are transferred; may be empty.
        mask: fingerprint of an image that is bright where the dream may change the image; empty for
            everywhere.
        size: longer side of the dream in pixels.
        octaves: number of sizes at which the image is optimised, from small to full size.
        octave_scale: factor from one of these sizes to the next.
        steps: number of steps of ascent at each size.
        strength: size of the change to the image; the default is 1.
        keep_colours: whether only luma changes.
        tile: side in pixels of the tiles into which larger images are split, which limits memory.
        frames: number of frames of a film; 1 for a single dream.
        zoom: factor by which each frame enlarges the centre of the previous frame.
        turn: degrees, counter-clockwise, by which each frame is rotated.
        clip: for a film made from a video clip, fingerprints of the clip's frames after the first,
            which is ``image``; else empty.
        first: number of the first frame that this recipe renders. ``parts`` splits a film into
            recipes with one frame each, and ``first`` is the number of that frame.
        switched: units that are multiplied while the network runs, such as ``relu5b:17`` (off) or
            ``relu5b:17:0.5``; see ``core.recipes.switched_units``.
    """

    kind: ClassVar[str] = "dream"
    version: ClassVar[int] = 5
    in_order: ClassVar[bool] = True
    later: ClassVar[tuple[str, ...]] = ("switched",)

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
    switched: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("layers", "shares", "units", "towards", "clip"):
            if not isinstance(getattr(self, name), tuple):
                raise ExplorerError(f"{name} is {quoted(getattr(self, name))}; it must be a list")
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
            raise ExplorerError(
                f"keep_colours is {quoted(self.keep_colours)}; it must be true or false"
            )
        self._check_film()
        object.__setattr__(self, "switched", canonical(self.switched))

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
                require_number(name, value, DREAM_SHARES)
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
        """Fingerprints of the image, of the guide and the mask, if any, and of the clip."""
        frames = self.clip[: self.first + self.frames - 1]
        return tuple(it for it in (self.image, self.guide, self.mask, *frames) if it)

    @property
    def inputs_with_previous(self) -> tuple[str, ...]:
        """The inputs that are still needed if the previous frame is already rendered."""
        frames = (self.image, *self.clip)[max(self.first - 1, 0) : self.first + self.frames]
        return tuple(dict.fromkeys(it for it in (self.image, self.guide, self.mask, *frames) if it))

    @property
    def previous(self) -> "DreamRecipe | None":
        """The recipe of the previous frame; None for frame 0."""
        return dataclasses.replace(self, first=self.first - 1, frames=1) if self.first else None

    def parts(self) -> tuple["DreamRecipe", ...]:
        """Return a recipe for each frame of a film; each frame starts from the previous one."""
        if self.frames == 1:
            return (self,)
        return tuple(dataclasses.replace(self, first=number, frames=1) for number in self.pictures)

    @property
    def layer(self) -> str:
        """The names of all layers in one text, which users can search: ``conv1 + conv2``."""
        return " + ".join(self.layers)

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of the frames that this recipe renders."""
        return tuple(range(self.first, self.first + self.frames))
