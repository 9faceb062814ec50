"""The parts of the page Styles by layer with images: grids, and one image large in a dialog."""

from functools import partial

import streamlit as st

from core.networks.network import Network
from core.recipes.style_grid import MATRIX, StyleDepthsRecipe
from explorer import thumbnails
from explorer.ui import download_buttons, job_requests, job_status, page_list, server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.style import grid_charts, style_grid_view, style_view
from explorer.ui.style.style_view import StyleGridView

LARGE_PIXELS = 768


def show_pictures(network: Network, view: StyleGridView) -> None:
    """Show each image of a view when it is finished, and charts when all images are finished."""
    recipe = view.recipe
    total = len(recipe.pictures)
    job = job_requests.request_exclusive(recipe, "style depths", view.asked)
    finished = images_of(view.recipe)
    sample = style_grid_view.sample_view(view)
    samples = images_of(sample.recipe) if len(finished) < total else {}

    def show(previews: job_status.Previews) -> None:
        images = finished if len(finished) == total else images_of(view.recipe)
        begun = {*images, *(number for _, number in previews)}
        if samples.keys() - begun:
            titles = style_view.describe_pair(sample.content, sample.style)
            st.caption(f"Faint until they are painted: {titles}, as an example.")
        for part in recipe.shows:
            line = style_grid_view.LINES[part].format(content=recipe.content_layer)
            html_snippets.section(style_grid_view.TITLES[part], line)
            style_grid_view.show_grid(network, view, part, previews, images, samples)

    def doing(fraction: float) -> str:
        return f"{round(fraction * total)} of {total} pictures"

    with st.container(key="cells"):
        asked = [] if job is None else [job]
        job_status.show_while_running("cells", asked, doing, show, above=True)
    # The dialog comes before the charts, because the measures take some seconds the first time.
    show_cell(view, finished)
    if len(finished) == total and MATRIX in recipe.shows:
        grid_charts.show_charts(network, recipe)


def images_of(recipe: StyleDepthsRecipe) -> dict[int, bytes]:
    """Return the finished images of a recipe, encoded, by their numbers."""
    pictures = server_state.store().pictures(recipe)
    return {number: it.image for number, it in pictures.items()}


def show_cell(view: StyleGridView, images: dict[int, bytes]) -> None:
    """Show one image large in a dialog, if the link names an image that is finished.

    Args:
        view: the style transfers of the page.
        images: the finished images, encoded, by their numbers in the recipe.
    """
    cell = style_grid_view.chosen_cell(view)
    if cell is None:
        return
    image = images.get(view.recipe.parts().index(cell.recipe))
    if image is None:
        return
    title = style_grid_view.describe_cell(cell)

    def body() -> None:
        url = thumbnails.thumbnail(image, LARGE_PIXELS)
        st.html(f'<img class="whole-picture" src="{url}" alt="{title}">')
        with st.container(key="cell-tools", horizontal=True, vertical_alignment="center"):
            name = f"{style_grid_view.cell_name(cell)}-{view.recipe.network}"
            download_buttons.save_button(image, name, "Save it")
            if cell.recipe.subject == "style":
                query = style_grid_view.cell_query(view, cell.recipe)
                page_list.page_link(urls.STYLE, "Paint it large", **query)

    st.dialog(title, width="medium", on_dismiss=partial(urls.update_query, cell=None))(body)()
