"""The button that does the same with the visitor's other pictures: a job for each of them."""

from dataclasses import replace
from typing import Any

import streamlit as st

from core.recipes.dream import DreamRecipe
from core.recipes.style import StyleRecipe
from explorer.ui import image_picker, job_requests, server_state
from explorer.ui.link_problems import toast_problem


def show_button(recipe: DreamRecipe | StyleRecipe, field: str) -> None:
    """Show the button if the visitor has brought other pictures to this session.

    Args:
        recipe: the recipe of the page.
        field: the recipe's field for the picture: ``image`` or ``content``.
    """
    own = image_picker.own_names()
    others = [it for it in own if it != getattr(recipe, field)]
    others = [it for it in others if server_state.store().input(it) is not None]
    if not others:
        return
    changes: list[dict[str, Any]] = [{field: it} for it in others]
    recipes = [replace(recipe, **it) for it in changes]
    words = "picture" if len(others) == 1 else f"{len(others)} pictures"
    st.button(
        f"The same with my other {words}",
        key="same",
        icon=":material/filter_none:",
        on_click=_submit,
        args=(recipes,),
        help="A job for each of them; the gallery shows them all.",
    )


@toast_problem()
def _submit(recipes: list[DreamRecipe | StyleRecipe]) -> None:
    for recipe in recipes:
        job_requests.submit(recipe)
    st.toast(f"Asked for: {len(recipes)}. The gallery shows them as they come.")
