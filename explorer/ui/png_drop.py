"""Opening a PNG that was saved from the app, on the page and with the settings of its recipe.

A visitor drops the file anywhere on a page, or chooses it in the gallery. Other pictures that are
dropped or pasted become the picture of the page (``picture_upload.drop_zone``); on a page without a
choice of a picture, they are dreamt over. The file may come from
another source than the app, so the recipe in its text chunks is validated like any untrusted text.
"""

import textwrap

import streamlit as st

from core.errors import ExplorerError, named, unknown
from core.recipes import kinds
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe, parse_object
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.recipes.variations import VariationsRecipe
from explorer.rendering import png_metadata, recipe_inputs
from explorer.text import formatting
from explorer.ui import picture_upload, server_state, url_codecs, urls
from explorer.ui.components import drop_target

# For each kind of recipe with input images, the title of the page on which they can be chosen.
STARTING = {
    DreamRecipe.kind: "Dream",
    StyleRecipe.kind: "Style",
    StyleFilmRecipe.kind: "Style",
    StyleDepthsRecipe.kind: "Styles by layer",
}
# Errors are shortened to this many characters: they quote recipes, which may have long texts.
WORDS_AT_MOST = 400


def show_target() -> None:
    """Accept what is dropped or pasted anywhere on the page; open a recipe that a picture has."""
    with st.container(key="drop"):
        # The style sheet hides what has a key with "drop-" at its beginning.
        dropped = drop_target.drop_target("target")
    if dropped is None:
        picture_upload.show_problems(picture_upload.ANYWHERE)
        return
    try:
        recipe, part = read_drop(dropped)
        open_recipe(recipe, part)
    except ExplorerError as error:
        st.error(formatting.escape_markdown(problem(error)))


def show_fallback() -> None:
    """Accept pictures on pages that have no choice of a picture, and open the Dream page."""
    files = picture_upload.drop_zone(picture_upload.ANYWHERE, "Dream over this picture")
    if not files:
        return
    # Imported late: it imports PyTorch, which takes seconds.
    from explorer.ui import image_picker

    images, problems = image_picker.accept_uploads(files)
    if images:
        network = st.query_params.get("network")
        query = urls.as_query(network=network, picture=images[0].name)
        st.switch_page(urls.DREAM, query_params=query)
    picture_upload.finish(picture_upload.ANYWHERE, problems)


def problem(error: ExplorerError) -> str:
    """Return the sentence on a picture that cannot be opened."""
    words = textwrap.shorten(str(error), WORDS_AT_MOST, placeholder=" ...")
    return f"This picture cannot be opened: {words}"


def read_drop(dropped: str) -> tuple[Recipe, int | None]:
    """Return the recipe in a dropped picture.

    Args:
        dropped: JSON of what the browser read in the file, from ``drop_target.drop_target``.

    Returns:
        The recipe, and the number of the picture among the recipe's pictures; None for all.

    Raises:
        ExplorerError: the file has no recipe, or one that is not valid.
    """
    content = parse_object(dropped)
    if "problem" in content:
        raise ExplorerError(named(content["problem"]))
    text, part = str(content.get("recipe", "")), str(content.get("part", ""))
    if len(text) > png_metadata.TEXT_AT_MOST:
        raise ExplorerError("what it says of how it was made is too long")
    if part and not png_metadata.is_part_number(part):
        raise ExplorerError("it does not say which picture of its recipe it is")
    return kinds.read_older(text), int(part) if part else None


def open_recipe(recipe: Recipe, part: int | None) -> None:
    """Go to the page that shows a recipe, with the recipe's settings.

    Args:
        recipe: the recipe.
        part: number of the picture to show among the recipe's pictures; None for all.

    Raises:
        ExplorerError: the recipe cannot be shown, as ``check_shown`` or ``link_to`` explain.
    """
    check_shown(recipe)
    page, query = url_codecs.link_to(recipe, part)
    st.switch_page(page, query_params=query)


def check_shown(recipe: Recipe) -> None:
    """Check that a recipe can be shown with the networks and images on this machine.

    Raises:
        ExplorerError: the recipe's network, layer or unit does not exist, the network has other
            weights than those of the recipe, or an input image is not in the store.
    """
    # Imported late: these modules need PyTorch, which takes seconds to import.
    from core.dreams import render_dreams
    from core.neurons import render_neurons
    from core.style import transfer

    if isinstance(recipe, VariationsRecipe):
        recipe = recipe.single
    page = STARTING.get(recipe.kind)
    if page and recipe_inputs.restore_inputs(server_state.store(), recipe) is not None:
        raise ExplorerError(
            f"a picture that this one was made from is not here; "
            f"choose it on the {page} page first, and open this one again"
        )
    infos = server_state.network_infos()
    if recipe.network not in infos:
        raise unknown("network", recipe.network, infos)
    if not infos[recipe.network].ready:
        # The page of the recipe offers to download the network.
        return
    network = server_state.network(recipe.network)
    if network.fingerprint != recipe.weights:
        raise ExplorerError(
            f"it was made with other weights of {recipe.network} than those here; "
            "the command `python -m explorer replay` makes it again with a file of weights"
        )
    if isinstance(recipe, NeuronRecipe):
        render_neurons.plan(network, recipe.layer, recipe.units)
    if isinstance(recipe, DreamRecipe):
        render_dreams.check(network, recipe)
    if isinstance(recipe, StyleRecipe):
        transfer.check(network, recipe)
