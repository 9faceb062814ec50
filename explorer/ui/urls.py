"""Links: the page's URL says what is looked at, so that it can be shared and reloaded."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.errors import ExplorerError, unknown
from core.recipes.dream import DREAM_SIZES, DREAM_STEPS, OCTAVES_RANGE, DreamRecipe
from core.recipes.neuron import CANVASES, SIZE_RANGE, STEPS_RANGE, NeuronRecipe
from core.recipes.recipe import SEED_RANGE, Recipe, require, require_number
from core.recipes.style import (
    BALANCE_RANGE,
    COLOURS,
    INITS,
    LOSSES,
    STYLE_SCALES,
    STYLE_SIZES,
    STYLE_STEPS,
    StyleRecipe,
)
from core.recipes.style_grid import MATRIX, StyleDepthsRecipe
from explorer.paths import ROOT

PAGES = ROOT / "pages"
HOME = str(PAGES / "home.py")
LESSONS = str(PAGES / "lessons.py")
LAYERS, NEURON, PROBE = (str(PAGES / f"{name}.py") for name in ("layers", "neuron", "probe"))
DREAM, DEPTHS = (str(PAGES / f"{name}.py") for name in ("dream", "depths"))
STYLE, STYLE_DEPTHS = (str(PAGES / f"{name}.py") for name in ("style", "style_depths"))
GALLERY, LIBRARY = (str(PAGES / f"{name}.py") for name in ("gallery", "library"))

# What a link may say of how a neuron is drawn, and between which bounds.
SETTINGS = {"size": SIZE_RANGE, "steps": STEPS_RANGE, "seed": SEED_RANGE}
# The same of a dream, and what else its page can set.
DREAM_NUMBERS = {
    "size": DREAM_SIZES,
    "octaves": OCTAVES_RANGE,
    "steps": DREAM_STEPS,
    "seed": SEED_RANGE,
}
DREAM_OTHERS = ("strength", "keep_colours", "units", "image", "guide")
# The same of a style transfer. Its page paints smaller pictures in fewer steps than the command
# does, as somebody waits for them.
STYLE_NUMBERS = {"size": STYLE_SIZES, "steps": STYLE_STEPS, "seed": SEED_RANGE}
STYLE_DECIMALS = {"balance": BALANCE_RANGE, "style_scale": STYLE_SCALES}
STYLE_WORDS = {"loss": LOSSES, "colours": COLOURS, "init": INITS[:2]}
STYLE_LAYERS = ("content_layers", "style_layers")
STYLE_USUAL: dict[str, Any] = {"size": 384, "steps": 20}
# What a link says where a dream keeps the picture's colours.
KEPT = "kept"
# The pictures of a neuron that its page shows: what it wants most, if the link names none; one of
# several that were made to differ; what it wants least.
DIVERSE = 4
NEGATIVE = "negative"
VIEWS = (*(str(number + 1) for number in range(DIVERSE)), NEGATIVE)
# What is shown of each neuron of many: what it wants to see, if the link names nothing; the crops
# that excite it most; or both.
CROPS, BOTH = "crops", "both"
SHOWN = (CROPS, BOTH)
# What stays as it was chosen when a visitor goes from layer to layer.
STAYS = ("show", "index")


def replace_query(**place: str | int | None) -> None:
    """Replace the URL's query by some names and values; None leaves a name out."""
    st.query_params.from_dict({name: str(it) for name, it in place.items() if it is not None})


def update_query(**place: str | int | None) -> None:
    """Replace some names and values in the URL's query; None leaves a name out."""
    replace_query(**{**st.query_params.to_dict(), **place})


def go_to(**place: str | int | None) -> None:
    """Go to another place, as ``go``, and keep how it is looked at."""
    replace_query(**{name: st.query_params.get(name) for name in STAYS}, **place)


def open_neuron(network: str, layer: str, unit: int) -> None:
    """Go to the page of a neuron."""
    query = {"network": network, "layer": layer, "unit": str(unit)}
    if "index" in st.query_params:
        query["index"] = st.query_params["index"]
    st.switch_page(NEURON, query_params=query)


def link_to(recipe: Recipe, part: int | None = None) -> tuple[str, dict[str, str]]:
    """Tell where a recipe is looked at: the page, and the query that brings its settings.

    Args:
        recipe: of any kind.
        part: one of its pictures; None for all of them.

    Raises:
        ExplorerError: the recipe has no such picture, or no page shows what it makes.
    """
    if isinstance(recipe, DreamRecipe):
        return DREAM, dream(recipe)
    if isinstance(recipe, StyleRecipe):
        return STYLE, style(recipe)
    if isinstance(recipe, StyleDepthsRecipe):
        return STYLE_DEPTHS, style_depths(recipe)
    if not isinstance(recipe, NeuronRecipe):
        raise ExplorerError(f"no page shows recipes of the kind {recipe.kind!r}")
    if part is not None and part not in recipe.pictures:
        raise ExplorerError(f"the recipe of this picture does not make picture {part}")
    query = {"network": recipe.network, "layer": recipe.layer}
    if part is None and len(recipe.units) > 1:
        if not recipe.plain:
            raise ExplorerError("no page shows pictures like these of several neurons at once")
        from explorer import layer_pages  # It needs PyTorch, which not every page waits for.

        return LAYERS, {**query, "page": str(recipe.units[0] // layer_pages.PER_PAGE + 1)}
    _check(recipe)
    part = recipe.pictures[0] if part is None else part
    query = {**query, "unit": str(recipe.unit_of(part))}
    if recipe.count > 1:
        query["view"] = str(part % recipe.count + 1)
    elif recipe.negative:
        query["view"] = NEGATIVE
    query |= {name: str(getattr(recipe, name)) for name in SETTINGS}
    if recipe.canvas != CANVASES[0]:
        query["canvas"] = recipe.canvas
    return NEURON, query


def dream(recipe: DreamRecipe) -> dict[str, str]:
    """Write a dream's settings as the query of its page; what is usual is left out.

    Raises:
        ExplorerError: it is none of those that the page shows.
    """
    query = {"network": recipe.network, "layer": recipe.layer, "picture": recipe.image}
    if recipe.units:
        query["unit"] = ",".join(map(str, recipe.units))
    if recipe.guide:
        query["guide"] = recipe.guide
    for name in (*DREAM_NUMBERS, "strength"):
        value = getattr(recipe, name)
        if value != getattr(DreamRecipe, name):
            query[name] = f"{value:g}" if isinstance(value, float) else str(value)
    if recipe.keep_colours:
        query["colours"] = KEPT
    shown = {name: getattr(recipe, name) for name in (*DREAM_NUMBERS, *DREAM_OTHERS)}
    usual = DreamRecipe(recipe.network, recipe.weights, layers=recipe.layers[:1], **shown)
    if recipe != usual:
        raise ExplorerError("no page shows films, masks or dreams of several layers")
    return query


def style(recipe: StyleRecipe) -> dict[str, str]:
    """Write a style transfer's settings as the query of its page; what is usual is left out.

    Raises:
        ExplorerError: it is none of those that the page shows.
    """
    from core.style import defaults  # It needs PyTorch, which not every page waits for.

    named = (*STYLE_NUMBERS, *STYLE_DECIMALS, *STYLE_WORDS, *STYLE_LAYERS, "content", "styles")
    given = {name: getattr(recipe, name) for name in named}
    pooling = defaults.DEFAULTS.get(recipe.network, {}).get("pooling", StyleRecipe.pooling)
    transfer = recipe.subject == "style" and len(recipe.styles) == 1
    if not transfer or recipe != StyleRecipe(
        recipe.network, recipe.weights, pooling=pooling, **given
    ):
        raise ExplorerError(
            "no page shows textures and reconstructions alone, mixtures of paintings, regions "
            "or what is painted with other settings than those of the Style page"
        )
    query = {"network": recipe.network, "picture": recipe.content, "style": recipe.styles[0]}
    query |= {name: ",".join(getattr(recipe, name)) for name in STYLE_LAYERS}
    for name in (*STYLE_NUMBERS, *STYLE_DECIMALS, *STYLE_WORDS):
        value = getattr(recipe, name)
        if value != STYLE_USUAL.get(name, getattr(StyleRecipe, name)):
            query[name] = f"{value:g}" if isinstance(value, float) else str(value)
    return query


def style_depths(recipe: StyleDepthsRecipe) -> dict[str, str]:
    """Write what is common to pictures of style at several depths as the query of their page.

    The page chooses the depths by itself, so it may show others than the recipe's.
    """
    query = {"network": recipe.network, "picture": recipe.content, "style": recipe.style}
    if MATRIX not in recipe.shows:
        query["view"] = "rows"
    for name in ("size", "steps", "seed", "balance", "loss"):
        value = getattr(recipe, name)
        if value != getattr(StyleDepthsRecipe, name):
            query[name] = f"{value:g}" if isinstance(value, float) else str(value)
    return query


def _check(recipe: NeuronRecipe) -> None:
    """Refuse a recipe whose pictures are none of those that a neuron's page shows."""
    settings = ("network", "weights", "seed", "layer", "units", "size", "steps", "canvas")
    same = {name: getattr(recipe, name) for name in settings}
    shown: tuple[dict[str, Any], ...] = ({}, {"count": DIVERSE}, {"negative": True})
    if recipe not in [NeuronRecipe(**same, **manner) for manner in shown]:
        raise ExplorerError(
            f"no page shows pictures of the objective {recipe.objective!r} made like this"
        )


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


def decimal(name: str, bounds: tuple[float, float]) -> float | None:
    """Read a number from the URL's query, None if it is not there.

    Raises:
        ExplorerError: it is no number, or out of bounds (which are both included).
    """
    text = st.query_params.get(name)
    if text is None:
        return None
    try:
        value: float | str = float(text)
    except ValueError:
        value = text
    require_number(name, value, bounds)
    return float(value)


def settings() -> dict[str, int]:
    """Read from the URL's query how a neuron is to be drawn, as far as it says so.

    Raises:
        ExplorerError: as ``number``.
    """
    named = {name: number(name, bounds) for name, bounds in SETTINGS.items()}
    return {name: value for name, value in named.items() if value is not None}


def canvas() -> str:
    """Read from the URL's query on which canvas a neuron is to be drawn.

    Raises:
        ExplorerError: there is no such canvas.
    """
    name = st.query_params.get("canvas", CANVASES[0])
    if name not in CANVASES:
        raise unknown("canvas", name, CANVASES)
    return name


def one_of(name: str, known: Sequence[str]) -> str:
    """Read one of some words from the URL's query; "" if it is not there.

    Raises:
        ExplorerError: it is another word.
    """
    word = st.query_params.get(name, "")
    if word and word not in known:
        raise unknown(name, word, known)
    return word


def view() -> str:
    """Read from the URL's query which picture of a neuron is large; "" for what it wants most.

    Raises:
        ExplorerError: there is no such picture.
    """
    return one_of("view", VIEWS)
