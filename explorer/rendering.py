"""From a recipe to pictures in the store: look there first, else render and keep."""

import time
from collections.abc import Iterator, Mapping, Sequence

from core import images, neurons
from core.networks import Network
from core.neurons import NeuronPicture, Progress
from core.recipes import NeuronRecipe
from explorer.store import Store, StoredPicture

# The key of the text chunk that carries a picture's recipe inside its PNG.
RECIPE_CHUNK = "recipe"


def stored_neurons(store: Store, recipes: Sequence[NeuronRecipe]) -> dict[int, StoredPicture]:
    """Find which neurons of some recipes are rendered already, by unit."""
    found: dict[int, StoredPicture] = {}
    for recipe in recipes:
        result = store.get(recipe.key)
        if result is not None:
            found.update(result.pictures)
    return found


def render_neurons(store: Store, network: Network, recipe: NeuronRecipe) -> Iterator[Progress]:
    """Render the neurons of a recipe, report every step, and keep the result once it is whole."""
    started = time.monotonic()
    for progress in neurons.render(network, recipe):
        if progress.pictures:
            pictures = [encode(recipe, picture) for picture in progress.pictures]
            store.put(recipe, pictures, time.monotonic() - started)
        yield progress


def encode(recipe: NeuronRecipe, picture: NeuronPicture) -> StoredPicture:
    """Encode one neuron's picture as a PNG that carries its recipe."""
    png = images.encode_png(images.to_picture(picture.image), {RECIPE_CHUNK: recipe.to_json()})
    return StoredPicture(picture.unit, png, facts(picture))


def facts(picture: NeuronPicture) -> Mapping[str, float | bool]:
    """What was measured of a neuron's picture."""
    return {"activation": picture.activation, "dead": picture.dead}
