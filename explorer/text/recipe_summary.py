"""Short descriptions of recipes for users. This module does not import PyTorch."""

import itertools
from collections.abc import Mapping, Sequence

from core.networks.known_networks import title_of
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import LAYER_OBJECTIVES, NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.recipes.switched_units import OFF, read_switched
from core.recipes.variations import VariationsRecipe
from explorer.recipe_fields import FIELDS

# ``spans`` lists at most this many runs of consecutive numbers, and counts the other numbers.
RUNS_AT_MOST = 4


def describe_recipe(recipe: Recipe, titles: Mapping[str, str] | None = None) -> str:
    """Return a short description of a recipe, such as ``SketchNet relu3b, neurons 0-63``.

    Args:
        recipe: a recipe of any kind.
        titles: titles of pictures that the recipe starts from, by fingerprint; they come first.
    """
    if isinstance(recipe, VariationsRecipe):
        names = " and ".join(it for it in (recipe.across, recipe.down) if it).replace("_", " ")
        return f"{describe_recipe(recipe.single, titles)}, variations of {names}"
    pictures = _describe_pictures(recipe, titles or {})
    return f"{pictures}: {_describe_settings(recipe)}" if pictures else _describe_settings(recipe)


def _describe_pictures(recipe: Recipe, titles: Mapping[str, str]) -> str:
    """Return the titles of the pictures that a recipe starts from: ``cat in the style of dots``."""
    if isinstance(recipe, StyleRecipe | StyleDepthsRecipe):
        styles = recipe.styles if isinstance(recipe, StyleRecipe) else (recipe.style,)
        painted = " and ".join(titles[it] for it in styles if it in titles)
        content = titles.get(recipe.content, "")
        return f"{content} in the style of {painted}" if content and painted else content or painted
    image = recipe.image if isinstance(recipe, DreamRecipe | NeuronRecipe) else ""
    return titles.get(image, "")


def _describe_settings(recipe: Recipe) -> str:
    network = title_of(recipe.network)
    if isinstance(recipe, NeuronRecipe):
        subject = ", ".join([_subject(recipe), *_manner(recipe)])
        return f"{network} {recipe.layer}, {subject}"
    if isinstance(recipe, DreamRecipe):
        return ", ".join([f"{network} {recipe.layer}", *_dreamt(recipe)])
    if isinstance(recipe, StyleRecipe):
        return ", ".join([network, *_styled(recipe)])
    if isinstance(recipe, StyleDepthsRecipe):
        return f"{network}, style at several depths: {', '.join(recipe.shows)}"
    return f"{network}, {recipe.kind}"


def _subject(recipe: NeuronRecipe) -> str:
    """Return what a neuron recipe visualises, such as ``neuron 3`` or ``caricature``."""
    noun = "neuron" if len(recipe.units) == 1 else "neurons"
    if recipe.objective in LAYER_OBJECTIVES:
        return recipe.objective
    if recipe.objective == "interpolation":
        return "from neuron {} to neuron {}".format(*recipe.units)
    words = {"neuron": " at one place", "joint": " together", "direction": " as a direction"}
    return f"{noun} {spans(recipe.units)}{words.get(recipe.objective, '')}"


def _dreamt(recipe: DreamRecipe) -> list[str]:
    """Return words for what a dream consists of, and for non-default settings."""
    words = ["dream" if recipe.frames == 1 else f"dream of {recipe.frames} frames"]
    if recipe.first:
        words = [f"frame {recipe.first} of a dream"]
    if recipe.units:
        words.append(f"neurons {spans(recipe.units)}")
    if recipe.towards:
        words.append("as a direction")
    if recipe.clip:
        words.append("over a clip")
    words += [word for word in ("guide", "mask") if getattr(recipe, word)]
    return words + _changed(recipe) + describe_switched(recipe.switched)


def _styled(recipe: StyleRecipe) -> list[str]:
    """Return words for the layers of style and content, and for non-default settings."""
    words = []
    if isinstance(recipe, StyleFilmRecipe):
        one = f"frame {recipe.first} of a film"
        words.append(one if recipe.frames == 1 else f"film of {recipe.frames} frames")
    if recipe.styles:
        noun = "style" if recipe.content else "texture"
        words.append(f"{noun} of {_run(recipe.style_layers)}")
    if recipe.content:
        words.append(f"content of {_run(recipe.content_layers)}")
    if recipe.loss != "gram":
        words.append(recipe.loss)
    return words + _changed(recipe) + describe_switched(recipe.switched)


def describe_switched(switched: Sequence[str]) -> list[str]:
    """Return words for the units that a recipe switches: ``without neurons 3, 17 of relu5b``.

    Args:
        switched: the units, as in a recipe.
    """
    groups: dict[tuple[str, float], list[int]] = {}
    for it in read_switched(switched):
        groups.setdefault((it.layer, it.factor), []).append(it.unit)
    words = []
    for (layer, factor), units in groups.items():
        noun = "neuron" if len(units) == 1 else "neurons"
        who = f"{noun} {spans(units)} of {layer}"
        words.append(
            f"without {who}" if factor == OFF else f"{who} \N{MULTIPLICATION SIGN} {factor:g}"
        )
    return words


def _run(layers: Sequence[str]) -> str:
    """Return layers as text with the first and the last name, such as ``relu1a to relu4a``."""
    return layers[0] if len(layers) == 1 else f"{layers[0]} to {layers[-1]}"


def _manner(recipe: NeuronRecipe) -> list[str]:
    """Return words for the non-default settings of a neuron recipe."""
    words = _changed(recipe, without="count" if recipe.objective == "interpolation" else "")
    return [*words, "from a picture"] if recipe.starts_from_image else words


def _changed(recipe: Recipe, without: str = "") -> list[str]:
    """Return words for fields with non-default values; the field ``without`` is left out."""
    values = ((it, getattr(recipe, it.name)) for it in FIELDS[recipe.kind].values() if it.summary)
    return [
        field.summary.format(value)
        for field, value in values
        if value != field.default and field.name != without
    ]


def spans(numbers: Sequence[int]) -> str:
    """Return whole numbers as text: ``[0, 1, 2, 40]`` becomes ``0-2, 40``. The order is kept."""
    runs = itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ends = [[number for _, number in run] for _, run in runs]
    words = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ends]
    if len(words) <= RUNS_AT_MOST:
        return ", ".join(words)
    left = sum(map(len, ends[RUNS_AT_MOST:]))
    return f"{', '.join(words[:RUNS_AT_MOST])} and {left} more"
