"""Style: style transfer, which makes an image with the content of a photo and a painting's style.

Both images can be chosen.
"""

import streamlit as st

from core.recipes.switched_units import read_switched
from core.recipes.variations import VariationsRecipe
from explorer.ui import job_requests, link_problems, switches, url_codecs, variations_view
from explorer.ui.layers import small_pictures
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import recipe_controls
from explorer.ui.style import film_page, style_page, style_presets, style_view


def show(page: OpenPage) -> None:
    """Read the URL, and show one style transfer."""
    network = page.network
    with page.sidebar:
        content, style = style_view.pick_images(page.problems, films=True)
    if content.film is not None:
        film_page.show(page, content, style, content.film)
        return

    def read() -> tuple[style_view.StyleView, VariationsRecipe | None]:
        transfer = style_view.read_view(network, content, style, url_codecs.style_from_query)
        return transfer, variations_view.read(transfer.recipe)

    transfer, variations = page.read(read, keep=("picture", "style"))
    with page.sidebar:
        ideas = st.container()
        controls = recipe_controls(transfer.recipe)
        controls.draw("balance")
        times = variations_view.describe_times(transfer.recipe)
        controls.draw_more(without=("balance",), note=times)
    style_page.show_head(network, transfer)
    switches.show_list(network, read_switched(transfer.recipe.switched))
    link_problems.show_problems(page.problems)
    with st.container(key="style-layers"):
        style_page.show_layers(network, transfer)
    variations_view.show_result(
        transfer.recipe,
        variations,
        transfer.asked,
        transfer.content.size,
        "painting",
        lambda job: style_page.show_transfer(network, transfer, job),
    )
    requests = job_requests.JobRequests()
    with ideas:
        style_presets.show_presets(network, transfer, requests)
    small_pictures.request_examples(requests, network, style_view.style_layers(network))
    requests.settle()


open_page(show, "style")
