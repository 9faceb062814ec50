"""A recipe: everything that decides how a picture comes out, as frozen settings with a name.

A recipe goes to JSON and back, and its key (a hash of that JSON) names its result in the store.
Large recipes are made of smaller ones, their parts, each of which has a result of its own: what is
finished of a large piece of work is found again, whoever asks for it. The kinds of recipes stand
in ``core.recipes.neuron``, ``core.recipes.dream``, ``core.recipes.style`` and
``core.recipes.style_grid``.
"""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from core.errors import ExplorerError, quoted, unknown

SEED_RANGE = (0, 2**31 - 1)
# How strongly a penalty may be held against a picture.
WEIGHT_RANGE = (0.0, 1000.0)
FINGERPRINT = re.compile(r"[0-9a-f]{32}")

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
    # Rises when the same settings start to give another picture.
    version: ClassVar[int] = 2
    # Whether each part goes on from the one before, so that they are made one after the other.
    in_order: ClassVar[bool] = False

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
        """Fingerprints of the pictures that it starts from, as ``core.images.image_io`` takes
        them.
        """
        return ()

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of the pictures that it makes."""
        return (0,)

    @classmethod
    def number(cls, position: int, own: int) -> int:
        """Tell which of its pictures one of a part's pictures is.

        Args:
            position: of the part, from 0.
            own: number of the picture in the part's recipe.
        """
        return own

    @property
    def before(self) -> "Recipe | None":
        """The recipe whose picture this one goes on from; none where it begins by itself."""
        return None

    @property
    def inputs_after(self) -> tuple[str, ...]:
        """Those of the inputs that are needed where the picture of ``before`` is at hand."""
        return self.inputs

    def parts(self) -> tuple["Recipe", ...]:
        """Split it into the recipes that are worked on one after the other; itself if small."""
        return (self,)

    def to_json(self) -> str:
        """Write the recipe as JSON with sorted keys, the same for equal recipes."""
        content = {"kind": self.kind, "version": self.version, **dataclasses.asdict(self)}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls: type[R], text: str) -> R:
        """Read a recipe that ``to_json`` wrote.

        Raises:
            ExplorerError: it is no recipe of this kind and version, or a field is unknown,
                missing, of the wrong type or out of range.
        """
        found = parse_object(text)
        if found.pop("kind", None) != cls.kind:
            raise ExplorerError(f"this is no {cls.kind} recipe")
        version = found.pop("version", None)
        if version != cls.version:
            raise ExplorerError(
                f"this recipe has version {version}; this program reads {cls.version}"
            )
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in found:
            if name not in fields:
                raise unknown("setting", name, fields, f"a {cls.kind} recipe")
        try:
            return cls(**{name: _frozen(value) for name, value in found.items()})
        except TypeError as error:
            raise ExplorerError(f"this {cls.kind} recipe is incomplete: {error}") from error

    @property
    def key(self) -> str:
        """The recipe's name: 32 hexadecimal digits of the SHA-256 of its JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:32]


def parse_object(text: str) -> dict[str, Any]:
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
        raise ExplorerError(
            f"{name} is {quoted(value)}; it must be a whole number from {low} to {high}"
        )


def require_number(name: str, value: Any, bounds: tuple[float, float] = WEIGHT_RANGE) -> None:
    """Refuse a setting that is no fractional number within its bounds, both included."""
    low, high = bounds
    if not isinstance(value, float) or not low <= value <= high:
        raise ExplorerError(f"{name} is {quoted(value)}; it must be a number from {low} to {high}")


def require_fingerprint(name: str, value: str) -> None:
    """Refuse what is neither empty nor a fingerprint."""
    if value and not FINGERPRINT.fullmatch(value):
        raise ExplorerError(f"{name} is {value!r}; it must be a fingerprint")


def _frozen(value: Any) -> Any:
    """JSON knows only lists; recipes hold tuples."""
    return tuple(value) if isinstance(value, list) else value
