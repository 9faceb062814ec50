"""The sizes at which a style transfer optimises its image, from small to large."""

import math
from collections.abc import Iterator, Sequence

from core.recipes.style import NEAREST, StyleRecipe
from core.style import nearest

# The image grows by a factor of ``recipe.scale`` from size to size. A remaining growth of at most
# ``scale`` to this power is distributed over these factors. For a larger remainder there is one
# more size.
MIN_EXTRA_GROWTH = 0.1


def plan_scales(recipe: StyleRecipe, size: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the (height, width) of all sizes of an optimisation, the smallest first.

    The longer side of the first size is ``recipe.smallest``. The factor from each size to the next
    is the same, and at most about ``recipe.scale``, see ``MIN_EXTRA_GROWTH``.

    Args:
        recipe: the recipe.
        size: final (height, width).
    """
    growth = max(1.0, max(size) / recipe.smallest)
    count = math.ceil(math.log(growth) / math.log(recipe.scale) - MIN_EXTRA_GROWTH)
    factors = [growth ** (-after / count) for after in range(count, 0, -1)]
    return [
        (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
        for factor in (*factors, 1.0)
    ]


def rounds(
    recipe: StyleRecipe, sizes: Sequence[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield the size and the number of steps of every round of an optimisation.

    The losses, and the optimiser's history, are new in every round. There is one round at each
    size, but several for the loss ``nearest``, which matches the image anew in every round.
    """
    count = nearest.rounds(recipe.steps) if recipe.loss == NEAREST else 1
    for size in sizes:
        for number in range(count):
            before, after = (recipe.steps * it // count for it in (number, number + 1))
            yield size, after - before
