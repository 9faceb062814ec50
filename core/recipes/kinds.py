"""All kinds of recipes by name, and reading of a recipe of any kind from JSON."""

from core.errors import ExplorerError, unknown
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe, parse_object
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.recipes.variations import VariationsRecipe

# The classes of recipes, by their ``kind`` in JSON.
KINDS: dict[str, type[Recipe]] = {
    it.kind: it
    for it in (
        NeuronRecipe,
        DreamRecipe,
        StyleRecipe,
        StyleFilmRecipe,
        StyleDepthsRecipe,
        VariationsRecipe,
    )
}


def read(text: str) -> Recipe:
    """Read a recipe of any kind and of the present version from JSON of ``Recipe.to_json``.

    Raises:
        UnknownName: the ``kind`` in the JSON is none of ``KINDS``.
        ExplorerError: as in ``Recipe.from_json``.
    """
    return _kind_of(text).from_json(text)


def read_older(text: str) -> Recipe:
    """Read the settings of a recipe as ``read`` does, also if its version is older.

    The result has the present version, which renders another picture, and so another key.
    ``version_of`` tells which version the text has.

    Raises:
        UnknownName, ExplorerError: as in ``read``.
    """
    return _kind_of(text).from_json(text, older=True)


def version_of(text: str) -> int:
    """Return the version in the JSON of a recipe that ``read_older`` accepts."""
    return int(parse_object(text)["version"])


def _kind_of(text: str) -> type[Recipe]:
    kind = parse_object(text).get("kind")
    if not isinstance(kind, str):
        raise ExplorerError("this is no recipe; it does not say of which kind it is")
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS, "recipes")
    return KINDS[kind]
