"""Base class of recipes: immutable settings that determine a picture.

A recipe can be written as JSON and read back. Its key is a hash of this JSON; the rendered pictures
are stored under the key. A recipe with many pictures is split into smaller recipes, its parts, and
the pictures of each part are stored under the part's key. So every other recipe that has the same
part can reuse its pictures. The kinds of recipes are in ``core.recipes.neuron``,
``core.recipes.dream``, ``core.recipes.style`` and ``core.recipes.style_grid``.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from core.errors import ExplorerError, named, quoted, unknown
from core.numbers import require

SEED_RANGE = (0, 2**31 - 1)
# The longest text in a recipe, such as the name of a layer.
TEXT_AT_MOST = 400
# Characters that JSON can contain, but neither files nor the store.
SURROGATES = frozenset(map(chr, range(0xD800, 0xE000)))
FINGERPRINT = re.compile(r"[0-9a-f]{32}")

R = TypeVar("R", bound="Recipe")


@dataclass(frozen=True)
class Recipe:
    """The settings that all kinds of recipes have.

    Attributes:
        network: name of the network.
        weights: fingerprint of the network's weights (``Network.fingerprint``).
        seed: seed of all random generators.
    """

    kind: ClassVar[str]
    # Increase this number when a change to the code makes the same settings give a different
    # picture.
    version: ClassVar[int] = 2
    # Whether each part starts from the picture of the previous part, so that the parts must be
    # rendered in order.
    in_order: ClassVar[bool] = False
    # Fields that recipes did not have from the beginning. The JSON leaves them out at their
    # default, so that earlier recipes keep their keys.
    later: ClassVar[tuple[str, ...]] = ()

    network: str
    weights: str
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is str:
                _require_text(field.name, value)
            elif field.type == tuple[str, ...]:
                if not isinstance(value, tuple):
                    raise ExplorerError(f"{field.name} is {quoted(value)}; it must be a list")
                for text in value:
                    _require_text(f"one of the {field.name}", text)
        require("seed", self.seed, SEED_RANGE)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints (``image_io.fingerprint``) of the images that this recipe uses."""
        return ()

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of the pictures that this recipe renders."""
        return (0,)

    @classmethod
    def picture_number(cls, part_index: int, number: int) -> int:
        """Return the number that a picture of one part has in the whole recipe.

        Args:
            part_index: index of the part.
            number: number of the picture in the part.
        """
        return number

    @property
    def previous(self) -> "Recipe | None":
        """The recipe whose picture this recipe starts from; None if it starts from inputs only."""
        return None

    @property
    def inputs_with_previous(self) -> tuple[str, ...]:
        """The inputs that are needed in addition to the finished picture of ``previous``."""
        return self.inputs

    def parts(self) -> tuple["Recipe", ...]:
        """Return the smaller recipes that this recipe is split into, or only this recipe."""
        return (self,)

    def to_json(self) -> str:
        """Return the recipe as JSON with sorted keys, equal for equal recipes."""
        content = {"kind": self.kind, "version": self.version, **dataclasses.asdict(self)}
        for field in dataclasses.fields(self):
            if field.name in self.later and content[field.name] == field.default:
                del content[field.name]
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls: type[R], text: str, older: bool = False) -> R:
        """Read a recipe that ``to_json`` wrote.

        Args:
            text: the JSON.
            older: whether to accept older versions, too. Their settings have the same meaning, but
                render another picture.

        Raises:
            ExplorerError: the text is no recipe of this kind and version, or a field is unknown,
                missing, of the wrong type or out of range.
        """
        return cls.from_object(parse_object(text), older)

    @classmethod
    def from_object(cls: type[R], described: Mapping[str, Any], older: bool = False) -> R:
        """Read a recipe from the JSON object that ``to_json`` writes, as ``from_json`` does."""
        content = dict(described)
        if content.pop("kind", None) != cls.kind:
            raise ExplorerError(f"this is no {cls.kind} recipe")
        version = content.pop("version", None)
        known = range(1 if older else cls.version, cls.version + 1)
        if type(version) is not int or version not in known:
            raise ExplorerError(
                f"this recipe has version {quoted(version)}; this program reads {cls.version}"
            )
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in content:
            if name not in fields:
                raise unknown("setting", name, fields, f"a {cls.kind} recipe")
        empty = (dataclasses.MISSING, dataclasses.MISSING)
        needed = [it.name for it in fields.values() if (it.default, it.default_factory) == empty]
        if missing := [name for name in needed if name not in content]:
            raise ExplorerError(f"this {cls.kind} recipe is incomplete: it lacks {missing[0]}")
        try:
            return cls(**{name: _as_tuple(value) for name, value in content.items()})
        except TypeError as error:
            raise ExplorerError(f"this {cls.kind} recipe has a value of a wrong type") from error

    @property
    def key(self) -> str:
        """The recipe's identifier: 32 hexadecimal digits of the SHA-256 of its JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:32]


@dataclass(frozen=True)
class GridRecipe(Recipe):
    """A recipe of many pictures, each of which is a part."""

    @property
    def pictures(self) -> tuple[int, ...]:
        """The numbers of the pictures, in the order of ``parts``."""
        return tuple(range(len(self.parts())))

    @classmethod
    def picture_number(cls, part_index: int, number: int) -> int:
        """Return the part's index, because each part has one picture."""
        return part_index


def parse_object(text: str) -> dict[str, Any]:
    """Parse JSON; raise ExplorerError unless the text is a JSON object (``{...}``)."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        # The message of the error is shortened, because it may repeat the text.
        raise ExplorerError(f"a recipe must be JSON ({named(error)})") from error
    if not isinstance(content, dict):
        raise ExplorerError("a recipe must be a JSON object")
    return content


def require_fingerprint(name: str, value: Any) -> None:
    """Raise ExplorerError unless a setting is empty or the fingerprint of an image."""
    if value and not (isinstance(value, str) and FINGERPRINT.fullmatch(value)):
        raise ExplorerError(f"{name} is {quoted(value)}; it must be a fingerprint")


def _require_text(name: str, value: Any) -> None:
    """Raise ExplorerError unless a setting is a text, not too long and without lone surrogates."""
    if not isinstance(value, str):
        raise ExplorerError(f"{name} is {quoted(value)}; it must be a text")
    if len(value) > TEXT_AT_MOST or any(it in SURROGATES for it in value):
        raise ExplorerError(
            f"{name} is {quoted(value)}; it must be a valid text of at most {TEXT_AT_MOST} "
            "characters"
        )


def _as_tuple(value: Any) -> Any:
    """Return a list from JSON as a tuple, because recipes contain tuples; else the value."""
    return tuple(value) if isinstance(value, list) else value
