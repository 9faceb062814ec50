"""Conversion between variations and the parameters of the Dream and the Style page's URL.

``vary=strength:0.5,1,1.5`` names the setting that differs between columns and its values, and
``down=seed:0,1`` the same for rows. Without values, some are chosen.
"""

from collections.abc import Mapping
from typing import TypeAlias

from core.errors import ExplorerError, unknown
from core.numbers import read_decimal, read_whole
from core.recipes.dream import DreamRecipe
from core.recipes.style import StyleRecipe
from core.recipes.variations import VARIED, VariationsRecipe, plan_variations
from explorer.recipe_fields import DREAM, FIELDS, STYLE
from explorer.recipe_fields.field import RecipeField

Base: TypeAlias = DreamRecipe | StyleRecipe

# The parameters of the URL: the setting of the columns, and that of the rows.
ACROSS, DOWN = "vary", "down"
# The settings that pages offer for each kind, with values from weak to strong.
OFFERED: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    DREAM: {
        "strength": (0.5, 1.0, 1.5),
        "seed": (0, 1, 2),
        "octaves": (2, 4, 6),
    },
    STYLE: {
        "balance": (0.01, 0.05, 0.25),
        "style_scale": (0.5, 1.0, 2.0),
        "seed": (0, 1, 2),
    },
}
# What differs if a visitor has chosen nothing: in columns and in rows.
USUAL = {DREAM: ("strength", "seed"), STYLE: ("balance", "style_scale")}


def read_variations(query: Mapping[str, str], base: Base) -> VariationsRecipe | None:
    """Return the variations that a URL's query names; None if it names none.

    Args:
        query: parameters and values of the URL.
        base: the recipe that the query describes otherwise.

    Raises:
        ExplorerError: a setting does not exist, or a value is misspelt or out of bounds.
    """
    if not query.get(ACROSS):
        return None
    across = _read(base, query[ACROSS])
    down = _read(base, query[DOWN]) if query.get(DOWN) else ("", ())
    return plan_variations(base, *across, *down)


def variations_query(recipe: VariationsRecipe) -> dict[str, str]:
    """Return the parameters of a URL that name variations.

    Raises:
        ExplorerError: pages do not offer a setting that differs.
    """
    for name in filter(None, (recipe.across, recipe.down)):
        if not FIELDS[recipe.single.kind][name].query:
            raise ExplorerError(f"no page shows variations of {name}")
    found = {ACROSS: _write(recipe.across, recipe.across_values)}
    return found | ({DOWN: _write(recipe.down, recipe.down_values)} if recipe.down else {})


def _read(base: Base, text: str) -> tuple[str, tuple[float, ...]]:
    """Return the setting and its values in a text such as ``strength:0.5,1``."""
    name, colon, values = text.partition(":")
    known = [it for it in VARIED[base.kind] if FIELDS[base.kind][it].query]
    if name not in known:
        raise unknown("setting", name, known, f"variations of a {base.kind}")
    field = FIELDS[base.kind][name]
    if not colon:
        return name, OFFERED[base.kind].get(name, (getattr(base, name),))
    return name, tuple(_value(field, it) for it in values.split(","))


def _value(field: RecipeField, text: str) -> float:
    bounds = field.bounds or (0, 0)
    read = read_decimal if isinstance(field.default, float) else read_whole
    return read(field.name, text, bounds)


def _write(name: str, values: tuple[float, ...]) -> str:
    return f"{name}:{','.join(f'{it:g}' for it in values)}"
