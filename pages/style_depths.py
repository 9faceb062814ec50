"""Style depths: one picture painted by every depth of style and of content, and why."""

from functools import partial

import streamlit as st

from core.errors import ExplorerError
from core.networks.network import Network
from core.recipes.style_grid import MATRIX, StyleDepthsRecipe
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.gallery.pictures import PNG_SIGNATURE
from explorer.jobs.job import Job
from explorer.recipe_fields import STYLE_DEPTHS, query_fields
from explorer.ui import job_status, network_picker, urls
from explorer.ui.components import html_snippets
from explorer.ui.image_picker import PickedImage
from explorer.ui.recipe_controls import recipe_controls
from explorer.ui.style import gram_view, grid_charts, style_grid_view, style_view
from explorer.ui.style.style_grid_view import StyleGridView

VIEWS = {
    "": "Style by content",
    "rows": "Row by row",
    "together": "Who fires together",
}
LINES = {
    "": "Every depth of style with every depth of content, and what each of them keeps and takes.",
    "rows": "More and more layers, one alone, and each half by itself, as Gatys and others showed.",
    "together": "Style at a layer is a table: which of its neurons fire in the same places.",
}
SETTINGS = tuple(it.query for it in query_fields(STYLE_DEPTHS))
LARGE_PIXELS = 768


def main() -> None:
    """Read the URL, and show one of the three views."""
    html_snippets.page_css("style")
    problems: list[str] = []
    layout = network_picker.page_layout(problems)
    if layout is None:
        return
    network = layout.network
    with layout.main:
        with layout.sidebar:
            content, style = style_view.pick_images(problems)
        view = show_views(problems)
        if view == "together":
            show_company(network, content, style, problems)
            return
        shows = style_grid_view.ROWS if view == "rows" else (MATRIX,)
        try:
            found = style_grid_view.read_view(network, content, style, shows)
        except ExplorerError as error:
            problems.append(str(error))
            urls.update_query(**dict.fromkeys(SETTINGS))
            found = style_grid_view.read_view(network, content, style, shows)
        with layout.sidebar:
            show_settings(found.recipe)
        network_picker.show_problems(problems)
        show_pictures(network, found)


def show_views(problems: list[str]) -> str:
    """Let the visitor choose what to look at, and tell what it is."""
    try:
        view = urls.one_of("view", tuple(VIEWS)[1:])
    except ExplorerError as error:
        problems.append(str(error))
        view = ""

    def pick() -> None:
        urls.update_query(view=st.session_state["view"] or None, cell=None)

    with st.container(key="style-head"):
        html_snippets.heading("Style depths", LINES[view], depth_colours.depth_colour(0.5))
    st.session_state["view"] = view
    st.segmented_control(
        "What to look at",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        key="view",
        label_visibility="collapsed",
        on_change=pick,
        required=True,
    )
    return view


def show_company(
    network: Network, content: PickedImage, style: PickedImage, problems: list[str]
) -> None:
    """Show which neurons of a layer fire together."""
    layer = gram_view.layer_of(network, problems)
    found = gram_view.read_view(network, layer, content, style)
    pair = gram_view.pair_of(found, problems)
    network_picker.show_problems(problems)
    gram_view.comparable_layers(network, layer)
    gram_view.show_pairs(network, found, pair)


def show_pictures(network: Network, found: StyleGridView) -> None:
    """Show the pictures of a view as they come, and what was measured once all are there."""
    recipe = found.recipe
    total = len(recipe.pictures)
    job = job_status.request_exclusive(recipe, "style depths", found.asked)
    done = {number: it.image for number, it in style_grid_view.present_pictures(recipe).items()}

    def show(previews: job_status.Previews) -> None:
        here = done
        if len(done) < total:
            here = {
                number: it.image for number, it in style_grid_view.present_pictures(recipe).items()
            }
        for part in recipe.shows:
            st.html(
                f'<div class="section"><h3>{style_grid_view.TITLES[part]}</h3>'
                f"<p>{style_grid_view.LINES[part].format(content=recipe.content_layer)}</p></div>"
            )
            style_grid_view.show_grid(network, found, part, previews, here)

    def doing(fraction: float) -> str:
        return f"{round(fraction * total)} of {total} pictures"

    with st.container(key="cells"):
        job_status.show_while_running("cells", [] if job is None else [job], doing, show)
    # Before the charts, as what they show is measured for some seconds at first.
    show_cell(found, done, job)
    if len(done) == total and MATRIX in recipe.shows:
        grid_charts.show_charts(network, recipe)


def show_cell(found: StyleGridView, done: dict[int, bytes], job: Job | str | None) -> None:
    """Show one picture large, where the link names one that is there."""
    named = st.query_params.get("cell")
    cell = None if named is None else style_grid_view.find_cell(found.recipe, named)
    if cell is None:
        return
    image = done.get(found.recipe.parts().index(cell.recipe))
    if image is None:
        return

    def body() -> None:
        url = thumbnails.thumbnail(image, LARGE_PIXELS)
        st.html(
            f'<img class="whole-picture" src="{url}" alt="{style_grid_view.describe_cell(cell)}">'
        )
        with st.container(key="cell-tools", horizontal=True, vertical_alignment="center"):
            # What came with the explorer is smaller, with some loss.
            kind = "png" if image.startswith(PNG_SIGNATURE) else "webp"
            st.download_button(
                "Save it",
                image,
                f"{style_grid_view.cell_name(cell)}-{found.recipe.network}.{kind}",
                f"image/{kind}",
                key="save",
                icon=":material/download:",
                on_click="ignore",
            )
            if cell.recipe.subject == "style":
                st.page_link(
                    urls.STYLE,
                    label="Paint it large",
                    icon=":material/palette:",
                    query_params=style_grid_view.cell_query(found, cell.recipe),
                )

    dismiss = partial(urls.update_query, cell=None)
    st.dialog(style_grid_view.describe_cell(cell), width="medium", on_dismiss=dismiss)(body)()


def show_settings(recipe: StyleDepthsRecipe) -> None:
    """Let the visitor choose what all pictures have in common."""
    controls = recipe_controls(recipe, forgotten=("cell",))
    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        controls.draw_all()
        controls.reset_button()


main()
