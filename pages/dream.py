"""Dream: a picture in which the network is made to see more of what it sees already."""

import streamlit as st

from core.analysis import unit_labels
from core.errors import ExplorerError
from core.networks.network import Network
from core.recipes.dream import OCTAVES_RANGE, STRENGTH_RANGE, DreamRecipe
from explorer import (
    choosing,
    dreaming,
    following,
    large,
    layering,
    links,
    offering,
    opening,
    rows,
    thumbnails,
    widgets,
)
from explorer.dreaming import Dream
from explorer.jobs.job_queue import Job
from explorer.rows import Wanted
from explorer.store.results import StoredPicture
from explorer.text import layer_summary
from explorer.tuning import Tuning

SIZES = (256, 384, 512, 768, 1024, 1536, 2048)
STEPS = (5, 10, 20, 40)
# Dreams are quick, so they are looked at more often than other work.
POLL_SECONDS = 0.25
SETTINGS = (*links.DREAM_NUMBERS, "strength", "colours", "guide")


def main() -> None:
    """Read the URL, and show one dream."""
    st.html(widgets.FRONTEND / "dream.css")
    problems: list[str] = []
    studio = opening.studio(problems)
    if studio is None:
        return
    network = studio.network
    with studio.room:
        with studio.rail:
            picture = choosing.choose("picture", dreaming.SAMPLE, problems)
        guide = choosing.chosen("guide", "", problems)
        try:
            dream = dreaming.read(network, picture or choosing.find(dreaming.SAMPLE), guide)
        except ExplorerError as error:
            problems.append(str(error))
            links.go(**{it: st.query_params.get(it) for it in ("network", "picture")})
            dream = dreaming.read(network, picture or choosing.find(dreaming.SAMPLE), None)
        with studio.rail:
            show_more(dream)
        show_head(network, dream)
        opening.tell(problems)
        slider = st.container(key="depth")
        job = dreaming.ask(dream)
        show_dream(network, dream, job)
        with slider:
            show_depths(network, dream)


def show_head(network: Network, dream: Dream) -> None:
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
        widgets.heading(f"Dream of {layer.name}", line, widgets.depth_colour(layer.depth))
        if recipe.units:
            st.button(
                "Let all neurons dream", key="all", on_click=links.change, kwargs={"unit": None}
            )


def called(network: Network, dream: Dream) -> list[str]:
    """Name the neurons that dream."""
    found = []
    for unit in dream.recipe.units:
        name = unit_labels.unit_name(network, dream.layer, unit)
        found.append(f"neuron {unit} ({name})" if name else f"neuron {unit}")
    return found


def show_depths(network: Network, dream: Dream) -> None:
    """Show the slider of depths, and have its examples dreamt while nothing else is."""
    wanted = Wanted()
    layers = network.shown
    asked = wanted.ask([dreaming.example(network, it) for it in dreaming.examples(network)])

    def show(_: rows.Sketches) -> None:
        stops = dreaming.stops(network)
        at = [it.name for it in layers].index(dream.layer.name)
        if layering.depth_slider(stops, at, "depth slider", network.name, pick):
            st.rerun()

    rows.grow("depth", asked, None, show)
    wanted.settle()


def pick(layer: str) -> None:
    """Dream with another layer."""
    links.change(layer=layer, unit=None)


def show_dream(network: Network, dream: Dream, job: Job | str | None) -> None:
    """Show the dream over its picture, follow it as it grows, and offer what can be done."""

    def show(found: StoredPicture | None, sketch: bytes | None, now: Job | str | None) -> None:
        after = dreaming.shown(found.image) if found else sketch and thumbnails.data_url(sketch)
        width, height = dream.picture.picture.size
        label = f"{dream.picture.title.capitalize()}, dreamt by {dream.layer.name}"
        label += "" if found else ", unfinished"
        place = f"{dream.recipe.image} {network.name}"
        large.compare(dreaming.before(dream), after, (height, width), "compare", label, place)
        following.status(
            now,
            "{:.0%} dreamt".format,
            "dream",
            lambda: show_save(dream, sketch, "webp", "Save it as it is") if sketch else None,
            lambda: show_tools(network, dream, found) if found else None,
        )

    following.picture(dream.recipe.key, job, POLL_SECONDS, show)


def show_tools(network: Network, dream: Dream, stored: StoredPicture) -> None:
    """Offer what can be done with a finished dream."""
    st.button(
        "Dream deeper from here",
        key="deeper",
        type="primary",
        icon=":material/bedtime:",
        on_click=dreaming.deeper,
        args=(dream.recipe.key,),
        help="The dream becomes the picture that the next one begins with.",
    )
    show_save(dream, stored.image, "png", "Save as PNG")
    offering.code(dream.recipe, 0, "dream")
    query = {"network": network.name, "picture": dream.picture.name}
    for name in ("strength", "seed"):
        if name in st.query_params:
            query[name] = st.query_params[name]
    icon = ":material/view_column:"
    st.page_link(links.DEPTHS, label="All depths side by side", icon=icon, query_params=query)


def show_save(dream: Dream, image: bytes, kind: str, label: str) -> None:
    """Offer a picture as a file."""
    title = dream.picture.title.replace(" ", "-")
    name = f"dream-{title}-{dream.recipe.network}-{dream.layer.name}.{kind}"
    icon = ":material/download:"
    st.download_button(
        label, image, name, f"image/{kind}", key="save", icon=icon, on_click="ignore"
    )


def show_more(dream: Dream) -> None:
    """Let the visitor choose how it is dreamt; the address changes at once."""
    recipe = dream.recipe
    tuning = Tuning(recipe)
    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        show_strength(tuning, recipe)
        tuning.slide("steps", "Steps at each size", STEPS)
        tuning.slide("size", "Longer side in pixels", SIZES)
        tuning.seed("Seed: another one dreams otherwise")
        show_colours(tuning, recipe)
        tuning.back(SETTINGS)
    with st.expander("Dream of another picture", expanded=bool(recipe.guide), key="guided"):
        st.caption("A guide: the dream goes towards what the layer sees in that picture.")
        choosing.choose("guide", "", [], "Guide")


def show_strength(tuning: Tuning, recipe: DreamRecipe) -> None:
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
            key=tuning.key(name),
            on_change=tuning.put,
            args=(name,),
        )


def show_colours(tuning: Tuning, recipe: DreamRecipe) -> None:
    """Let the visitor choose whose colours a dream has; links have a word for it."""
    key = tuning.key("colours")

    def put() -> None:
        links.change(colours=links.KEPT if st.session_state[key] else None)

    st.toggle("Keep the picture's colours", recipe.keep_colours, key=key, on_change=put)


main()
