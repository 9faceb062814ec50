"""What looks wrong with a finished style transfer, with a button for the setting to change."""

import streamlit as st

from core.experiments import style_advice
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.style import defaults
from explorer.recipe_fields import STYLE, page_default
from explorer.store.results import StoredPicture
from explorer.text.style_advice import button_text, describe_advice, query_text
from explorer.ui import server_state, urls
from explorer.ui.components.term_marks import mark_terms


def show_advice(network: Network, recipe: StyleRecipe, stored: StoredPicture) -> None:
    """Show the worst that is wrong with a finished picture, and a button against it; else nothing.

    Args:
        network: the network of the recipe.
        recipe: the recipe of the picture.
        stored: the picture.
    """
    found = find_advice(network, recipe, stored)
    if found is None:
        return
    with st.container(key="advice", horizontal=True, vertical_alignment="center"):
        words = describe_advice(found.problem, found.measured, found.setting)
        st.html(f'<p class="advice">{mark_terms(words)}</p>')
        change = {found.setting: query_text(found.value)}
        st.button(
            button_text(found.setting, found.value),
            key="advice change",
            icon=":material/tune:",
            on_click=lambda: urls.update_query(**change),
            help="Paints it again with this setting changed.",
        )


def find_advice(
    network: Network, recipe: StyleRecipe, stored: StoredPicture
) -> style_advice.Advice | None:
    """Return the worst that is wrong with a finished picture; None if nothing is."""
    look = _look(recipe.to_json(), stored)
    if look is None:
        return None
    usual = defaults.default_settings(network, recipe.loss)
    found = style_advice.advise(recipe, look, usual, page_default(STYLE, "steps"))
    return found[0] if found else None


@server_state.cached(entries=64)
def _look(recipe_json: str, stored: StoredPicture) -> style_advice.StyleLook | None:
    """Measure a finished picture; None if it has no photograph and one painting."""
    recipe = StyleRecipe.from_json(recipe_json)
    found = {it: server_state.store().input(it) for it in recipe.inputs}
    inputs = {name: it for name, it in found.items() if it is not None}
    return style_advice.measure_look(
        recipe, inputs, stored.image, str(stored.facts.get("losses", "{}"))
    )
