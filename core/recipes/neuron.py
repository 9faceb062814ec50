"""The recipe of neurons: feature visualization of the units of one layer."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from core.errors import ExplorerError, quoted, unknown
from core.numbers import require, require_number
from core.recipes.recipe import Recipe, require_fingerprint

# In a smaller picture, pooling leaves no positions. A batch of larger pictures needs more memory
# than common machines have.
SIZE_RANGE = (16, 1024)
STEPS_RANGE = (1, 10_000)
# Enough for a clear picture of most units; more steps only sharpen it.
STEPS = 32
UNITS_AT_MOST = 4096
# On a CPU, larger batches would take the same time per unit, and previews would come less often.
BATCH = 16
# Larger pictures are optimised in smaller batches, so that memory does not grow with their size.
BATCH_PIXELS = BATCH * 128 * 128

# Objectives by their names in recipes; ``core.neurons.render_neurons`` describes their formulas.
# Unit objectives make pictures of each unit, joint objectives of all units together, and layer
# objectives need no units.
UNIT_OBJECTIVES = ("channel", "neuron")
JOINT_OBJECTIVES = ("joint", "direction", "interpolation")
LAYER_OBJECTIVES = ("energy", "caricature", "inversion")
OBJECTIVES = (*UNIT_OBJECTIVES, *JOINT_OBJECTIVES, *LAYER_OBJECTIVES)
# Objectives that compare activations with those of an image. With other objectives, the ascent can
# start from an image.
IMAGE_OBJECTIVES = ("caricature", "inversion")
CANVASES = ("fourier", "pixels", "maco")


@dataclass(frozen=True)
class NeuronRecipe(Recipe):
    """Feature visualizations of some units of one layer.

    Attributes:
        layer: name of the layer.
        units: channels of the layer.
        size: height and width of the pictures in pixels; the longer side if ``image`` is not
            square.
        steps: number of optimiser steps, at most.
        objective: the objective that is maximised, one of ``OBJECTIVES``.
        negative: whether the objective is minimised, and not maximised.
        count: number of pictures of each unit, or of all units or the layer together; a diversity
            term makes these pictures different. For an interpolation, the number of pictures from
            the first unit to the second.
        canvas: the parametrization of the image, one of ``CANVASES``.
        spectrum: fingerprint of the amplitude spectrum (``core.optim.natural_spectrum``) that the
            canvas ``maco`` keeps fixed; empty for the spectrum of the photographs that are part of
            scikit-image.
        image: fingerprint of an image. ``IMAGE_OBJECTIVES`` need it, and compare activations with
            those of this image. With other objectives, the ascent starts from this image, or from a
            random start if ``image`` is empty.
        total_variation, l2, blur: weights of ``core.optim.regularisers``, each relative to the
            value of the objective.
    """

    kind: ClassVar[str] = "neurons"
    version: ClassVar[int] = 5

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
            raise ExplorerError(f"negative is {quoted(self.negative)}; it must be true or false")
        for name in ("total_variation", "l2", "blur"):
            require_number(name, getattr(self, name))
        require("count", self.count, (1, self.batch))
        self._check_units()
        self._check_pictures()

    def _check_units(self) -> None:
        if not isinstance(self.units, tuple):
            raise ExplorerError(f"units is {quoted(self.units)}; it must be a list of channels")
        if not self.units and self.objective not in LAYER_OBJECTIVES:
            raise ExplorerError("no units are named; name at least one, such as 0 or 0-15")
        if self.units and self.objective in LAYER_OBJECTIVES:
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
        if self.objective in IMAGE_OBJECTIVES and not self.image:
            raise ExplorerError(f"{self.objective} looks at a picture; name one")
        if self.spectrum and self.canvas != "maco":
            raise ExplorerError("only the canvas maco keeps to a spectrum")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the image and of the spectrum, if any."""
        return tuple(it for it in (self.image, self.spectrum) if it)

    @property
    def plain(self) -> bool:
        """Whether all settings except layer, units, size, steps and seed have their defaults."""
        names = ("network", "weights", "seed", "layer", "units", "size", "steps")
        return self == NeuronRecipe(**{name: getattr(self, name) for name in names})

    @property
    def starts_from_image(self) -> bool:
        """Whether the ascent starts from ``image``, and does not compare activations with it."""
        return bool(self.image) and self.objective not in IMAGE_OBJECTIVES

    @property
    def batch(self) -> int:
        """Number of pictures that are optimised in one batch."""
        return max(1, min(BATCH, BATCH_PIXELS // self.size**2))

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of the pictures that this recipe renders.

        With ``UNIT_OBJECTIVES``, a unit's pictures have the numbers from ``unit * count`` on: units
        3 and 7 with a count of 2 have 6, 7, 14 and 15. With other objectives, numbers start at 0.
        """
        if self.objective not in UNIT_OBJECTIVES:
            return tuple(range(self.count))
        return tuple(
            unit * self.count + number for unit in self.units for number in range(self.count)
        )

    def unit_of(self, number: int) -> int | None:
        """Return the unit that a picture shows; None for several units together or a layer."""
        if self.objective in UNIT_OBJECTIVES:
            return number // self.count
        return None

    def parts(self) -> tuple["NeuronRecipe", ...]:
        """Return a recipe for every group of units whose pictures fit into one batch."""
        if self.objective not in UNIT_OBJECTIVES:
            return (self,)
        step = self.batch // self.count
        return tuple(
            dataclasses.replace(self, units=self.units[start : start + step])
            for start in range(0, len(self.units), step)
        )
