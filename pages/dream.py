"""Dream: a picture in which the network is made to see more of what it sees already."""

import streamlit as st

from core.analysis import unit_labels
from core.errors import ExplorerError
from core.networks.network import Network
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.jobs.job import Job
from explorer.store.results import StoredPicture
from explorer.text import layer_summary
from explorer.ui import download_buttons, image_picker, job_status, network_picker, urls
from explorer.ui.components import html_snippets, image_viewers, layer_pickers
from explorer.ui.dream import dream_view
from explorer.ui.dream.dream_view import DreamView
from explorer.ui.job_status import JobRequests
from explorer.ui.recipe_controls import recipe_controls

# Dreams are quick, so they are looked at more often than other work.
POLL_SECONDS = 0.25


def main() -> None:
    """Read the URL, and show one dream."""
    html_snippets.page_css("dream")
    problems: list[str] = []
    layout = network_picker.page_layout(problems)
    if layout is None:
        return
    network = layout.network
    with layout.main:
        with layout.sidebar:
            picture = image_picker.pick_image("picture", dream_view.SAMPLE, problems)
        guide = image_picker.picked_image("guide", "", problems)
        try:
            dream = dream_view.read_view(
                network, picture or image_picker.find_image(dream_view.SAMPLE), guide
            )
        except ExplorerError as error:
            problems.append(str(error))
            urls.replace_query(**{it: st.query_params.get(it) for it in ("network", "picture")})
            dream = dream_view.read_view(
                network, picture or image_picker.find_image(dream_view.SAMPLE), None
            )
        with layout.sidebar:
            show_more(dream)
        show_head(network, dream)
        network_picker.show_problems(problems)
        slider = st.container(key="depth")
        job = dream_view.request_dream(dream)
        show_dream(network, dream, job)
        with slider:
            show_depths(network, dream)


def show_head(network: Network, dream: DreamView) -> None:
    """Name what dreams."""
    layer, recipe = dream.layer, dream.recipe
    line = (
        f"{layer_summary.describe_layer(layer)}; the picture is changed so that they all see more"
    )
    if recipe.guide:
        line = "The picture is changed towards what the layer sees in the guide"
    elif recipe.units:
        line = f"Only {', '.join(called(network, dream))} dreams"
    with st.container(key="dream-head", horizontal=True, vertical_alignment="center"):
        html_snippets.heading(
            f"Dream of {layer.name}", line, depth_colours.depth_colour(layer.depth)
        )
        if recipe.units:
            st.button(
                "Let all neurons dream",
                key="all",
                on_click=urls.update_query,
                kwargs={"unit": None},
            )


def called(network: Network, dream: DreamView) -> list[str]:
    """Name the neurons that dream."""
    found = []
    for unit in dream.recipe.units:
        name = unit_labels.unit_name(network, dream.layer, unit)
        found.append(f"neuron {unit} ({name})" if name else f"neuron {unit}")
    return found


def show_depths(network: Network, dream: DreamView) -> None:
    """Show the slider of depths, and have its examples dreamt while nothing else is."""
    wanted = JobRequests()
    layers = network.shown
    asked = wanted.ask([dream_view.example(network, it) for it in dream_view.examples(network)])

    def show(_: job_status.Previews) -> None:
        stops = dream_view.depth_stops(network)
        at = [it.name for it in layers].index(dream.layer.name)
        if layer_pickers.depth_slider(stops, at, "depth slider", network.name, pick):
            st.rerun()

    job_status.show_while_running("depth", asked, None, show)
    wanted.settle()


def pick(layer: str) -> None:
    """Dream with another layer."""
    urls.update_query(layer=layer, unit=None)


def show_dream(network: Network, dream: DreamView, job: Job | str | None) -> None:
    """Show the dream over its picture, follow it as it grows, and offer what can be done."""

    def show(found: StoredPicture | None, preview: bytes | None, now: Job | str | None) -> None:
        after = (
            dream_view.picture_url(found.image)
            if found
            else preview and thumbnails.data_url(preview)
        )
        width, height = dream.picture.picture.size
        label = f"{dream.picture.title.capitalize()}, dreamt by {dream.layer.name}"
        label += "" if found else ", unfinished"
        place = f"{dream.recipe.image} {network.name}"
        image_viewers.image_compare(
            dream_view.before_url(dream), after, (height, width), "compare", label, place
        )
        job_status.show_status(
            now,
            "{:.0%} dreamt".format,
            "dream",
            lambda: show_save(dream, preview, "webp", "Save it as it is") if preview else None,
            lambda: show_tools(network, dream, found) if found else None,
        )

    job_status.follow_picture(dream.recipe.key, job, POLL_SECONDS, show)


def show_tools(network: Network, dream: DreamView, stored: StoredPicture) -> None:
    """Offer what can be done with a finished dream."""
    st.button(
        "Dream deeper from here",
        key="deeper",
        type="primary",
        icon=":material/bedtime:",
        on_click=dream_view.deeper,
        args=(dream.recipe.key,),
        help="The dream becomes the picture that the next one begins with.",
    )
    show_save(dream, stored.image, "png", "Save as PNG")
    download_buttons.python_button(dream.recipe, 0, "dream")
    query = {"network": network.name, "picture": dream.picture.name}
    for name in ("strength", "seed"):
        if name in st.query_params:
            query[name] = st.query_params[name]
    icon = ":material/view_column:"
    st.page_link(urls.DEPTHS, label="All depths side by side", icon=icon, query_params=query)


def show_save(dream: DreamView, image: bytes, kind: str, label: str) -> None:
    """Offer a picture as a file."""
    title = dream.picture.title.replace(" ", "-")
    name = f"dream-{title}-{dream.recipe.network}-{dream.layer.name}.{kind}"
    icon = ":material/download:"
    st.download_button(
        label, image, name, f"image/{kind}", key="save", icon=icon, on_click="ignore"
    )


def show_more(dream: DreamView) -> None:
    """Let the visitor choose how it is dreamt; the address changes at once."""
    controls = recipe_controls(dream.recipe)
    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        controls.draw_all()
        controls.reset_button("guide")
    with st.expander("Dream of another picture", expanded=bool(dream.recipe.guide), key="guided"):
        st.caption("A guide: the dream goes towards what the layer sees in that picture.")
        image_picker.pick_image("guide", "", [], "Guide")


main()
