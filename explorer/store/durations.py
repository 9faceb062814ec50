"""Estimates of how long recipes take on this machine, from results that were made here before."""

import math
import statistics
from contextlib import suppress

from core.errors import ExplorerError
from core.recipes import kinds
from core.recipes.dream import DreamRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_film import LATER_SIZES, StyleFilmRecipe
from explorer.store.results import Store

# Number of the latest results of a network that are looked at, and of those that are most alike.
LATEST, ALIKE = 100, 5
# Results that took less than this, in seconds, are mostly preparation.
LEAST_SECONDS = 0.2
SIMILAR = """
SELECT recipe, seconds FROM results
WHERE kind = ? AND network = ? AND seconds >= ? ORDER BY created DESC LIMIT ?
"""


class Durations:
    """What results that were made here say about recipes of the same kind and network.

    Results of the same layers are preferred, because deep layers take longer.
    """

    def __init__(self, store: Store, recipe: Recipe) -> None:
        """Read the latest results that are similar to a recipe, or to its parts."""
        part = recipe.parts()[0]
        values = (part.kind, part.network, LEAST_SECONDS, LATEST)
        with store.reading() as connection:
            rows = connection.execute(SIMILAR, values).fetchall()
        found = []
        for text, seconds in rows:
            # Results of older versions are passed over.
            with suppress(ExplorerError):
                found.append((kinds.read(text), float(seconds)))
        layer = getattr(part, "layer", "")
        same = [it for it in found if getattr(it[0], "layer", "") == layer]
        self._made = [(work, it[1]) for it in same or found if (work := work_of(it[0]))]

    def estimate(self, recipe: Recipe) -> float | None:
        """Estimate the seconds that all parts of a recipe take, one after the other.

        For each part, the seconds of the results with the most similar work are scaled by the work.

        Returns:
            The estimate; None if nothing similar was made here, or if the kind has no estimate.
        """
        total = 0.0
        for part in recipe.parts():
            work = work_of(part)
            if not work or not self._made:
                return None
            alike = sorted(self._made, key=lambda it: abs(math.log(it[0] / work)))[:ALIKE]
            total += statistics.median(seconds * work / other for other, seconds in alike)
        return total


def estimate_seconds(store: Store, recipe: Recipe) -> float | None:
    """Estimate the seconds that the unfinished parts of a recipe take; None if unknown.

    It is 0 if all of them are finished.
    """
    parts = {it.key: it for it in recipe.parts()}
    missing = [parts[key] for key in parts.keys() - store.present(parts)]
    durations = Durations(store, recipe)
    seconds = [durations.estimate(it) for it in missing]
    known = [it for it in seconds if it is not None]
    return sum(known) if len(known) == len(missing) else None


def work_of(recipe: Recipe) -> float | None:
    """Return the work of a recipe: its pixels times its steps, over all sizes.

    The picture is taken for a square. None for kinds of recipes without an estimate.
    """
    if isinstance(recipe, DreamRecipe):
        sides = [recipe.size / recipe.octave_scale**it for it in range(recipe.octaves)]
    elif isinstance(recipe, StyleRecipe):
        smaller = math.log(max(recipe.size / recipe.smallest, 1.0), recipe.scale)
        sides = [recipe.size / recipe.scale**it for it in range(1 + round(smaller))]
        if isinstance(recipe, StyleFilmRecipe) and recipe.first:
            return recipe.frame_steps * sum(side**2 for side in sides[:LATER_SIZES])
    else:
        return None
    return recipe.steps * sum(side**2 for side in sides)
