"""The pictures of a collection that excite a neuron: most, least and between."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache, partial
from html import escape

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.analysis import attribution, crops, probe
from core.errors import ExplorerError
from core.images import image_io
from core.index.reader import Hit, Index
from core.networks.layers import Layer
from core.networks.network import Network
from explorer.charts import depth_colours, figures
from explorer.library import indexes
from explorer.reports import crop_images
from explorer.reports.crop_images import CROPS_PER_SHEET
from explorer.store.results import StoredPicture
from explorer.text import formatting
from explorer.ui import chart, image_picker, incremental, index_picker, job_status, urls
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.neuron import reliability_badge
from explorer.ui.neuron.pictures import NeuronView

# Which of the pictures, by the word in the URL, and what of each.
MOST, BETWEEN, LEAST = "", "between", "least"
WHICH = {MOST: "Most", BETWEEN: "Between", LEAST: "Least"}
EVIDENCE = {
    "": "Crop",
    crops.HEAT: "Heat map",
    attribution.GUIDED: "Guided backprop",
    attribution.DECONVOLUTION: "Deconvolution",
}
STORIES = {
    "": "Cut to exactly what the neuron saw; click one to look closer.",
    crops.HEAT: "Bright is where the neuron is excited.",
    attribution.GUIDED: "What passes back from the neuron to the pixels, through what excited it "
    "only (guided backpropagation).",
    attribution.DECONVOLUTION: "The neuron's activation projected back to the pixels, as Zeiler "
    "and Fergus did.",
}
# Percentiles of the pictures between the best and the least.
SHARES = (99, 95, 90, 75, 50, 25, 10, 5, 1)
LABELS_AT_MOST = 6
FOUND_AT_MOST = 512


def show_examples(neuron: NeuronView, index: Index | None, problems: list[str]) -> None:
    """Show what excites a neuron in a collection; how that is found out, where it is not known."""
    network, layer = neuron.network, neuron.layer
    what = "drawings" if index is None else indexes.describe_index(index)
    st.html(
        '<div class="section"><h3>In pictures</h3>'
        f"<p>Which {escape(what)} excite it, and which do not.</p></div>"
    )
    if index is None:
        index_picker.show_missing_index(network, "neuron", "the pictures that excite it", ask=True)
        return
    if layer.name not in [it.name for it in index.plan.layers]:
        st.caption(f"This index does not know {layer.name}; index that layer, too.")
        return
    index_picker.index_selectbox(network)
    left, right = st.columns([1, 1], gap="large")
    with left, st.container(key="crops"):
        which = _control("pictures", WHICH, problems)
        how = _control("evidence", EVIDENCE, problems)
        _grid(neuron, index, which, how)
    with right, st.container(key="spread"):
        _spread(neuron, index)


def _control(name: str, words: dict[str, str], problems: list[str]) -> str:
    """Let the visitor choose one of some words, which stands in the URL."""
    try:
        chosen = urls.one_of(name, list(words))
    except ExplorerError as error:
        problems.append(str(error))
        chosen = ""
    st.session_state[name] = chosen
    st.segmented_control(
        name,
        list(words),
        format_func=words.__getitem__,
        key=name,
        label_visibility="collapsed",
        required=True,
        on_change=lambda: urls.update_query(**{name: st.session_state[name] or None}),
    )
    return chosen


def _grid(neuron: NeuronView, index: Index, which: str, how: str) -> None:
    """Show nine crops, which come one after the other."""
    network, layer, unit = neuron.network, neuron.layer.name, neuron.unit
    found = find_hits(index, network, layer, unit, which)
    if not found:
        st.caption("There are no such pictures.")
        return
    makers = {
        at: partial(crop_images.crop_url, index, network, layer, unit, hit, how)
        for at, (hit, _) in enumerate(found)
    }
    looked = [incremental.make_in_time(makers)]
    complete = looked[0].complete

    def show(_: Sequence[object]) -> bool:
        made = looked.pop() if looked else incremental.make_in_time(makers)
        tiles = [
            PictureTile(
                str(at),
                f"{hit.picture}, activation {hit.value:.3g}",
                made.pictures.get(at),
                title=words,
                note=f"{hit.value:.3g}",
                caption=words,
            )
            for at, (hit, words) in enumerate(found)
        ]
        here = f"crops {network.name} {layer} {unit} {which} {how}"
        clicked = tile_grid(tiles, "crops tiles", here, columns=3)
        st.caption(formatting.escape_markdown(made.problem) if made.problem else STORIES[how])
        if clicked is not None:
            look_closer(neuron, index, found[int(clicked)][0])
        return made.complete

    job_status.follow([], show, None if complete else incremental.POLL_SECONDS, complete)


@lru_cache(maxsize=FOUND_AT_MOST)
def find_hits(
    index: Index, network: Network, layer: str, unit: int, which: str
) -> tuple[tuple[Hit, str], ...]:
    """Find nine pictures that excite a neuron, with a few words on each.

    Raises:
        ExplorerError: as ``probe.locate_maximum``.
    """
    if which == BETWEEN:
        sampled = index.between(layer, unit, SHARES)
        located = [probe.locate_maximum(index, network, layer, unit, it) for it in sampled]
        shares = [index.percentile(layer, unit, it.value) for it in sampled]
        return tuple(
            (hit, f"above {share:.0f} %") for hit, share in zip(located, shares, strict=True)
        )
    some = (index.least if which == LEAST else index.top)(layer, unit)[:CROPS_PER_SHEET]
    return tuple((hit, hit_label(index, hit.picture)) for hit in some)


@lru_cache(maxsize=FOUND_AT_MOST)
def _histogram(index: Index, layer: str, unit: int, colour: str) -> go.Figure:
    """Draw how often a neuron is excited how much, once for all."""
    best, values = index.top(layer, unit), index.values(layer, unit)
    marks = {"median": float(np.median(values)) if len(values) else 0.0}
    if best:
        marks["best"] = best[0].value
    return figures.histogram(values, marks, colour, indexes.image_noun(index))


@lru_cache(maxsize=FOUND_AT_MOST * CROPS_PER_SHEET)
def hit_label(index: Index, picture: str) -> str:
    """Tell what a picture shows; nothing where that is not known any more."""
    try:
        return index.label(picture)
    except ExplorerError:
        return ""


def look_closer(neuron: NeuronView, index: Index, hit: Hit) -> None:
    """Go to the page that probes one of the pictures, with this neuron's answer to it."""
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
    """Show how often the neuron is excited how much, and the labels among its best pictures."""
    layer, unit = neuron.layer, neuron.unit
    colour = depth_colours.depth_colour(layer.depth)
    best = index.top(layer.name, unit)
    noun = indexes.image_noun(index)
    st.html(f'<h4 class="side">How much the {noun} excite it</h4>')
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
    """Write how often each label occurs, as bars in HTML; only some where none comes twice."""
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
    """Write how much the neuron's own picture excites it beside a collection, as HTML.

    By the mean over positions, which it was made for, where the index knows that; otherwise by
    the maximum, at which a picture that is good everywhere need not be the best.
    """
    layer, unit = neuron.layer.name, neuron.unit
    by = "mean" if "mean" in index.plan.by else "max"
    best, values = index.top(layer, unit, by)[0].value, index.values(layer, unit, by)
    own = float(stored.facts["activation"])
    if by == "max":
        own = _reached(neuron.network, neuron.layer, unit, stored.image)
    median = float(np.median(values))
    marks = {"median": median, "best": best, "its own": own}
    drawn = reliability_badge.ruler_html(own, values.tolist(), colour, marks)
    words = compare_values(
        own, best, median, indexes.image_noun(index, 1), indexes.describe_index(index)
    )
    what = "mean over the picture" if by == "mean" else "at the highest place"
    return (
        f'<h4 class="side">Its own picture beside them</h4>{drawn}'
        f'<p class="ruler-words">{escape(words)} ({what})</p>'
    )


def compare_values(own: float, best: float, median: float, noun: str, words: str) -> str:
    """Say how an activation stands to the best and the median of a collection."""
    if own > best > 0:
        usual = f", and {_times(own / median)} times the median {noun}" if median > 0 else ""
        return f"{_times(own / best)} times the best of {words}{usual}."
    if own > best:
        return f"More than any of {words}."
    share = f": {own / best:.0%} of it" if best > 0 and own > 0 else ""
    return f"Less than the best of {words}{share}."


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"


@lru_cache(maxsize=FOUND_AT_MOST)
def _reached(network: Network, layer: Layer, unit: int, picture: bytes) -> float:
    """Tell how much a picture excites a neuron where it does so most."""
    image = image_io.to_tensor(image_io.open_picture(picture))
    return float(network.activations(image, [layer.name])[layer.name][0, unit].max())
