"""Dream: DeepDream, an image changed to amplify the activations of a layer."""

import streamlit as st

from explorer.ui import image_picker, job_status, link_problems
from explorer.ui.dream import dream_page, dream_view
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import recipe_controls


def show(page: OpenPage) -> None:
    """Read the URL, and show one dream."""
    network = page.network
    with page.sidebar:
        picture = image_picker.pick_image("picture", dream_view.SAMPLE, page.problems)

    def read() -> dream_view.DreamView:
        guide = image_picker.optional_image("guide", page.problems)
        return dream_view.read_view(network, picture, guide)

    dream = page.read(read, keep=("picture",))
    with page.sidebar:
        show_more(dream)
    dream_page.show_head(network, dream)
    link_problems.show_problems(page.problems)
    slider = st.container(key="depth")
    job = job_status.request_exclusive(dream.recipe, "dreaming", dream.asked)
    dream_page.show_dream(network, dream, job)
    with slider:
        dream_page.show_depths(network, dream)


def show_more(dream: dream_view.DreamView) -> None:
    """Show the controls of the dream's settings, and the choice of a guide image.

    A change is written into the URL.
    """
    recipe_controls(dream.recipe).draw_more(others=("guide",))
    with st.expander("Dream of another picture", expanded=bool(dream.recipe.guide), key="guided"):
        st.caption("A guide: the dream goes towards what the layer sees in that picture.")
        image_picker.pick_optional_image("guide", [], "Guide")


open_page(show, "dream")
