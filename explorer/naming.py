"""Plain words for what a recipe makes; they need no PyTorch."""

import itertools
from collections.abc import Sequence

from core.recipes import NeuronRecipe, Recipe

# More runs of numbers than this are counted rather than listed.
RUNS_AT_MOST = 4


def describe(recipe: Recipe) -> str:
    """Say in a few words what a recipe makes: ``sketchnet relu3b, neurons 0-63``."""
    if isinstance(recipe, NeuronRecipe):
        noun = "neuron" if len(recipe.units) == 1 else "neurons"
        return f"{recipe.network} {recipe.layer}, {noun} {spans(recipe.units)}"
    return f"{recipe.network}, {recipe.kind}"


def spans(numbers: Sequence[int]) -> str:
    """Write whole numbers briefly, in their order: ``0-15, 40``."""
    runs = itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
    ends = [[number for _, number in run] for _, run in runs]
    words = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ends]
    if len(words) <= RUNS_AT_MOST:
        return ", ".join(words)
    left = sum(map(len, ends[RUNS_AT_MOST:]))
    return f"{', '.join(words[:RUNS_AT_MOST])} and {left} more"
