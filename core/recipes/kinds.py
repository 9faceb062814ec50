"""All kinds of recipes by name, and reading of a recipe of any kind from JSON."""

from core.errors import ExplorerError, unknown
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe, parse_object
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import StyleDepthsRecipe

# The classes of recipes, by their ``kind`` in JSON.
KINDS: dict[str, type[Recipe]] = {
    kind.kind: kind for kind in (NeuronRecipe, DreamRecipe, StyleRecipe, StyleDepthsRecipe)
}


def read(text: str) -> Recipe:
    """Read a recipe of any kind from JSON that ``Recipe.to_json`` wrote.

    Raises:
        UnknownName: the ``kind`` in the JSON is none of ``KINDS``.
        ExplorerError: as in ``Recipe.from_json``.
    """
    kind = parse_object(text).get("kind")
    if not isinstance(kind, str):
        raise ExplorerError("this is no recipe; it does not say of which kind it is")
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS, "recipes")
    return KINDS[kind].from_json(text)
