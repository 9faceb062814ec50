"""Style: a picture painted anew, with the content of one and the style of another."""

import streamlit as st

from core.errors import ExplorerError
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.style import defaults
from explorer import thumbnails
from explorer.charts import depth_colours, figures
from explorer.jobs.job import Job
from explorer.store.results import StoredPicture
from explorer.ui import (
    chart,
    download_buttons,
    image_picker,
    job_status,
    network_picker,
    server_state,
    urls,
)
from explorer.ui.components import html_snippets, image_viewers, style_sliders
from explorer.ui.dream import dream_view
from explorer.ui.neuron import pictures
from explorer.ui.recipe_controls import RecipeControls
from explorer.ui.style import style_view
from explorer.ui.style.style_view import StyleView

SIZES = (192, 256, 384, 512, 768, 1024)
STEPS = (5, 10, 20, 40, 80)
# How much content has to say, from hardly anything to nearly all.
BALANCES = (0.003, 0.01, 0.025, StyleRecipe.balance, 0.1, 0.25, 1.0)
STROKES = (0.5, 0.7, StyleRecipe.style_scale, 1.4, 2.0)
COLOURS = {
    "style": "the painting's",
    "light": "the picture's own: only its light is painted",
    "matched": "the picture's own: the painting is dyed in them",
}
# What came with the explorer is smaller, with some loss.
KINDS = {"png": "PNG", "webp": "WebP"}
INITS = {"content": "the picture", "noise": "noise"}
SETTINGS = (
    *urls.STYLE_NUMBERS,
    *urls.STYLE_DECIMALS,
    *urls.STYLE_WORDS,
    *urls.STYLE_LAYERS,
)
POLL_SECONDS = 0.3
# The curves below it grow less often: a chart is drawn anew as a whole.
CURVES_SECONDS = 1.0
# What stands above and beneath the picture, in rem.
ABOVE = 28.0


def main() -> None:
    """Read the URL, and show one picture being painted."""
    html_snippets.page_css("style")
    problems: list[str] = []
    layout = network_picker.page_layout(problems)
    if layout is None:
        return
    network = layout.network
    with layout.main:
        with layout.sidebar:
            content, style = style_view.pick_images(problems)
        try:
            transfer = style_view.read_view(network, content, style)
        except ExplorerError as error:
            problems.append(str(error))
            kept = ("network", "picture", "style")
            urls.replace_query(**{it: st.query_params.get(it) for it in kept})
            transfer = style_view.read_view(network, content, style)
        with layout.sidebar:
            show_settings(transfer)
        show_head(network, transfer)
        network_picker.show_problems(problems)
        with st.container(key="voices"):
            show_voices(network, transfer)
        job = job_status.request_exclusive(transfer.recipe, "painting", transfer.asked)
        show_transfer(network, transfer, job)


def show_head(network: Network, transfer: StyleView) -> None:
    """Name what is painted how."""
    title = f"{transfer.content.title.capitalize()} in {transfer.style.title}"
    line = "Content is what a layer sees; style is how the neurons of layers fire together."
    depth = network.layer(transfer.recipe.style_layers[-1]).depth
    with st.container(key="style-head"):
        html_snippets.heading(title, line, depth_colours.depth_colour(depth))


def show_voices(network: Network, transfer: StyleView) -> None:
    """Show which depths speak for content and for style."""
    recipe = transfer.recipe
    content = style_view.nearest_layer(network, recipe.content_layers[0])
    ends = [style_view.nearest_layer(network, recipe.style_layers[at]) for at in (0, -1)]

    def pick(chosen: str) -> None:
        voice, *names = chosen.split()
        usual = defaults.default_settings(network)
        layers = tuple(names) if voice == "content" else style_view.layers_between(network, *names)
        name = f"{voice}_layers"
        urls.update_query(**{name: None if layers == usual[name] else ",".join(layers)})

    place = (min(ends), max(ends))
    if style_sliders.style_sliders(
        style_view.style_stops(network), content, place, "speaking", network.name, pick
    ):
        st.rerun()


def show_transfer(network: Network, transfer: StyleView, job: Job | str | None) -> None:
    """Show the painting over its picture, follow it as it grows, and offer what can be done."""
    recipe = transfer.recipe

    def show(found: StoredPicture | None, preview: bytes | None, now: Job | str | None) -> None:
        after = (
            dream_view.picture_url(found.image)
            if found
            else preview and thumbnails.data_url(preview)
        )
        width, height = transfer.content.picture.size
        label = f"{transfer.content.title.capitalize()} in {transfer.style.title}"
        label += "" if found else ", unfinished"
        before = dream_view.original_url(recipe.content, recipe.size)
        place = f"{recipe.content} {recipe.styles[0]} {network.name}"
        image_viewers.image_compare(
            before, after, (height, width), "compare", label, place, "painted", ABOVE
        )
        job_status.show_status(
            now,
            "{:.0%} painted".format,
            "style",
            lambda: show_save(transfer, preview, "webp", "Save it as it is") if preview else None,
            lambda: show_tools(transfer, found) if found else None,
        )

    stored = job_status.follow_picture(recipe.key, job, POLL_SECONDS, show)
    st.html(
        '<div class="section"><h3>How it comes nearer</h3><p>What each layer still lacks, step by '
        "step; every size begins with what the smaller one left.</p></div>"
    )
    with st.container(key="curves"):
        grows = stored is None and job_status.poll_interval(job) is not None
        job_status.follow(
            [],
            lambda _: show_curves(network, recipe.key, stored),
            CURVES_SECONDS if grows else None,
        )


def show_curves(network: Network, key: str, stored: StoredPicture | None) -> None:
    """Show how far each layer is from what it should be, as far as it is painted."""
    if stored is None:
        curves, share = style_view.running_history(key)
    else:
        curves, share = style_view.stored_curves(stored.facts), 1.0
    if not curves:
        st.caption("The curves begin with the first strokes.")
        return
    colours = {
        name: depth_colours.depth_colour(network.layer(name.split()[1]).depth) for name in curves
    }
    figure = figures.loss_curves(curves, colours, share)
    chart.show_chart(figure, "losses", f"{network.name}-style-losses")


def show_tools(transfer: StyleView, stored: StoredPicture) -> None:
    """Offer what can be done with a finished picture."""
    kind = "png" if pictures.is_exact(stored) else "webp"
    show_save(transfer, stored.image, kind, f"Save as {KINDS[kind]}")
    download_buttons.python_button(transfer.recipe, 0, "style")
    st.button(
        "Paint it once more",
        key="again",
        icon=":material/brush:",
        on_click=again,
        args=(transfer.recipe.key,),
        help="The painted picture becomes the content of the next one.",
    )


def again(key: str) -> None:
    """Let a painted picture be the one that the next is painted from."""
    stored = server_state.store().picture(key, 0)
    if stored is not None:
        urls.update_query(picture=image_picker.accept_upload(stored.image).name)


def show_save(transfer: StyleView, image: bytes, kind: str, label: str) -> None:
    """Offer a picture as a file."""
    titles = f"{transfer.content.title} in {transfer.style.title}".replace(" ", "-")
    name = f"{titles}-{transfer.recipe.network}.{kind}"
    icon = ":material/download:"
    st.download_button(
        label, image, name, f"image/{kind}", key="save", icon=icon, on_click="ignore"
    )


def show_settings(transfer: StyleView) -> None:
    """Let the visitor choose how it is painted; the address changes at once."""
    controls = RecipeControls(transfer.recipe, urls.STYLE_USUAL)
    controls.slider("balance", "Balance: from more style to more content", BALANCES, balanced)
    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        times = "\N{MULTIPLICATION SIGN} {:g}".format
        controls.slider("style_scale", "Size of the strokes", STROKES, times)
        controls.slider("size", "Longer side in pixels", SIZES)
        controls.slider("steps", "Steps at each size", STEPS)
        controls.selectbox("colours", "Whose colours", COLOURS)
        controls.selectbox("loss", "What style is", style_view.LOSSES)
        controls.selectbox("init", "Start from", INITS)
        controls.seed("Seed: where the chance in noise comes from")
        controls.reset_button(SETTINGS)


def balanced(value: float) -> str:
    """Write a balance beside the usual one."""
    if value == StyleRecipe.balance:
        return "balanced"
    if value < StyleRecipe.balance:
        return f"style {StyleRecipe.balance / value:.2g}\N{MULTIPLICATION SIGN}"
    return f"content {value / StyleRecipe.balance:.2g}\N{MULTIPLICATION SIGN}"


main()
