"""The recipe of variations: a dream or a style transfer with several values of one or two settings.

Its parts are recipes of single pictures, and each part's picture is stored separately. So the
pictures appear one by one, and a picture that was made alone before is not made again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from core.errors import ExplorerError, quoted, unknown
from core.recipes.dream import DreamRecipe
from core.recipes.recipe import GridRecipe, Recipe
from core.recipes.style import StyleRecipe

# The recipes that can be varied, by their kind, and the settings that may differ.
BASES: dict[str, type[DreamRecipe] | type[StyleRecipe]] = {
    it.kind: it for it in (DreamRecipe, StyleRecipe)
}
VARIED = {
    DreamRecipe.kind: ("seed", "strength", "octaves", "octave_scale", "steps"),
    StyleRecipe.kind: ("seed", "balance", "style_scale", "variation", "steps"),
}
# Most values of one setting, most pictures, and most pixels of all of them together.
VALUES_AT_MOST, PICTURES_AT_MOST, PIXELS_AT_MOST = 8, 36, 40_000_000


@dataclass(frozen=True)
class VariationsRecipe(GridRecipe):
    """A grid of pictures that differ in one or two settings.

    ``network``, ``weights`` and ``seed`` are those of ``base``.

    Attributes:
        base: the recipe of a single picture, with all other settings.
        across: name of the setting that differs between columns, one of ``VARIED``.
        across_values: its values, from left to right.
        down: name of the setting that differs between rows; empty for a single row.
        down_values: its values, from top to bottom.
    """

    kind: ClassVar[str] = "variations"
    # Increases with the version of either base, whose pictures then differ.
    version: ClassVar[int] = DreamRecipe.version + StyleRecipe.version

    base: DreamRecipe | StyleRecipe | None = None
    across: str = "seed"
    across_values: tuple[float, ...] = ()
    down: str = ""
    down_values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.base, dict):  # read from JSON
            object.__setattr__(self, "base", _read_base(self.base))
        super().__post_init__()
        base = self.single
        if len(base.parts()) > 1 or (isinstance(base, DreamRecipe) and base.first):
            raise ExplorerError("variations are of single pictures; a film has many")
        if (self.network, self.weights, self.seed) != (base.network, base.weights, base.seed):
            raise ExplorerError("the network, the weights and the seed must be those of the base")
        _check_values(base, self.across, self.across_values)
        if self.down or self.down_values:
            _check_values(base, self.down, self.down_values)
        if self.down == self.across:
            raise ExplorerError(f"{self.down} cannot differ across and down; name two settings")
        count = len(self.across_values) * max(1, len(self.down_values))
        if count > PICTURES_AT_MOST:
            raise ExplorerError(f"make at most {PICTURES_AT_MOST} pictures; name fewer values")
        if count * self.size**2 > PIXELS_AT_MOST:
            raise ExplorerError(
                f"{count} pictures of {self.size} pixels are too large for one sheet; "
                "name fewer values, or make them smaller"
            )
        # The recipes of the pictures check the values.
        self.rows()

    @property
    def single(self) -> DreamRecipe | StyleRecipe:
        """The base, of which ``__post_init__`` has checked that it is there."""
        if not isinstance(self.base, DreamRecipe | StyleRecipe):
            raise ExplorerError("say of which dream or style transfer to make variations")
        return self.base

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of the images that the pictures start from."""
        return self.single.inputs

    @property
    def size(self) -> int:
        """Longer side of each picture in pixels."""
        return self.single.size

    @property
    def layer(self) -> str:
        """The names of all layers in one text, which users can search."""
        return self.single.layer

    def parts(self) -> tuple[DreamRecipe | StyleRecipe, ...]:
        """Return the recipes of all pictures, row by row."""
        return tuple(recipe for row in self.rows() for recipe in row)

    def rows(self) -> list[list[DreamRecipe | StyleRecipe]]:
        """Return the recipes of the pictures, by row and column."""
        downs: list[dict[str, Any]] = [{self.down: it} for it in self.down_values] or [{}]
        return [
            [replace(self.single, **{self.across: it, **down}) for it in self.across_values]
            for down in downs
        ]

    @staticmethod
    def label(name: str, value: float) -> str:
        """Return the label of a row or a column, such as ``style scale 0.5``."""
        return f"{name.replace('_', ' ')} {value:g}"

    def to_json(self) -> str:
        """Return the recipe as JSON; the base is an object with its own kind and version."""
        content = json.loads(super().to_json())
        content["base"] = json.loads(self.single.to_json())
        return json.dumps(content, sort_keys=True, separators=(",", ":"))


def plan_variations(
    base: DreamRecipe | StyleRecipe,
    across: str,
    across_values: Sequence[float],
    down: str = "",
    down_values: Sequence[float] = (),
) -> VariationsRecipe:
    """Return the recipe of variations of a dream or a style transfer.

    Whole numbers are accepted for settings that are decimal numbers.

    Args:
        base: the recipe of a single picture.
        across, across_values, down, down_values: as in ``VariationsRecipe``.

    Raises:
        ExplorerError: a setting cannot differ, or a value is out of bounds.
    """
    return VariationsRecipe(
        base.network,
        base.weights,
        base.seed,
        base=base,
        across=across,
        across_values=_as_type_of(base, across, across_values),
        down=down,
        down_values=_as_type_of(base, down, down_values),
    )


def _as_type_of(base: Recipe, name: str, values: Sequence[float]) -> tuple[float, ...]:
    """Return whole numbers as floats, if the setting of a recipe is one."""
    decimal = isinstance(getattr(base, name, None), float)
    return tuple(float(it) if decimal and type(it) is int else it for it in values)


def _check_values(base: DreamRecipe | StyleRecipe, name: str, values: Any) -> None:
    """Raise ExplorerError unless a setting may differ, and has some different values."""
    if name not in VARIED[base.kind]:
        raise unknown("setting", name, VARIED[base.kind], f"variations of a {base.kind}")
    if not isinstance(values, tuple) or not 1 <= len(values) <= VALUES_AT_MOST:
        raise ExplorerError(
            f"{name} has the values {quoted(values)}; give 1 to {VALUES_AT_MOST} of them"
        )
    if any(type(it) is not type(getattr(base, name)) for it in values):
        raise ExplorerError(f"{name} has the values {quoted(values)}; give numbers of its kind")
    if len(set(values)) < len(values):
        raise ExplorerError(f"{name} has the values {quoted(values)}; give each once")


def _read_base(content: dict[str, Any]) -> DreamRecipe | StyleRecipe:
    """Return the base from its JSON object.

    It may have an older version if the variations have: their version tells.
    """
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in BASES:
        raise ExplorerError(f"variations of {quoted(kind)} cannot be made; of a dream or style")
    return BASES[kind].from_object(content, older=True)
