"""The kinds of recipes: what can be made, with every setting that decides how it comes out."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from core.errors import ExplorerError, unknown
from core.recipes.recipe import Recipe, require, require_fingerprint, require_number

# Below, a network's pooling leaves nothing of a picture; above, a batch exhausts common memory.
SIZE_RANGE = (16, 1024)
STEPS_RANGE = (1, 10_000)
# Enough for a clear picture; further ones only sharpen it.
STEPS = 64
UNITS_AT_MOST = 4096
# More images in a batch than this no longer make a unit faster on a CPU, only previews rarer.
BATCH = 16
# Larger pictures climb in smaller batches, so that memory does not grow with their size.
BATCH_PIXELS = BATCH * 128 * 128

# What a picture can be drawn to climb, by the name in recipes: ``core.neurons.render_neurons``
# tells each one's formula. Those of the first kind make pictures of each unit, those of the second
# one subject of all units together, and those of the third need no units.
OF_EACH = ("channel", "neuron")
OF_ALL = ("joint", "direction", "interpolation")
OF_LAYER = ("energy", "caricature", "inversion")
OBJECTIVES = (*OF_EACH, *OF_ALL, *OF_LAYER)
# Those that look at a picture; other objectives can start from one.
OF_PICTURE = ("caricature", "inversion")
CANVASES = ("fourier", "pixels", "maco")


@dataclass(frozen=True)
class NeuronRecipe(Recipe):
    """Pictures of what some neurons of one layer want to see.

    Attributes:
        layer: name of the layer.
        units: channels of the layer.
        size: height and width of the pictures in pixels; the longer side, where ``image`` says
            another shape.
        steps: steps of ascent, at most.
        objective: what they climb, one of ``OBJECTIVES``.
        negative: whether they descend instead: what the neurons want least.
        count: pictures of each subject, which are made to differ; for an interpolation the
            pictures on the way from the first unit to the second.
        canvas: what is free, one of ``CANVASES``.
        spectrum: fingerprint of the ``core.optim.natural_spectrum`` that the canvas ``maco`` keeps
        to; none for
            that of the photographs that come with scikit-image.
        image: fingerprint of the picture that the ascent starts from, or that it looks at for
            ``OF_PICTURE``; may be none otherwise.
        total_variation, l2, blur: weights of ``core.optim.regularisers``, each relative to the
        value that
            is climbed.
    """

    kind: ClassVar[str] = "neurons"

    layer: str = ""
    units: tuple[int, ...] = ()
    size: int = 128
    steps: int = STEPS
    objective: str = "channel"
    negative: bool = False
    count: int = 1
    canvas: str = "fourier"
    spectrum: str = ""
    image: str = ""
    total_variation: float = 0.0
    l2: float = 0.0
    blur: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require("size", self.size, SIZE_RANGE)
        require("steps", self.steps, STEPS_RANGE)
        for name, known in (("objective", OBJECTIVES), ("canvas", CANVASES)):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)
        if not isinstance(self.negative, bool):
            raise ExplorerError(f"negative is {self.negative!r}; it must be true or false")
        for name in ("total_variation", "l2", "blur"):
            require_number(name, getattr(self, name))
        require("count", self.count, (1, self.together))
        self._check_units()
        self._check_pictures()

    def _check_units(self) -> None:
        if not isinstance(self.units, tuple):
            raise ExplorerError(f"units is {self.units!r}; it must be a list of channels")
        if not self.units and self.objective not in OF_LAYER:
            raise ExplorerError("no units are named; name at least one, such as 0 or 0-15")
        if self.units and self.objective in OF_LAYER:
            raise ExplorerError(f"{self.objective} is of a whole layer; name no units")
        if self.objective == "interpolation" and (len(self.units), self.count > 1) != (2, True):
            raise ExplorerError(
                "an interpolation leads from one unit to another; name two units, "
                "and a count of 2 or more"
            )
        if len(self.units) > UNITS_AT_MOST:
            raise ExplorerError(
                f"{len(self.units)} units are too many at once; take at most {UNITS_AT_MOST}"
            )
        for unit in self.units:
            require("unit", unit, (0, 2**31 - 1))

    def _check_pictures(self) -> None:
        for name in ("image", "spectrum"):
            require_fingerprint(name, getattr(self, name))
        if self.objective in OF_PICTURE and not self.image:
            raise ExplorerError(f"{self.objective} looks at a picture; name one")
        if self.spectrum and self.canvas != "maco":
            raise ExplorerError("only the canvas maco keeps to a spectrum")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the picture and of the spectrum, if there are."""
        return tuple(it for it in (self.image, self.spectrum) if it)

    @property
    def plain(self) -> bool:
        """Whether only layer, units, size, steps and seed say what is drawn."""
        names = ("network", "weights", "seed", "layer", "units", "size", "steps")
        return self == NeuronRecipe(**{name: getattr(self, name) for name in names})

    @property
    def starts_from_image(self) -> bool:
        """Whether the ascent starts from the picture, rather than look at it."""
        return bool(self.image) and self.objective not in OF_PICTURE

    @property
    def together(self) -> int:
        """How many pictures climb in one batch."""
        return max(1, min(BATCH, BATCH_PIXELS // self.size**2))

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of its pictures: ``unit * count`` and up for each unit, or 0 and up."""
        if self.objective not in OF_EACH:
            return tuple(range(self.count))
        return tuple(
            unit * self.count + number for unit in self.units for number in range(self.count)
        )

    def unit_of(self, number: int) -> int | None:
        """Tell of which unit a picture is; None where it is of several, or of the layer."""
        if self.objective in OF_EACH:
            return number // self.count
        return None

    def parts(self) -> tuple["NeuronRecipe", ...]:
        """Split it into recipes of as many pictures as climb in one batch."""
        if self.objective not in OF_EACH:
            return (self,)
        step = self.together // self.count
        return tuple(
            dataclasses.replace(self, units=self.units[start : start + step])
            for start in range(0, len(self.units), step)
        )
