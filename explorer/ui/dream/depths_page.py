"""The parts of the page Dreams by layer: dreams in a row, links to the Dream page, charts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape

import streamlit as st

from core.analysis import probe
from core.experiments import concept_growth
from core.experiments.concept_growth import DreamMeasures
from core.networks import Layer, Network
from core.recipes.dream import DreamRecipe
from explorer.charts import depth_colours
from explorer.text import formatting, layer_summary
from explorer.text.formatting import percent
from explorer.ui import (
    chart,
    concept_chart,
    image_picker,
    incremental,
    job_requests,
    job_status,
    server_state,
    url_codecs,
    urls,
)
from explorer.ui.components import html_snippets
from explorer.ui.components.figure_row import CaptionedImage, captioned, figure_row
from explorer.ui.dream import dream_view
from explorer.ui.image_picker import PickedImage

# Number of classes in the chart: those with the highest probability in any of the dreams.
CLASSES = 6
THUMBNAIL_PIXELS = 256
# Growth, in doublings, that the chart of labels draws in the full colour.
FULL = 3.0
# A class whose probability is below this in every dream is not in the chart.
LIKELY = 0.05


def show_dreams(
    network: Network, picture: PickedImage, layers: Sequence[Layer], recipes: Sequence[DreamRecipe]
) -> None:
    """Show each dream when it is finished, and charts of measures when all are finished.

    Args:
        network: the network that dreams.
        picture: the image that all dreams start from.
        layers: the layer of each dream.
        recipes: the recipe of each dream.
    """
    requests = job_requests.JobRequests()
    asked = requests.ask(recipes)
    finished = sum(server_state.finished_image(it) is not None for it in recipes)
    total = len(recipes)
    measured: Sequence[DreamMeasures] | None = None
    samples = _sample_dreams(recipes) if finished < total else {}

    def show(previews: job_status.Previews, measured: Sequence[DreamMeasures] | None) -> None:
        images = []
        for at, (layer, recipe) in enumerate(zip(layers, recipes, strict=True)):
            image, preview = server_state.finished_image(recipe), previews.get((recipe.key, 0))
            facts = measured[at] if measured else None
            images.append(_captioned(layer, image, preview, facts, samples.get(at)))
        figure_row(images, picture.size, "depths", min(total, 3), "not dreamt yet")
        if any(it.url is None and it.sample for it in images):
            st.caption(f"Faint until they are dreamt: {_sample().title}, as an example.")
        elif words := probe.caveat(network):
            st.caption(formatting.escape_markdown(words))

    if finished == total:
        measured = incremental.draw_then_measure(
            " ".join(it.key for it in recipes), partial(show, {}), lambda: measure(network, recipes)
        )
    else:
        job_status.show_while_running(
            "depths",
            asked,
            lambda _: f"{finished} of {total} layers dreamt",
            lambda previews: show(previews, None),
        )
    show_links(layers, recipes)
    if measured:
        show_charts(network, layers, measured)
    requests.settle()


def _sample_dreams(recipes: Sequence[DreamRecipe]) -> dict[int, bytes]:
    """Return the dreams of the sample with the same settings that are finished, by their place."""
    sample = image_picker.store_input(_sample())
    dreams = (server_state.finished_image(replace(it, image=sample)) for it in recipes)
    return {at: it for at, it in enumerate(dreams) if it is not None}


def _sample() -> PickedImage:
    return image_picker.find_image(dream_view.SAMPLE)


@server_state.cached(32)
def measure(network: Network, recipes: Sequence[DreamRecipe]) -> list[DreamMeasures]:
    """Measure finished dreams, cached: predicted classes, and responses of units with labels."""
    dreams = [server_state.finished_image(it) or b"" for it in recipes]
    original = server_state.store().input(recipes[0].image) or b""
    return concept_growth.measure_dreams(network, original, recipes, dreams)


def _captioned(
    layer: Layer,
    image: bytes | None,
    preview: bytes | None,
    measured: DreamMeasures | None,
    sample: bytes | None,
) -> CaptionedImage:
    """Return a dream with a caption: its layer, and the classes that the network predicts."""
    classes = "\N{NO-BREAK SPACE}"
    if measured is not None and measured.classes:
        likeliest = (f"{it} {percent(share)}" for it, share in measured.classes[:2])
        classes = "answer: " + ", ".join(likeliest)
    return captioned(
        image,
        preview,
        THUMBNAIL_PIXELS,
        layer.name,
        (layer_summary.describe_field(layer), classes),
        depth_colours.depth_colour(layer.depth),
        f"Dream of {layer.name}",
        sample,
    )


def show_links(layers: Sequence[Layer], recipes: Sequence[DreamRecipe]) -> None:
    """Show for every dream a link that opens the dream on the Dream page."""
    with st.container(key="depths-ways", horizontal=True, vertical_alignment="center"):
        st.caption("Open one on the Dream page:")
        for layer, recipe in zip(layers, recipes, strict=True):
            query = url_codecs.dream_to_query(recipe)
            del query["size"]
            st.page_link(urls.DREAM, label=layer.name, query_params=query)


def show_charts(
    network: Network, layers: Sequence[Layer], measured: Sequence[DreamMeasures]
) -> None:
    """Show a chart of the labels whose units respond more to the dreams, and one of the classes.

    Args:
        network: the network that dreams.
        layers: the layer of each dream.
        measured: the measures of each dream.
    """
    names = [layer.name for layer in layers]
    line = (
        "For each label: how many times as strongly its neurons respond to the dream as to the "
        "picture, compared with a typical neuron of their layer. The layer that dreamt is left "
        "out."
    )
    grown = [it.grown for it in measured]
    if concept_chart.show_growth(network, names, grown, FULL, line, f"{network.name}-depths"):
        st.html(f'<p class="fact-words">{escape(describe_growth(names, measured))}</p>')
    if not network.labels:
        return
    html_snippets.section(
        "What the network takes each dream for", "The probabilities of the likeliest classes."
    )
    colour = depth_colours.depth_colour(0.5)
    table, name = tabulate_classes(measured), f"{network.name}-depths-classes"
    chart.show_table(table, names, percent, colour, 1.0, "classes", name)


def tabulate_classes(measured: Sequence[DreamMeasures]) -> Mapping[str, list[float | None]]:
    """Return by class its probability in each dream, for at most ``CLASSES`` classes.

    These are the classes with the highest probability in any of the dreams.
    """
    tables = [dict(each.classes) for each in measured]
    best: dict[str, float] = {}
    for table in tables:
        for name, share in table.items():
            best[name] = max(share, best.get(name, 0.0))
    order = sorted(best, key=lambda name: -best[name])
    chosen = [it for it in order[:CLASSES] if best[it] >= LIKELY] or order[:1]
    return {name: [table.get(name) for table in tables] for name in chosen}


def describe_growth(names: Sequence[str], measured: Sequence[DreamMeasures]) -> str:
    """Return a sentence on the layer whose dream increases the responses of eye units most."""
    values = []
    for name, each in zip(names, measured, strict=True):
        order = [it.concept for it in each.grown]
        if concept_chart.HIGHLIGHTED in order:
            rank = order.index(concept_chart.HIGHLIGHTED) + 1
            values.append((each.grown[rank - 1].value, name, rank, len(order)))
    if not values:
        return ""
    value, name, rank, total = max(values)
    return (
        f"Why so many eyes? Neurons with the label eye respond most to the dream of {name}: "
        f"{2**value:.1f} times as strongly as before, rank {rank} of {total} labels."
    )
