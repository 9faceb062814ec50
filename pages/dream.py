"""Dream: DeepDream, an image changed to amplify the activations of a layer."""

import streamlit as st

from core.recipes.switched_units import read_switched
from core.recipes.variations import VariationsRecipe
from explorer.ui import image_picker, job_requests, link_problems, switches, variations_view
from explorer.ui.dream import dream_page, dream_presets, dream_view
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import recipe_controls


def show(page: OpenPage) -> None:
    """Read the URL, and show one dream."""
    network = page.network
    with page.sidebar:
        picture = image_picker.pick_image("picture", dream_view.SAMPLE, page.problems)

    def read() -> tuple[dream_view.DreamView, VariationsRecipe | None]:
        guide = image_picker.optional_image("guide", page.problems)
        dream = dream_view.read_view(network, picture, guide)
        return dream, variations_view.read(dream.recipe)

    dream, variations = page.read(read, keep=("picture",))
    with page.sidebar:
        ideas = st.container()
        show_more(dream)
    dream_page.show_head(network, dream)
    switches.show_list(network, read_switched(dream.recipe.switched))
    link_problems.show_problems(page.problems)
    slider = st.container(key="depth")
    variations_view.show_result(
        dream.recipe,
        variations,
        dream.asked,
        dream.picture.size,
        "dreaming",
        lambda job: dream_page.show_dream(network, dream, job),
    )
    requests = job_requests.JobRequests()
    with slider:
        dream_page.show_depths(network, dream, requests)
    with ideas:
        dream_presets.show_presets(network, dream, requests)
    requests.settle()


def show_more(dream: dream_view.DreamView) -> None:
    """Show the controls of the dream's settings, and the choice of a guide image.

    A change is written into the URL.
    """
    times = variations_view.describe_times(dream.recipe)
    recipe_controls(dream.recipe).draw_more(others=("guide",), note=times)
    with st.expander(
        "Guide the dream with a second picture", expanded=bool(dream.recipe.guide), key="guided"
    ):
        st.caption("The dream then takes on what the layer sees in the second picture, the guide.")
        image_picker.pick_optional_image("guide", [], "Guide")


open_page(show, "dream")
