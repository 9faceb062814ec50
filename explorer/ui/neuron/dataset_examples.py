"""The dataset examples of a unit: images with the highest, lowest and intermediate activations."""

from collections import Counter
from functools import lru_cache, partial
from html import escape

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.analysis import attribution, crops, probe
from core.datasets.image_source import printable
from core.errors import ExplorerError
from core.images import image_io
from core.index.reader import Hit, Index
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from explorer.charts import depth_colours, figures
from explorer.library import indexes
from explorer.reports import crop_images
from explorer.reports.crop_images import CROPS_PER_SHEET
from explorer.store.results import StoredPicture
from explorer.text import formatting
from explorer.text.formatting import percent
from explorer.ui import chart, image_picker, index_picker, url_controls, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.incremental import MadeSoFar, show_while_making
from explorer.ui.neuron import ruler
from explorer.ui.neuron.pictures import NeuronView

# The labels of two controls, by the word in the URL: which examples are shown, and how.
MOST, BETWEEN, LEAST = "", "between", "least"
WHICH = {MOST: "Most", BETWEEN: "Between", LEAST: "Least"}
EVIDENCE = {
    "": "Crop",
    crops.SURROUNDINGS: "With surroundings",
    crops.HEAT: "Heat map",
    attribution.GUIDED: "Guided backprop",
    attribution.DECONVOLUTION: "Deconvolution",
}
STORIES = {
    "": "Cut to exactly what the neuron saw: beyond the picture's border there is nothing. Click "
    "one to look closer.",
    crops.SURROUNDINGS: "What the neuron saw is framed, within its picture.",
    crops.HEAT: "Bright is where the neuron is excited.",
    attribution.GUIDED: "Which pixels raised the activation: the gradient, along those paths that "
    "were active and raised it (guided backpropagation).",
    attribution.DECONVOLUTION: "The neuron's activation projected back to the pixels, as Zeiler "
    "and Fergus did. Only positive signals pass back, so sometimes nothing is left.",
}
# Percentiles of the unit's activations at which the intermediate examples are.
SHARES = (99, 95, 90, 75, 50, 25, 10, 5, 1)
LABELS_AT_MOST = 6
FOUND_AT_MOST = 512


def show_examples(neuron: NeuronView, index: Index | None, problems: list[str]) -> None:
    """Show the dataset examples of a unit; without an index, show how to build one.

    Args:
        neuron: the unit.
        index: the index with the examples; None if the network has none.
        problems: a sentence is appended for each problem of the link.
    """
    network, layer = neuron.network, neuron.layer
    what = "drawings" if index is None else indexes.describe_index(index)
    html_snippets.section("In pictures", f"Which {what} excite it, and which do not.")
    if index is None:
        what = "the pictures that excite it, and whether it tells classes apart"
        index_picker.show_missing_index(network, "neuron", what, ask=True)
        return
    if layer.name not in [it.name for it in index.plan.layers]:
        st.caption(
            f"This index does not have {layer.name}. Make an index with this layer to see more."
        )
        return
    index_picker.index_selectbox(network)
    left, right = st.columns([1, 1], gap="large")
    with left, st.container(key="crops"):
        which = url_controls.word_control("pictures", WHICH, problems)
        how = url_controls.word_control("evidence", EVIDENCE, problems)
        _grid(neuron, index, which, how)
    with right, st.container(key="spread"):
        _spread(neuron, index)


def _grid(neuron: NeuronView, index: Index, which: str, how: str) -> None:
    """Show the crops of nine dataset examples; each is shown when it is made.

    Args:
        neuron: the unit.
        index: the index with the examples.
        which: which examples, a key of ``WHICH``.
        how: how they are shown, a key of ``EVIDENCE``.
    """
    network, layer, unit = neuron.network, neuron.layer.name, neuron.unit
    found = find_hits(index, network, layer, unit, which)
    if not found:
        noun = indexes.image_noun(index, 1)
        st.caption(
            f"No {noun} excites this neuron: its activation is the same for all {index.count:,}."
        )
        return
    problem = ""
    if how in attribution.PROJECTIONS and (
        problem := attribution.projection_problem(network, layer)
    ):
        how = ""
    makers = {
        at: partial(crop_images.crop_url, index, network, layer, unit, hit, how)
        for at, (hit, _) in enumerate(found)
    }

    def show(made: MadeSoFar[int], _: object) -> None:
        tiles = [
            PictureTile(
                str(at),
                f"{printable(hit.picture)}, activation {formatting.number(hit.value)}",
                made.pictures.get(at),
                title=words,
                note=formatting.number(hit.value),
                caption=words,
            )
            for at, (hit, words) in enumerate(found)
        ]
        label = f"Examples for neuron {unit} of {layer} in {title_of(network.name)}"
        clicked = tile_grid(tiles, "crops tiles", label, columns=3, set_key=f"{which} {how}")
        trouble = made.problem or problem
        st.caption(f"{formatting.escape_markdown(trouble)}." if trouble else STORIES[how])
        if clicked is not None:
            open_probe(neuron, index, found[int(clicked)][0])

    show_while_making(makers, show)


@lru_cache(maxsize=FOUND_AT_MOST)
def find_hits(
    index: Index, network: Network, layer: str, unit: int, which: str
) -> tuple[tuple[Hit, str], ...]:
    """Return up to nine dataset examples of a unit, each with a caption.

    A dead unit has only those with the lowest activations.

    Args:
        index: the index with the examples.
        network: the network.
        layer, unit: the unit.
        which: which examples, a key of ``WHICH``.

    Raises:
        ExplorerError: as ``probe.locate_maximum``.
    """
    if which != LEAST and index.dead(layer, unit):
        return ()
    if which == BETWEEN:
        sampled = index.between(layer, unit, SHARES)
        located = [probe.locate_maximum(index, network, layer, unit, it) for it in sampled]
        shares = [index.percentile(layer, unit, it.value) for it in sampled]
        return tuple(
            (hit, f"above {percent(share / 100)}")
            for hit, share in zip(located, shares, strict=True)
        )
    some = (index.least if which == LEAST else index.top)(layer, unit)[:CROPS_PER_SHEET]
    return tuple((hit, hit_label(index, hit.picture)) for hit in some)


@lru_cache(maxsize=FOUND_AT_MOST)
def _histogram(index: Index, layer: str, unit: int, colour: str) -> go.Figure:
    """Draw the histogram of a unit's activations for all images of an index."""
    best, values = index.top(layer, unit), index.values(layer, unit)
    marks = {"median": float(np.median(values)) if len(values) else 0.0}
    if best:
        marks["best"] = best[0].value
    return figures.histogram(values, marks, colour, indexes.image_noun(index))


@lru_cache(maxsize=FOUND_AT_MOST * CROPS_PER_SHEET)
def hit_label(index: Index, picture: str) -> str:
    """Return the label of an image, such as its class; "" if the collection of images is gone."""
    try:
        return index.label(picture)
    except ExplorerError:
        return ""


def open_probe(neuron: NeuronView, index: Index, hit: Hit) -> None:
    """Go to the Probe page with the image of a dataset example, and select the unit there."""
    try:
        own = image_picker.store_image(index.picture(hit.picture))
    except ExplorerError as error:
        st.error(formatting.escape_markdown(str(error)))
        return
    query = {
        "network": neuron.network.name,
        "picture": own.name,
        "layer": neuron.layer.name,
        "unit": str(neuron.unit),
    }
    st.switch_page(urls.PROBE, query_params=query)


def _spread(neuron: NeuronView, index: Index) -> None:
    """Show statistics of a unit for all images of an index.

    These are the histogram of its activations, the labels of the examples with the highest
    activations, and the activation of its feature visualization for comparison.
    """
    layer, unit = neuron.layer, neuron.unit
    colour = depth_colours.depth_colour(layer.depth)
    best = index.top(layer.name, unit)
    noun = indexes.image_noun(index)
    where = ", at the strongest place" if layer.size else ""
    html_snippets.side_heading(f"How much the {noun} excite it{where}")
    chart.show_chart(
        _histogram(index, layer.name, unit, colour),
        "histogram",  # One chart that changes is redrawn sooner than a new one is drawn.
        f"{neuron.network.name}-{layer.name}-{unit}-activations",
    )
    own = neuron.small("").find() if best else None
    named = [it for it in (hit_label(index, hit.picture) for hit in best) if it]
    if named:
        st.html(f'<h4 class="side">What its best {len(named)} show</h4>{_labels(named, colour)}')
    if own is not None:
        st.html(_ruler(neuron, own, index, colour))


def _labels(named: list[str], colour: str) -> str:
    """Return HTML with bars of how often each label occurs.

    If no label occurs twice, the HTML lists some of the labels instead.
    """
    counted = Counter(named).most_common(LABELS_AT_MOST)
    if len(named) > 1 and counted[0][1] == 1:
        some = ", ".join(name for name, _ in counted)
        return f'<p class="fact-words">Each something else: {escape(some)} ...</p>'
    rows = [
        f"<dt>{escape(name)}</dt>"
        f'<dd><i style="width:{100 * count / len(named):.1f}%;background:{colour}"></i>{count}</dd>'
        for name, count in counted
    ]
    return f'<dl class="counts">{"".join(rows)}</dl>'


def _ruler(neuron: NeuronView, stored: StoredPicture, index: Index, colour: str) -> str:
    """Return HTML that compares a unit's activation for its visualization with those for images.

    The activation is the mean over positions if the index has it, as the feature visualization
    maximises that mean. Otherwise it is the maximum over positions. A visualization need not have a
    high maximum.
    """
    layer, unit = neuron.layer.name, neuron.unit
    by = "mean" if "mean" in index.plan.by else "max"
    best, values = index.top(layer, unit, by)[0].value, index.values(layer, unit, by)
    own = float(stored.facts["activation"])
    if by == "max":
        own = _max_activation(neuron.network, neuron.layer, unit, stored.image)
    median = float(np.median(values))
    marks = {"median": median, "best": best, "its own": own}
    drawn = ruler.ruler_html(own, values.tolist(), colour, marks)
    words = compare_values(
        own, best, median, indexes.image_noun(index, 1), indexes.describe_index(index)
    )
    what = "mean over the picture" if by == "mean" else "at the highest place"
    return (
        f'<h4 class="side">Its own picture compared with them</h4>{drawn}'
        f'<p class="ruler-words">{escape(words.removesuffix("."))} ({what}).</p>'
    )


def compare_values(own: float, best: float, median: float, noun: str, words: str) -> str:
    """Return a sentence that compares the activation of a visualization with those of a collection.

    Args:
        own: activation of the unit for its feature visualization.
        best, median: highest and median activation of the unit for the collection's images.
        noun: word for one image, such as ``drawing``.
        words: description of the collection, such as ``5,000 drawings``.
    """
    if own > best > 0:
        usual = f", and {_times(own / median)} times the median {noun}" if median > 0 else ""
        return f"{_times(own / best)} times the best of {words}{usual}."
    if own > best:
        return f"More than any of {words}."
    share = f": {percent(own / best)} of it" if best > 0 and own > 0 else ""
    return f"Less than the best of {words}{share}."


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"


@lru_cache(maxsize=FOUND_AT_MOST)
def _max_activation(network: Network, layer: Layer, unit: int, picture: bytes) -> float:
    """Return the maximum activation of a unit over all positions of an image."""
    image = image_io.to_tensor(image_io.open_picture(picture))
    return float(network.activations(image, [layer.name])[layer.name][0, unit].max())
