"""Depths: the same picture dreamt at several depths, and what the network sees in each dream."""

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from core.analysis import unit_labels
from core.dreams import depth_series
from core.errors import ExplorerError
from core.experiments import concept_growth
from core.experiments import concept_growth as measures
from core.experiments.concept_growth import DreamMeasures
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.dream import STRENGTH_RANGE, DreamRecipe
from core.recipes.recipe import SEED_RANGE
from explorer import thumbnails
from explorer.charts import depth_colours, figures
from explorer.text import layer_summary
from explorer.ui import chart, image_picker, job_status, network_picker, server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.dream import dream_view
from explorer.ui.image_picker import PickedImage
from explorer.ui.job_status import JobRequests

# In the chart: the labels and the classes that stand out most in any dream.
LABELS, CLASSES = 10, 6
# This label answers the question that everybody asks, so it is always there.
ASKED = "eye"
THUMBNAIL_PIXELS = 256
# A growth of so much has the full colour: 8 times as much as a usual neuron.
FULL = 3.0
# A class below this is not worth a row.
LIKELY = 0.05


def main() -> None:
    """Read the URL, and show the row and what is seen in it."""
    html_snippets.page_css("dream")
    problems: list[str] = []
    layout = network_picker.page_layout(problems)
    if layout is None:
        return
    network = layout.network
    with layout.main:
        with layout.sidebar:
            chosen = image_picker.pick_image("picture", dream_view.SAMPLE, problems)
            picture = chosen or image_picker.find_image(dream_view.SAMPLE)
        count, strength, seed = settings(network, problems)
        with layout.sidebar:
            show_settings(network, count, strength, seed)
        html_snippets.heading(
            "Depths side by side",
            "The same picture, seed and strength; only the layer that dreams differs.",
            depth_colours.depth_colour(0.5),
        )
        network_picker.show_problems(problems)
        layers = measures.spread(network, count)
        image = image_picker.store_input(picture)
        recipes = depth_series.plan_series(network, layers, image, strength=strength, seed=seed)
        show_row(network, picture, layers, recipes)


def settings(network: Network, problems: list[str]) -> tuple[int, float, int]:
    """Read from the URL how many depths, how strongly and with which seed."""
    most = min(measures.DEPTHS[1], max(len(network.shown) - 1, 1))
    try:
        count = urls.number("depths", (min(measures.DEPTHS[0], most), most))
        return (
            min(measures.USUAL_DEPTHS, most) if count is None else count,
            dream_view.strength(),
            urls.number("seed", SEED_RANGE) or 0,
        )
    except ExplorerError as error:
        problems.append(str(error))
        return min(measures.USUAL_DEPTHS, most), DreamRecipe.strength, 0


def show_settings(network: Network, count: int, strength: float, seed: int) -> None:
    """Let the visitor choose how many depths, how strongly and with which seed."""
    key = f"{network.name} {count} {strength} {seed}"
    most = min(measures.DEPTHS[1], max(len(network.shown) - 1, 1))

    def put(name: str, usual: object) -> None:
        value = st.session_state[f"{name} {key}"]
        urls.update_query(**{name: None if value == usual else f"{value}"})

    with st.popover("More", icon=":material/tune:", width="stretch", key="more"):
        if most > measures.DEPTHS[0]:
            usual = min(measures.USUAL_DEPTHS, most)
            st.slider(
                "How many depths",
                measures.DEPTHS[0],
                most,
                count,
                key=f"depths {key}",
                on_change=put,
                args=("depths", usual),
            )
        st.slider(
            "Strength: how far they leave the picture",
            *STRENGTH_RANGE,
            strength,
            0.25,
            key=f"strength {key}",
            on_change=put,
            args=("strength", DreamRecipe.strength),
        )
        st.number_input(
            "Seed", *SEED_RANGE, seed, key=f"seed {key}", on_change=put, args=("seed", 0)
        )


def show_row(
    network: Network, picture: PickedImage, layers: Sequence[Layer], recipes: Sequence[DreamRecipe]
) -> None:
    """Show the dreams as they come, and what is seen in them once all are there."""
    wanted = JobRequests()
    asked = wanted.ask(recipes)
    store = server_state.store()
    images = {it.key: found.image for it in recipes if (found := store.picture(it.key, 0))}
    told: list[DreamMeasures] = []
    if len(images) == len(recipes):
        told = tell(network, network.fingerprint, recipes)
    width, height = picture.picture.size
    style = f"--columns: {min(len(layers), 3)}; --proportion: {width} / {height}"

    def show(previews: job_status.Previews) -> None:
        written = []
        for at, (layer, recipe) in enumerate(zip(layers, recipes, strict=True)):
            found = store.picture(recipe.key, 0)
            image = found.image if found else None
            preview = previews.get((recipe.key, 0))
            written.append(figure(network, layer, image, preview, told[at] if told else None))
        st.html(f'<div class="depths" style="{style}">{"".join(written)}</div>')

    total = len(recipes)
    job_status.show_while_running(
        "depths", asked, lambda _: f"{len(images)} of {total} depths dreamt", show
    )
    show_ways(network, layers, recipes)
    if told:
        show_charts(network, layers, told)
    wanted.settle()


@st.cache_data(max_entries=32, show_spinner=False)
def tell(_network: Network, weights: str, recipes: Sequence[DreamRecipe]) -> list[DreamMeasures]:
    """Look at finished dreams, once for all."""
    store = server_state.store()
    dreams = [found.image for it in recipes if (found := store.picture(it.key, 0)) is not None]
    return concept_growth.measure_dreams(
        _network, store.input(recipes[0].image) or b"", recipes, dreams
    )


def figure(
    network: Network,
    layer: Layer,
    image: bytes | None,
    preview: bytes | None,
    told: DreamMeasures | None,
) -> str:
    """Write one dream with its layer and what is seen in it as HTML."""
    alt = escape(f"Dream of {layer.name}")
    shown = f'<div class="place" role="img" aria-label="{alt}, not dreamt yet"></div>'
    if image is not None:
        shown = f'<img alt="{alt}" src="{thumbnails.thumbnail(image, THUMBNAIL_PIXELS)}">'
    elif preview is not None:
        shown = (
            f'<img class="preview" alt="{alt}, unfinished" src="{thumbnails.data_url(preview)}">'
        )
    colour = depth_colours.depth_colour(layer.depth)
    seen = "\N{NO-BREAK SPACE}"
    if told is not None:
        seen = "taken for " + ", ".join(f"{it} {share:.0%}" for it, share in told.classes[:2])
    return (
        f'<figure>{shown}<figcaption><b><i style="background:{colour}"></i>{escape(layer.name)}'
        f"</b><small>{escape(layer_summary.describe_field(layer))}</small><small>{escape(seen)}</small>"
        "</figcaption></figure>"
    )


def show_ways(network: Network, layers: Sequence[Layer], recipes: Sequence[DreamRecipe]) -> None:
    """Offer each dream's own page."""
    with st.container(key="depths-ways", horizontal=True, vertical_alignment="center"):
        st.caption("Dream on with")
        for layer, recipe in zip(layers, recipes, strict=True):
            query = urls.dream(recipe)
            del query["size"]
            st.page_link(urls.DREAM, label=layer.name, query_params=query)


def show_charts(network: Network, layers: Sequence[Layer], told: Sequence[DreamMeasures]) -> None:
    """Show which labels' neurons grew at which depth, and which classes are seen."""
    names = [layer.name for layer in layers]
    colour = depth_colours.DEPTH_COLOURS[1]
    paint = "#" + "".join(f"{part:02x}" for part in colour)
    if unit_labels.labels_of(network) is not None:
        st.html(
            '<div class="section"><h3>Whose neurons grew</h3><p>How many times as much the neurons '
            "of a label answer to the dream as to the picture, against a usual neuron of their "
            "layer. The layer that dreamt is not asked.</p></div>"
        )
        table = figures.heatmap(
            concept_growth.growth_table([it.grown for it in told], LABELS, ASKED),
            names,
            "{:.1f}".format,
            paint,
            2**FULL,
        )
        chart.show_chart(table, "grown", f"{network.name}-depths-labels")
        st.html(f'<p class="fact-words">{escape(answer(names, told))}</p>')
    st.html(
        '<div class="section"><h3>What the network takes each for</h3><p>The probability of its '
        "likeliest classes.</p></div>"
    )
    table = figures.heatmap(classes(told), names, "{:.0%}".format, paint, 1.0)
    chart.show_chart(table, "classes", f"{network.name}-depths-classes")


def classes(told: Sequence[DreamMeasures]) -> Mapping[str, list[float | None]]:
    """Tabulate the classes that are likeliest in any dream."""
    tables = [dict(each.classes) for each in told]
    best: dict[str, float] = {}
    for table in tables:
        for name, share in table.items():
            best[name] = max(share, best.get(name, 0.0))
    order = sorted(best, key=lambda name: -best[name])
    chosen = [it for it in order[:CLASSES] if best[it] >= LIKELY] or order[:1]
    return {name: [table.get(name) for table in tables] for name in chosen}


def answer(names: Sequence[str], told: Sequence[DreamMeasures]) -> str:
    """Say in a sentence at which depth eyes grew most."""
    values = []
    for name, each in zip(names, told, strict=True):
        order = [it.concept for it in each.grown]
        if ASKED in order:
            place = order.index(ASKED) + 1
            values.append((each.grown[place - 1].value, name, place, len(order)))
    if not values:
        return ""
    value, name, place, total = max(values)
    return (
        f"Why so many eyes? Their neurons grow most where {name} dreams: {2**value:.1f} times, "
        f"place {place} of {total} labels."
    )


main()
