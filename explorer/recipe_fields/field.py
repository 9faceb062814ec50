"""One field of a recipe, and fields that several kinds of recipes have."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from core.recipes.recipe import SEED_RANGE, Recipe


@dataclass(frozen=True)
class RecipeField:
    """One field of a recipe: its possible values, and the texts that users read about it.

    Attributes:
        name: name of the field.
        help: help text of the command-line option.
        default: default value, as in the class of the recipe.
        bounds: smallest and largest allowed number; None if the field is not a number.
        known: the allowed words; empty if the field is not one of a few words.
        query: name of the parameter in the URL of the page; "" if URLs do not contain the field.
        flag: value of the URL's parameter that means True: ``kept`` in ``?colours=kept``.
        title: label of the control on the page; "" if the page has no control for the field.
        choices: the numbers that a slider offers, if it offers only a few.
        slider: smallest number, largest number and step of a slider that offers a range.
        words: those words of ``known`` that the page offers, with their labels.
        label: returns the text that the slider shows for one of the ``choices``.
        caption: the field's name in the gallery; "" for ``name``.
        unit: unit of measurement that the gallery shows after the number, such as ``px``.
        summary: format of a non-default value in the recipe's description: ``strength {:g}``.
    """

    name: str
    help: str = ""
    default: Any = None
    bounds: tuple[Any, Any] | None = None
    known: tuple[str, ...] = ()
    query: str = ""
    flag: str = ""
    title: str = ""
    choices: tuple[float, ...] = ()
    slider: tuple[Any, Any, Any] | None = None
    words: Mapping[str, str] | None = None
    label: Callable[[Any], str] = str
    caption: str = ""
    unit: str = ""
    summary: str = ""

    @property
    def plain(self) -> bool:
        """Whether the field is a number, a word or a flag, and not layers, units or images."""
        return bool(self.bounds or self.known or isinstance(self.default, bool))


def field_table(recipe: type[Recipe], *entries: RecipeField) -> dict[str, RecipeField]:
    """Return fields by name, each with its default from the class and its URL parameter."""
    defaults = {it.name: it.default for it in fields(recipe)}
    return {
        it.name: replace(it, default=defaults[it.name], query=it.query or (it.title and it.name))
        for it in entries
    }


SEED = RecipeField("seed", "Seed of all random numbers.", bounds=SEED_RANGE)
UNITS = RecipeField("units", caption="Neurons")
SIZE = RecipeField("size", unit="px")
SWITCHED = RecipeField(
    "switched",
    "Turn neurons off meanwhile: relu5b:17,relu4b:3; or relu4b:3:0.5 with a factor from 0 to 3.",
    query="off",
    caption="Switched neurons",
)
