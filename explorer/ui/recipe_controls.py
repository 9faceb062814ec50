"""Controls for the fields of a recipe; a changed value is written into the page's URL."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.recipes.recipe import Recipe
from explorer.recipe_fields import FIELDS, page_default, page_fields, query_fields
from explorer.recipe_fields.field import RecipeField
from explorer.text import glossary
from explorer.ui import urls


def draw_field(
    field: RecipeField,
    value: Any,
    key: str,
    also: Iterable[float] = (),
    on_change: Callable[[RecipeField], None] | None = None,
) -> Any:
    """Show the control of a field, and return its value.

    Args:
        field: a field of any kind of recipe that has a title.
        value: present value; it can be chosen even if it is not among ``field.choices``.
        key: the widget's key.
        also: more numbers to choose from, besides ``field.choices``.
        on_change: called with the field when a visitor has changed it.
    """
    help_text = glossary.help_text(field.title)
    common: dict[str, Any] = {
        "key": key,
        "on_change": on_change,
        "args": (field,),
        "help": help_text,
    }
    if field.choices:
        stops = sorted({*field.choices, *also, value})
        return st.select_slider(field.title, stops, value, format_func=field.label, **common)
    if field.slider:
        low, high, step = field.slider
        return st.slider(field.title, low, max(high, value), value, step, **common)
    if field.words:
        words = list(field.words)
        label = field.words.__getitem__
        return st.selectbox(field.title, words, words.index(value), format_func=label, **common)
    if isinstance(field.default, bool):
        return st.toggle(field.title, value, **common)
    low, high = field.bounds or (0, None)
    return st.number_input(field.title, low, high, value, **common)


@dataclass(frozen=True)
class RecipeControls:
    """Controls of one recipe.

    Attributes:
        kind: kind of the recipe, a key of ``FIELDS``.
        values: present value of each field, by its name.
        identity: text at the end of each widget's key; it differs between recipes, so that the
            widgets of a new recipe start with the recipe's values.
        forgotten: parameters that are removed from the URL with every change.
    """

    kind: str
    values: Mapping[str, Any]
    identity: str
    forgotten: tuple[str, ...] = ()

    def draw(self, *names: str) -> None:
        """Show the controls of the fields with the given names."""
        for name in names:
            field = FIELDS[self.kind][name]
            draw_field(field, self.values[name], self._key(field), on_change=self._write_url)

    def draw_all(self, without: Iterable[str] = ()) -> None:
        """Show the controls of all fields that have a control, except the fields in ``without``."""
        self.draw(*(it.name for it in page_fields(self.kind, without)))

    def draw_more(
        self, without: Iterable[str] = (), others: Iterable[str] = (), note: str = ""
    ) -> None:
        """Show a popover with the controls of all fields, and with a button that resets them.

        The button removes all fields from the URL. It is shown if the URL has any.

        Args:
            without: names of fields whose controls are not shown.
            others: more parameters of the URL that the button removes.
            note: a line beneath the controls; may be empty.
        """
        settings = {*(it.query for it in query_fields(self.kind)), *others}
        with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
            self.draw_all(without)
            if note:
                st.caption(note)
            if settings & set(st.query_params):
                st.button(
                    "Back to the usual settings",
                    key="usual",
                    on_click=lambda: urls.update_query(**dict.fromkeys(settings)),
                )

    def _key(self, field: RecipeField) -> str:
        return f"{field.query} {self.identity}"

    def _write_url(self, field: RecipeField) -> None:
        """Write the value of a field's widget into the URL; a default value is left out."""
        value = st.session_state[self._key(field)]
        usual = value == page_default(self.kind, field.name)
        text = None if usual else field.flag or str(value)
        urls.update_query(**{field.query: text}, **dict.fromkeys(self.forgotten))


def recipe_controls(recipe: Recipe, forgotten: tuple[str, ...] = ()) -> RecipeControls:
    """Return the controls of a recipe."""
    return RecipeControls(recipe.kind, vars(recipe), recipe.key, forgotten)
