"""Conversion between recipes and the queries of the URLs of the pages that show them.

For example, a ``DreamRecipe`` becomes ``{"network": "sketchnet", "layer": "relu3b", ...}``. Names,
bounds and defaults of the parameters are those of ``explorer.recipe_fields``. PyTorch is imported
only inside the functions that need it, because some pages are shown before it is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.errors import ExplorerError, quoted, unknown
from core.numbers import read_decimal, read_whole
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe
from core.recipes.style_grid import MATRIX, StyleDepthsRecipe
from core.recipes.variations import VariationsRecipe
from explorer.recipe_fields import (
    PAGE_DEFAULTS,
    VARIATIONS,
    RecipeField,
    page_default,
    query_fields,
)
from explorer.rendering import film_inputs
from explorer.ui import urls, variation_codec

if TYPE_CHECKING:
    from core.networks.layers import Layer
    from core.networks.network import Network

# Relative depth (0 to 1) of the layer of a dream if the link names no layer.
FIRST_DEPTH = 0.5


def link_to(recipe: Recipe, part: int | None = None) -> tuple[str, dict[str, str]]:
    """Return the path of the page that shows a recipe, and the query with the recipe's settings.

    Args:
        recipe: a recipe of any kind.
        part: number of one of the recipe's pictures; None for all of them.

    Raises:
        ExplorerError: the recipe has no such picture, or no page shows such a recipe.
    """
    if isinstance(recipe, DreamRecipe):
        return urls.DREAM, dream_to_query(recipe)
    if isinstance(recipe, StyleFilmRecipe):
        return urls.STYLE, style_film_to_query(recipe)
    if isinstance(recipe, StyleRecipe):
        return urls.STYLE, style_to_query(recipe)
    if isinstance(recipe, StyleDepthsRecipe):
        return urls.STYLE_DEPTHS, style_depths_to_query(recipe)
    if isinstance(recipe, VariationsRecipe):
        return _link_to_variations(recipe, part)
    if not isinstance(recipe, NeuronRecipe):
        raise ExplorerError(f"no page shows recipes of the kind {quoted(recipe.kind)}")
    if part is not None and part not in recipe.pictures:
        raise ExplorerError(f"the recipe of this picture does not make picture {part}")
    if part is None and len(recipe.units) > 1:
        return urls.LAYERS, _layer_query(recipe)
    return urls.NEURON, neuron_to_query(recipe, recipe.pictures[0] if part is None else part)


def _link_to_variations(recipe: VariationsRecipe, part: int | None) -> tuple[str, dict[str, str]]:
    """Return what ``link_to`` does: the page of one of the pictures, or of all of them."""
    if part is not None:
        if part not in recipe.pictures:
            raise ExplorerError(f"the recipe of this picture does not make picture {part}")
        return link_to(recipe.parts()[part])
    page, query = link_to(recipe.single)
    query["size"] = str(recipe.size)
    if recipe.size == page_default(VARIATIONS, "size"):
        del query["size"]
    return page, query | variation_codec.variations_query(recipe)


def read_fields(kind: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the recipe fields that a query contains, by the names of the fields.

    Args:
        kind: kind of the recipe, such as ``dream``.
        query: parameters and values of a URL.

    Raises:
        ExplorerError: a value is misspelt or out of bounds.
    """
    settings = {}
    for field in query_fields(kind):
        text = query.get(field.query)
        # An empty text is an error for a number. For other fields it means "not given".
        if text or (text is not None and field.bounds):
            settings[field.name] = _read(field, text)
    return settings


def write_fields(recipe: Recipe) -> dict[str, str]:
    """Return a query with those fields of a recipe that differ from the defaults of its page."""
    return {
        it.query: _write(it, getattr(recipe, it.name))
        for it in query_fields(recipe.kind)
        if getattr(recipe, it.name) != page_default(recipe.kind, it.name)
    }


def _fields_of(recipe: Recipe, *names: str) -> dict[str, Any]:
    """Return the fields of a recipe with some names, and those that its URL may contain."""
    every = (*names, *(it.name for it in query_fields(recipe.kind)))
    return {name: getattr(recipe, name) for name in every}


def _read(field: RecipeField, text: str) -> Any:
    if field.bounds and isinstance(field.default, float):
        return read_decimal(field.query, text, field.bounds)
    if field.bounds:
        return read_whole(field.query, text, field.bounds)
    if isinstance(field.default, tuple):
        return tuple(text.split(","))
    known = [it for it in field.known if it in (field.words or field.known)] or [field.flag]
    if text not in known:
        raise unknown(field.query, text, known)
    return text == field.flag or text


def _write(field: RecipeField, value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return field.flag
    return f"{value:g}" if isinstance(value, float) else str(value)


def _layer_query(recipe: NeuronRecipe) -> dict[str, str]:
    """Return the query of the Layers page for a recipe of several units, with its first unit.

    Raises:
        ExplorerError: the recipe has other settings than the pictures of the Layers page.
    """
    if not recipe.plain:
        raise ExplorerError("no page shows pictures like these of several neurons at once")
    from explorer import layer_pages

    page = recipe.units[0] // layer_pages.PER_PAGE + 1
    return {"network": recipe.network, "layer": recipe.layer, "page": str(page)}


def neuron_to_query(recipe: NeuronRecipe, part: int) -> dict[str, str]:
    """Return the query of the Neuron page that shows one picture of a recipe.

    Args:
        recipe: the recipe.
        part: number of the picture among the recipe's pictures.

    Raises:
        ExplorerError: the recipe has settings that the page does not offer.
    """
    same = _fields_of(recipe, "network", "weights", "layer", "units")
    variants: tuple[dict[str, Any], ...] = ({}, {"count": urls.DIVERSE}, {"negative": True})
    if recipe not in [NeuronRecipe(**same, **variant) for variant in variants]:
        raise ExplorerError(
            f"no page shows pictures of the objective {quoted(recipe.objective)} made like this"
        )
    query = {"network": recipe.network, "layer": recipe.layer, "unit": str(recipe.unit_of(part))}
    if recipe.count > 1:
        query["view"] = str(part % recipe.count + 1)
    elif recipe.negative:
        query["view"] = urls.NEGATIVE
    return query | write_fields(recipe)


def dream_to_query(recipe: DreamRecipe) -> dict[str, str]:
    """Return the query of the Dream page that shows a dream; default values are left out.

    Raises:
        ExplorerError: the recipe has settings that the page does not offer, such as a mask.
    """
    shown = _fields_of(recipe, "units", "image", "guide")
    if recipe != DreamRecipe(recipe.network, recipe.weights, layers=recipe.layers[:1], **shown):
        raise ExplorerError("no page shows films, masks or dreams of several layers")
    query = {"network": recipe.network, "layer": recipe.layer, "picture": recipe.image}
    if recipe.units:
        query["unit"] = ",".join(map(str, recipe.units))
    if recipe.guide:
        query["guide"] = recipe.guide
    return query | write_fields(recipe)


def dream_from_query(
    query: Mapping[str, str], network: "Network", image: str, guide: str = ""
) -> DreamRecipe:
    """Return the recipe of the dream that the query of the Dream page describes.

    Args:
        query: parameters and values of the URL.
        network: the loaded network.
        image: fingerprint of the input image that the query names.
        guide: fingerprint of the guide image that the query names; "" for none.

    Raises:
        ExplorerError: something in the query does not exist or is out of bounds.
    """
    from core.dreams import render_dreams
    from core.networks.depth_sampling import nearest_to_depth

    first_layer = network.shown[nearest_to_depth(network.shown, FIRST_DEPTH)]
    layer = network.layer(query.get("layer", first_layer.name))
    settings = read_fields(DreamRecipe.kind, query)
    units = () if guide else _read_units(query.get("unit", ""), layer)
    return render_dreams.plan(network, [layer.name], image, guide=guide, units=units, **settings)


def _read_units(text: str, layer: "Layer") -> tuple[int, ...]:
    """Return the units in a text such as ``3,17``; an empty tuple, which means all, for ""."""
    bounds = (0, layer.channels - 1)
    return tuple(read_whole("unit", it, bounds) for it in text.split(",") if text)


def style_to_query(recipe: StyleRecipe) -> dict[str, str]:
    """Return the query of the Style page that shows a style transfer; defaults are left out.

    Raises:
        ExplorerError: the recipe has settings that the page does not offer, such as two styles.
    """
    from core.style import defaults

    shown = _fields_of(recipe, "content", "styles")
    family = defaults.family_settings(recipe.network, recipe.loss)
    transfer = recipe.subject == "style" and len(recipe.styles) == 1
    if not transfer or recipe != StyleRecipe(recipe.network, recipe.weights, **{**family, **shown}):
        raise ExplorerError(
            "no page shows textures and reconstructions alone, mixtures of paintings, regions "
            "or what is painted with other settings than those of the Style page"
        )
    query = {"network": recipe.network, "picture": recipe.content, "style": recipe.styles[0]}
    return query | write_fields(recipe)


def style_from_query(
    query: Mapping[str, str], network: "Network", content: str, style: str
) -> StyleRecipe:
    """Return the recipe of the style transfer that the query of the Style page describes.

    Args:
        query: parameters and values of the URL.
        network: the loaded network.
        content, style: fingerprints of the two images that the query names.

    Raises:
        ExplorerError: something in the query does not exist or is out of bounds.
    """
    from core.style import transfer

    settings = {**PAGE_DEFAULTS[StyleRecipe.kind], **read_fields(StyleRecipe.kind, query)}
    return transfer.plan(network, content=content, styles=(style,), **settings)


def style_film_to_query(recipe: StyleFilmRecipe) -> dict[str, str]:
    """Return the query of the Style page that shows a painted film, also for one of its frames.

    Raises:
        ExplorerError: the recipe has settings that the page does not offer.
    """
    from core.style import defaults

    whole = replace(recipe, first=0, frames=len(recipe.film))
    family = defaults.family_settings(recipe.network, recipe.loss)
    settings = family | _fields_of(whole, "content", "clip", "styles", "frames")
    if len(recipe.styles) != 1 or whole != StyleFilmRecipe(
        recipe.network, recipe.weights, **settings
    ):
        raise ExplorerError("no page shows films that are painted with settings like these")
    name = film_inputs.film_name(recipe.film)
    query = {"network": recipe.network, "picture": name, "style": recipe.styles[0]}
    return query | write_fields(recipe)


def style_film_from_query(
    query: Mapping[str, str], network: "Network", frames: Sequence[str], style: str
) -> StyleFilmRecipe:
    """Return the recipe of the painted film that the query of the Style page describes.

    Args:
        query: parameters and values of the URL.
        network: the loaded network.
        frames: fingerprints of the frames of the film that the query names.
        style: fingerprint of the painting that the query names.

    Raises:
        ExplorerError: something in the query does not exist or is out of bounds.
    """
    from core.style import film

    kind = StyleFilmRecipe.kind
    settings = {**PAGE_DEFAULTS[kind], **read_fields(kind, query)}
    clip, count = tuple(frames[1:]), len(frames)
    return film.plan(
        network, content=frames[0], clip=clip, frames=count, styles=(style,), **settings
    )


def style_depths_to_query(recipe: StyleDepthsRecipe) -> dict[str, str]:
    """Return the query of the page Styles by layer with the settings of a style grid.

    The layers are not part of the query, as the page chooses them. So it may show other layers than
    those of the recipe.
    """
    query = {"network": recipe.network, "picture": recipe.content, "style": recipe.style}
    if MATRIX not in recipe.shows:
        query["view"] = "rows"
    return query | write_fields(recipe)


def style_depths_from_query(
    query: Mapping[str, str], network: "Network", content: str, style: str, shows: Sequence[str]
) -> StyleDepthsRecipe:
    """Return the recipe of the style grid that the query of the page Styles by layer describes.

    Args:
        query: parameters and values of the URL.
        network: the loaded network.
        content, style: fingerprints of the two images that the query names.
        shows: the matrix and rows to render, some of ``style_grid.SHOWS``.

    Raises:
        ExplorerError: something in the query does not exist or is out of bounds.
    """
    from core.style import grid

    settings = read_fields(StyleDepthsRecipe.kind, query)
    seed = settings.pop("seed", StyleDepthsRecipe.seed)
    return grid.plan_grid(network, content, style, seed, shows=tuple(shows), **settings)
