"""Controls for the settings of a recipe: what a visitor moves stands in the address at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.recipes.recipe import SEED_RANGE, Recipe
from explorer.ui import urls


@dataclass(frozen=True)
class RecipeControls:
    """The settings of one recipe; widgets of another recipe are others.

    Attributes:
        recipe: which is shown.
        usual: settings where a link names none, other than the recipe's own defaults.
        forgotten: names that leave the address with every change.
    """

    recipe: Recipe
    usual: Mapping[str, object] = field(default_factory=dict)
    forgotten: tuple[str, ...] = ()

    def key(self, name: str) -> str:
        """Name the widget of a setting."""
        return f"{name} {self.recipe.key}"

    def write_url(self, name: str) -> None:
        """Write what a widget says into the address; nothing where that is usual."""
        value = st.session_state[self.key(name)]
        usual = self.usual.get(name, getattr(type(self.recipe), name))
        text = None if value == usual else str(value)
        urls.update_query(**{name: text}, **dict.fromkeys(self.forgotten))

    def slider(
        self, name: str, title: str, choices: Sequence[float], words: Callable[[Any], str] = str
    ) -> None:
        """Let one of some numbers be chosen, the present one among them."""
        now = getattr(self.recipe, name)
        st.select_slider(
            title,
            sorted({*choices, now}),
            now,
            format_func=words,
            key=self.key(name),
            on_change=self.write_url,
            args=(name,),
        )

    def selectbox(self, name: str, title: str, words: Mapping[str, str]) -> None:
        """Let one of some words be chosen, each told in other words."""
        st.selectbox(
            title,
            list(words),
            list(words).index(getattr(self.recipe, name)),
            format_func=words.__getitem__,
            key=self.key(name),
            on_change=self.write_url,
            args=(name,),
        )

    def seed(self, title: str) -> None:
        """Let another chance be chosen."""
        key = self.key("seed")
        st.number_input(
            title, *SEED_RANGE, self.recipe.seed, key=key, on_change=self.write_url, args=("seed",)
        )

    def reset_button(self, settings: Iterable[str]) -> None:
        """Offer to forget settings, where the address has any of them."""
        if set(settings) & set(st.query_params):
            st.button(
                "Back to the usual",
                key="usual",
                on_click=urls.update_query,
                kwargs=dict.fromkeys(settings),
            )
