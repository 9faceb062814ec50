"""Lesson 2: the nine pictures that excite a neuron most."""

import functools
import threading
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.analysis import unit_labels
from core.datasets import sources
from core.errors import ExplorerError
from core.experiments import lesson_measures
from core.index import build, reader
from core.index.reader import Index
from core.networks.depth_sampling import nearest_to_depth
from core.networks.layers import Layer
from core.networks.network import Network
from explorer import layer_pages, thumbnails
from explorer.paths import home
from explorer.reports import crop_images
from explorer.text import formatting
from explorer.ui import server_state, urls
from explorer.ui.components import html_snippets
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, MeasuredAnswer

# A tenth of a second of looking for each dozen; ten drawings of each class.
DRAWINGS = "sketchworld:720"
FOLDER = "lessons"
PIXELS = 320
FIRST_DEPTH = 0.6
GUESSES = ("1 to 3", "4 or 5", "6 or 7", "8 or 9")
_MAKING = threading.Lock()


def stage(here: LessonContext) -> None:
    """Show a neuron's nine, beside the picture that it wants to see."""
    layers = here.network.shown
    first = nearest_to_depth(layers, FIRST_DEPTH)
    layer = lesson_context.layer_slider(here, layers, first)
    unit = _unit(here, layer)
    index = made(here.network)
    left, right = st.columns(2, gap="medium")
    with left:
        sheet = crop_images.crop_sheet(index, layer.name, unit)
        st.html(
            html_snippets.large_picture_html(sheet, f"Nine crops that excite neuron {unit} most")
        )
        st.caption("What excites it most, out of 720 drawings")
    with right:
        found = server_state.store().picture(
            layer_pages.part_of(here.network, layer, unit).key, unit
        )
        if found is not None:
            url = thumbnails.thumbnail(found.image, PIXELS)
            st.html(html_snippets.large_picture_html(url, f"What neuron {unit} wants to see"))
            st.caption("What it wants to see: a picture that began as noise")
    name = unit_labels.unit_name(here.network, layer, unit)
    share = lesson_measures.most_common_share(labels(index, layer.name, unit))
    told = f"Neuron {unit} of {layer.name}"
    told += f", measured to stand for {name}" if name else ""
    st.markdown(
        f"{formatting.escape_markdown(told)}. "
        f"Of its nine, {round(share * lesson_measures.NINE)} show the same kind."
    )
    query = {"network": here.network.name, "layer": layer.name, "unit": str(unit)}
    icon = ":material/center_focus_strong:"
    st.page_link(urls.NEURON, label="Open this neuron", icon=icon, query_params=query)


def _unit(here: LessonContext, layer: Layer) -> int:
    """Let the reader choose a neuron; the clearest at first."""
    unit = unit_labels.clearest_unit(here.network, layer.name) or 0
    try:
        named = urls.number("unit", (0, layer.channels - 1))
        unit = unit if named is None else named
    except ExplorerError as error:
        here.problems.append(str(error))
    key = f"unit {here.key} {layer.name}"
    st.session_state[key] = unit
    st.number_input(
        f"Neuron of {layer.name}, 0 to {layer.channels - 1}",
        0,
        layer.channels - 1,
        key=key,
        on_change=lambda: urls.update_query(unit=st.session_state[key]),
    )
    return unit


def made(network: Network) -> Index:
    """Open the lesson's index, and make it first where it is not there.

    Raises:
        ExplorerError: it cannot be made.
    """
    file = home() / FOLDER / f"{network.name}-{network.fingerprint}.index"
    with _MAKING:
        if not file.is_file() or not reader.open_index(file).complete:
            _make(network, file)
    return _opened(file)


def _make(network: Network, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    source = sources.find_source(DRAWINGS)
    tally = build.open_accumulator(build.plan_index(network, source), source, file, resume=True)
    slot = st.empty()
    for step in build.build_index(network, source, tally, file):
        words = f"Showing {network.name} {step.total} drawings, once"
        slot.progress(step.done / max(step.total, 1), words)
    slot.empty()


@functools.lru_cache(maxsize=4)
def _opened(file: Path) -> Index:
    return reader.open_index(file)


def labels(index: Index, layer: str, unit: int) -> list[str]:
    """Tell what the nine pictures of a neuron show."""
    return [index.label(hit.picture) for hit in index.top(layer, unit)[: lesson_measures.NINE]]


def options(here: LessonContext) -> Sequence[str]:
    """Offer numbers."""
    return GUESSES


def answer(here: LessonContext) -> MeasuredAnswer:
    """Measure how far the nine agree, by layer."""
    found = agreement(here.network, here.network.fingerprint)
    by_chance = lesson_measures.chance_agreement(kinds())
    (first, shallow), (last, deep) = next(iter(found.items())), list(found.items())[-1]
    nine = lesson_measures.NINE
    return MeasuredAnswer(
        guess_of(deep * nine),
        f"{deep * nine:.1f} of nine in {last}, {shallow * nine:.1f} in {first}; nine taken by "
        f"chance agree in {by_chance * nine:.1f}.",
        {"of nine, of the same kind": {name: value * nine for name, value in found.items()}},
        "{:.1f}".format,
    )


def guess_of(count: float) -> str:
    """Find the guess that a mean number falls into."""
    return next(
        (it for it, end in zip(GUESSES, (3.5, 5.5, 7.5), strict=False) if count < end), GUESSES[-1]
    )


@functools.cache
def kinds() -> list[str]:
    """List what the drawings show."""
    source = sources.find_source(DRAWINGS)
    return [source.label(entry.name) for entry in source.entries()]


@st.cache_data(max_entries=8, show_spinner="Comparing the nine of every neuron ...")
def agreement(_network: Network, weights: str) -> dict[str, float]:
    """Measure it once for all."""
    return lesson_measures.label_agreement(made(_network))
