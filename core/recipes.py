"""Recipes: everything that decides how a picture comes out, as frozen settings with a name.

A recipe goes to JSON and back, and its key (a hash of that JSON) names its result in the store.
Large recipes are made of smaller ones, their parts, each of which has a result of its own: what is
finished of a large piece of work is found again, whoever asks for it.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from core.errors import ExplorerError, unknown

# Rises when the same settings start to give another picture.
VERSION = 1
# Below, a network's pooling leaves nothing of a picture; above, a batch exhausts common memory.
SIZE_RANGE = (16, 1024)
STEPS_RANGE = (1, 10_000)
SEED_RANGE = (0, 2**31 - 1)
UNITS_AT_MOST = 4096
# More images in a batch than this no longer make a unit faster on a CPU, only previews rarer.
BATCH = 16
# Larger pictures climb in smaller batches, so that memory does not grow with their size.
BATCH_PIXELS = BATCH * 128 * 128

R = TypeVar("R", bound="Recipe")


@dataclass(frozen=True)
class Recipe:
    """What every kind of work has in common.

    Attributes:
        network: name of the network.
        weights: the network's fingerprint.
        seed: where all chance comes from.
    """

    kind: ClassVar[str]

    network: str
    weights: str
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is str and not isinstance(value, str):
                raise ExplorerError(f"{field.name} is {value!r}; it must be a text")
        require("seed", self.seed, SEED_RANGE)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the pictures that it starts from, as ``core.images`` takes them."""
        return ()

    def parts(self) -> tuple["Recipe", ...]:
        """Split it into the recipes that are worked on one after the other; itself if small."""
        return (self,)

    def to_json(self) -> str:
        """Write the recipe as JSON with sorted keys, the same for equal recipes."""
        content = {"kind": self.kind, "version": VERSION, **dataclasses.asdict(self)}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls: type[R], text: str) -> R:
        """Read a recipe that ``to_json`` wrote.

        Raises:
            ExplorerError: it is no recipe of this kind and version, or a field is unknown,
                missing, of the wrong type or out of range.
        """
        content = _content(text)
        if content.pop("kind", None) != cls.kind:
            raise ExplorerError(f"this is no {cls.kind} recipe")
        version = content.pop("version", None)
        if version != VERSION:
            raise ExplorerError(f"this recipe has version {version}; this program reads {VERSION}")
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in content:
            if name not in fields:
                raise unknown("setting", name, fields, f"a {cls.kind} recipe")
        try:
            return cls(**{name: _frozen(value) for name, value in content.items()})
        except TypeError as error:
            raise ExplorerError(f"this {cls.kind} recipe is incomplete: {error}") from error

    @property
    def key(self) -> str:
        """The recipe's name: 32 hexadecimal digits of the SHA-256 of its JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:32]


@dataclass(frozen=True)
class NeuronRecipe(Recipe):
    """Pictures of what some neurons of one layer want to see.

    Attributes:
        layer: name of the layer.
        units: channels of the layer, one picture each.
        size: height and width of the pictures in pixels.
        steps: steps of ascent.
    """

    kind: ClassVar[str] = "neurons"

    layer: str = ""
    units: tuple[int, ...] = ()
    size: int = 128
    steps: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        require("size", self.size, SIZE_RANGE)
        require("steps", self.steps, STEPS_RANGE)
        if not isinstance(self.units, tuple):
            raise ExplorerError(f"units is {self.units!r}; it must be a list of channels")
        if not self.units:
            raise ExplorerError("no units are named; name at least one, such as 0 or 0-15")
        if len(self.units) > UNITS_AT_MOST:
            raise ExplorerError(
                f"{len(self.units)} units are too many at once; take at most {UNITS_AT_MOST}"
            )
        for unit in self.units:
            require("unit", unit, (0, 2**31 - 1))

    @property
    def together(self) -> int:
        """How many units climb in one batch."""
        return max(1, min(BATCH, BATCH_PIXELS // self.size**2))

    def parts(self) -> tuple["NeuronRecipe", ...]:
        """Split it into recipes of as many units as climb in one batch."""
        starts = range(0, len(self.units), self.together)
        return tuple(
            dataclasses.replace(self, units=self.units[start : start + self.together])
            for start in starts
        )


# Every kind of work there is, by its name in JSON.
KINDS: dict[str, type[Recipe]] = {kind.kind: kind for kind in (NeuronRecipe,)}


def read(text: str) -> Recipe:
    """Read a recipe of any kind that ``to_json`` wrote.

    Raises:
        UnknownName: there is no such kind.
        ExplorerError: as ``Recipe.from_json``.
    """
    kind = _content(text).get("kind")
    if not isinstance(kind, str):
        raise ExplorerError("this is no recipe; it does not say of which kind it is")
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS, "recipes")
    return KINDS[kind].from_json(text)


def _content(text: str) -> dict[str, Any]:
    """Read JSON that must be an object."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ExplorerError(f"a recipe must be JSON: {error}") from error
    if not isinstance(content, dict):
        raise ExplorerError("a recipe must be a JSON object")
    return content


def require(name: str, value: Any, bounds: tuple[int, int]) -> None:
    """Refuse a setting that is no whole number within its bounds, both included."""
    low, high = bounds
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ExplorerError(f"{name} is {value!r}; it must be a whole number from {low} to {high}")


def _frozen(value: Any) -> Any:
    """JSON knows only lists; recipes hold tuples."""
    return tuple(value) if isinstance(value, list) else value
