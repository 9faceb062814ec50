"""Dream: DeepDream, an image changed to amplify the activations of a layer."""

import streamlit as st

from core.recipes.dream import OCTAVES_RANGE, STRENGTH_RANGE, DreamRecipe
from explorer.ui import image_picker, job_status, urls
from explorer.ui.dream import dream_page, dream_view
from explorer.ui.dream.dream_view import DreamView
from explorer.ui.link_problems import show_problems
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import RecipeControls

SIZES = (256, 384, 512, 768, 1024, 1536, 2048)
STEPS = (5, 10, 20, 40)
SETTINGS = (*urls.DREAM_NUMBERS, "strength", "colours", "guide")


def show(page: OpenPage) -> None:
    """Read the URL, and show one dream."""
    network = page.network
    with page.sidebar:
        picture = image_picker.pick_image("picture", dream_view.SAMPLE, page.problems)

    def read() -> DreamView:
        guide = image_picker.optional_image("guide", page.problems)
        return dream_view.read_view(network, picture, guide)

    dream = page.read(read, keep=("picture",))
    with page.sidebar:
        show_more(dream)
    dream_page.show_head(network, dream)
    show_problems(page.problems)
    slider = st.container(key="depth")
    job = job_status.request_exclusive(dream.recipe, "dreaming", dream.asked)
    dream_page.show_dream(network, dream, job)
    with slider:
        dream_page.show_depths(network, dream)


def show_more(dream: DreamView) -> None:
    """Let the visitor choose how it is dreamt; the address changes at once."""
    recipe = dream.recipe
    controls = RecipeControls(recipe)
    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        show_strength(controls, recipe)
        controls.slider("steps", "Steps at each size", STEPS)
        controls.slider("size", "Longer side in pixels", SIZES)
        controls.seed("Seed: another one dreams otherwise")
        show_colours(controls, recipe)
        controls.reset_button(SETTINGS)
    with st.expander("Dream of another picture", expanded=bool(recipe.guide), key="guided"):
        st.caption("A guide: the dream goes towards what the layer sees in that picture.")
        image_picker.pick_optional_image("guide", [], "Guide")


def show_strength(controls: RecipeControls, recipe: DreamRecipe) -> None:
    """Let the visitor choose how far a dream goes, and how large its forms are."""
    for name, title, bounds, step in (
        ("strength", "Strength: how far it leaves the picture", STRENGTH_RANGE, 0.25),
        (
            "octaves",
            "Octaves: at how many sizes, so how large the largest forms are",
            (OCTAVES_RANGE[0], max(8, recipe.octaves)),
            1,
        ),
    ):
        st.slider(
            title,
            *bounds,
            getattr(recipe, name),
            step,
            key=controls.key(name),
            on_change=controls.write_url,
            args=(name,),
        )


def show_colours(controls: RecipeControls, recipe: DreamRecipe) -> None:
    """Let the visitor choose whose colours a dream has; links have a word for it."""
    key = controls.key("colours")

    def put() -> None:
        urls.update_query(colours=urls.KEPT if st.session_state[key] else None)

    st.toggle("Keep the picture's colours", recipe.keep_colours, key=key, on_change=put)


open_page(show, "dream")
