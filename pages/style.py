"""Style: style transfer, which makes an image with the content of a photo and a painting's style.

Both images can be chosen.
"""

import streamlit as st

from explorer.ui import job_status, link_problems, url_codecs
from explorer.ui.page_opener import OpenPage, open_page
from explorer.ui.recipe_controls import recipe_controls
from explorer.ui.style import style_page, style_view


def show(page: OpenPage) -> None:
    """Read the URL, and show one style transfer."""
    network = page.network
    with page.sidebar:
        content, style = style_view.pick_images(page.problems)
    transfer = page.read(
        lambda: style_view.read_view(network, content, style, url_codecs.style_from_query),
        keep=("picture", "style"),
    )
    with page.sidebar:
        controls = recipe_controls(transfer.recipe)
        controls.draw("balance")
        controls.draw_more(without=("balance",))
    style_page.show_head(network, transfer)
    link_problems.show_problems(page.problems)
    with st.container(key="style-layers"):
        style_page.show_layers(network, transfer)
    job = job_status.request_exclusive(transfer.recipe, "painting", transfer.asked)
    style_page.show_transfer(network, transfer, job)


open_page(show, "style")
