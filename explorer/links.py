"""Links: the page's URL says what is looked at, so that it can be shared and reloaded."""

from pathlib import Path

import streamlit as st

from core.errors import ExplorerError
from core.recipes import SEED_RANGE, SIZE_RANGE, STEPS_RANGE, NeuronRecipe, Recipe, require

PAGES = Path(__file__).resolve().parent.parent / "pages"
LAYERS, GALLERY = (str(PAGES / name) for name in ("layers.py", "gallery.py"))

# What a link may say of how a neuron is drawn, and between which bounds.
SETTINGS = {"size": SIZE_RANGE, "steps": STEPS_RANGE, "seed": SEED_RANGE}


def go(**place: str | int | None) -> None:
    """Replace the URL's query by some names and values; None leaves a name out."""
    st.query_params.from_dict({name: str(it) for name, it in place.items() if it is not None})


def change(**place: str | int | None) -> None:
    """Replace some names and values in the URL's query; None leaves a name out."""
    go(**{**st.query_params.to_dict(), **place})


def of(recipe: Recipe, part: int | None = None) -> tuple[str, dict[str, str]]:
    """Tell where a recipe is looked at: the page, and the query that brings its settings.

    Args:
        recipe: of any kind.
        part: one of its pictures; None for all of them.

    Raises:
        ExplorerError: the recipe has no such picture, or no page shows its kind.
    """
    if not isinstance(recipe, NeuronRecipe):
        raise ExplorerError(f"no page shows recipes of the kind {recipe.kind!r}")
    if part is not None and part not in recipe.pictures:
        raise ExplorerError(f"the recipe of this picture does not make picture {part}")
    if not recipe.plain:
        raise ExplorerError(f"no page shows pictures of the objective {recipe.objective!r} yet")
    query = {"network": recipe.network, "layer": recipe.layer}
    if part is None and len(recipe.units) > 1:
        from explorer import grid  # It needs PyTorch, which not every page waits for.

        return LAYERS, {**query, "page": str(recipe.units[0] // grid.PER_PAGE + 1)}
    settings = {name: str(getattr(recipe, name)) for name in SETTINGS}
    unit = recipe.units[0] if part is None else part
    return LAYERS, {**query, "unit": str(unit), **settings}


def number(name: str, bounds: tuple[int, int]) -> int | None:
    """Read a whole number from the URL's query, None if it is not there.

    Raises:
        ExplorerError: it is no whole number, or out of bounds (which are both included).
    """
    text = st.query_params.get(name)
    if text is None:
        return None
    require(name, int(text) if text.isascii() and text.isdigit() else text, bounds)
    return int(text)


def settings() -> dict[str, int]:
    """Read from the URL's query how a neuron is to be drawn, as far as it says so.

    Raises:
        ExplorerError: as ``number``.
    """
    named = {name: number(name, bounds) for name, bounds in SETTINGS.items()}
    return {name: value for name, value in named.items() if value is not None}
