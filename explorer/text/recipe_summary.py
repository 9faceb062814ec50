"""Plain words for what a recipe makes; they need no PyTorch."""

import itertools
from collections.abc import Sequence

from core.recipes.dream import DreamRecipe
from core.recipes.neuron import LAYER_OBJECTIVES, NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import StyleDepthsRecipe

# More runs of numbers than this are counted rather than listed.
RUNS_AT_MOST = 4


def describe_recipe(recipe: Recipe) -> str:
    """Say in a few words what a recipe makes: ``sketchnet relu3b, neurons 0-63``."""
    if isinstance(recipe, NeuronRecipe):
        subject = ", ".join([_subject(recipe), *_manner(recipe)])
        return f"{recipe.network} {recipe.layer}, {subject}"
    if isinstance(recipe, DreamRecipe):
        return ", ".join([f"{recipe.network} {recipe.layer}", *_dreamt(recipe)])
    if isinstance(recipe, StyleRecipe):
        return ", ".join([recipe.network, *_styled(recipe)])
    if isinstance(recipe, StyleDepthsRecipe):
        return f"{recipe.network}, style at several depths: {', '.join(recipe.shows)}"
    return f"{recipe.network}, {recipe.kind}"


def _subject(recipe: NeuronRecipe) -> str:
    """Name what is drawn: ``neuron 3``, ``from neuron 3 to neuron 7``, ``caricature``."""
    noun = "neuron" if len(recipe.units) == 1 else "neurons"
    if recipe.objective in LAYER_OBJECTIVES:
        return recipe.objective
    if recipe.objective == "interpolation":
        return "from neuron {} to neuron {}".format(*recipe.units)
    words = {"neuron": " at one place", "joint": " together", "direction": " as a direction"}
    return f"{noun} {spans(recipe.units)}{words.get(recipe.objective, '')}"


def _dreamt(recipe: DreamRecipe) -> list[str]:
    """Name what a dream is of, and what is not as usual."""
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
    if recipe.strength != 1:
        words.append(f"strength {recipe.strength:g}")
    return words


def _styled(recipe: StyleRecipe) -> list[str]:
    """Name which depths speak for style and for content, and what is not as usual."""
    words = []
    if recipe.styles:
        noun = "style" if recipe.content else "texture"
        words.append(f"{noun} of {_run(recipe.style_layers)}")
    if recipe.content:
        words.append(f"content of {_run(recipe.content_layers)}")
    if recipe.loss != "gram":
        words.append(recipe.loss)
    if recipe.colours != "style":
        words.append("own colours")
    return words


def _run(layers: Sequence[str]) -> str:
    """Name layers by the first and the last of them."""
    return layers[0] if len(layers) == 1 else f"{layers[0]} to {layers[-1]}"


def _manner(recipe: NeuronRecipe) -> list[str]:
    """Name what is not as usual."""
    words = []
    if recipe.negative:
        words.append("negative")
    if recipe.count > 1 and recipe.objective != "interpolation":
        words.append(f"{recipe.count} different ones")
    if recipe.canvas != "fourier":
        words.append(recipe.canvas)
    if recipe.starts_from_image:
        words.append("from a picture")
    return words


def spans(numbers: Sequence[int]) -> str:
    """Write whole numbers briefly, in their order: ``0-15, 40``."""
    runs = itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ends = [[number for _, number in run] for _, run in runs]
    words = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ends]
    if len(words) <= RUNS_AT_MOST:
        return ", ".join(words)
    left = sum(map(len, ends[RUNS_AT_MOST:]))
    return f"{', '.join(words[:RUNS_AT_MOST])} and {left} more"
