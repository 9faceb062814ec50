"""Style at several depths: what is measured of each picture that is there."""

from collections.abc import Mapping

from core import style_depths
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import MATRIX, SINGLE, StyleDepthsRecipe
from core.style_depths import Judge, Measured
from explorer import labelling


def judge(network: Network, recipe: StyleDepthsRecipe, inputs: Mapping[str, bytes]) -> Judge:
    """Prepare to measure the pictures of a recipe, once for all of them.

    Args:
        network: that paints.
        recipe: of all pictures.
        inputs: the photograph and the painting, encoded, by their fingerprints.
    """
    return Judge(network, recipe, inputs, labelling.clear_labels(network))


def tell(
    found: Judge, recipe: StyleDepthsRecipe, pictures: Mapping[int, bytes]
) -> dict[int, Measured]:
    """Measure all pictures that are there and show the photograph, by their numbers.

    Args:
        found: of the recipe.
        recipe: of all pictures.
        pictures: encoded, by their numbers.
    """
    parts = dict(enumerate(recipe.parts()))
    return {
        number: found.measure(picture, parts[number].style_layers)
        for number, picture in pictures.items()
        if parts[number].subject == "style"
    }


def by_depth(recipe: StyleDepthsRecipe, told: Mapping[int, Measured]) -> dict[str, Measured]:
    """Average what was told of pictures whose style is of one layer alone, by that layer.

    Over the depths of content, if the matrix is there; missing pictures are left out.
    """
    numbers: dict[StyleRecipe, int] = {it: at for at, it in enumerate(recipe.parts())}
    found: dict[str, list[Measured]] = {}
    show = MATRIX if MATRIX in recipe.shows else SINGLE
    for cell in recipe.cells():
        number = numbers[cell.recipe]
        if cell.show == show and number in told:
            found.setdefault(cell.recipe.style_layers[0], []).append(told[number])
    return {layer: style_depths.averaged(rows) for layer, rows in found.items()}
