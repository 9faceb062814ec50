"""The encoded input pictures of recipes, which recipes name by their fingerprints."""

from core.recipes.recipe import Recipe
from explorer.store.results import Store

# Longer side in pixels of images that pages store, at most; a larger image is made smaller first.
LONGEST_UPLOAD = 2048


def find_input(store: Store, fingerprint: str) -> bytes | None:
    """Return the PNG of an input picture: from the store, or one that comes with the project.

    None if the picture is in neither of them.
    """
    # These imports load PyTorch.
    from core.datasets import bundled
    from core.images import image_io

    stored = store.input(fingerprint)
    if stored is not None:
        return stored
    found = bundled.find(fingerprint)
    return None if found is None else image_io.encode_png(found.open())


def restore_inputs(store: Store, recipe: Recipe) -> str | None:
    """Store the inputs of a recipe that come with the project and are not in the store.

    Returns:
        The fingerprint of the first input that is neither in the store nor in the project; None if
        there is no such input.
    """
    for fingerprint in recipe.inputs:
        image = find_input(store, fingerprint)
        if image is None:
            return fingerprint
        if store.input(fingerprint) is None:
            store.put_input(fingerprint, image)
    return None
