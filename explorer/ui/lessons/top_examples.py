"""Lesson 2: the nine images with the highest activation of a unit."""

import collections
import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from core.analysis import unit_labels
from core.datasets import sources
from core.experiments import lesson_measures
from core.files import make_folder
from core.index import build, reader
from core.networks import Layer, Network, depth_sampling
from core.networks.known_networks import title_of
from explorer import cores, thumbnails
from explorer.library import index_task
from explorer.reports import crop_images
from explorer.text import formatting, neuron_names
from explorer.ui import link_problems, page_list, urls
from explorer.ui.components import html_snippets
from explorer.ui.layers.small_pictures import SmallPictures
from explorer.ui.lessons import feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import MeasuredAnswer
from explorer.ui.lessons.remembered import folder, remembered
from explorer.ui.url_controls import bind

# The collection of images: ten drawings of each class. The network needs a tenth of a second for
# twelve drawings.
DRAWINGS = "sketchworld:720"
# SketchNet's index of the collection ships with the project. ``explorer.prebuilt.lesson_index``
# makes it.
SHIPPED = Path(__file__).with_name("drawings.index")
PIXELS = 320
FIRST_DEPTH = 0.6
GUESSES = ("1 to 3", "4 or 5", "6 or 7", "8 or 9")
REASON = (
    "The reason: training made the network tell things apart, and only after many layers is a "
    "thing the same number for all its drawings."
)
_BUILDING = threading.Lock()


def stage(context: LessonContext) -> None:
    """Show a unit's feature visualization, and crops of the nine images that activate it most."""
    layers = context.network.shown
    first = depth_sampling.nearest_to_depth(layers, FIRST_DEPTH)
    layer = lesson_context.layer_slider(context, layers, first)
    unit = _unit(context, layer)
    index = open_index(context.network)
    left, right = st.columns(2, gap="medium")
    with left:
        sheet = crop_images.crop_sheet(index, layer.name, unit)
        st.html(
            html_snippets.large_picture_html(sheet, f"Nine crops that excite neuron {unit} most")
        )
        st.caption("Excites it most, of 720 drawings; grey parts lie beyond their edges")
    with right:
        found = SmallPictures(context.network, layer).find(unit)
        if found is not None:
            url = thumbnails.thumbnail(found.image, PIXELS)
            st.html(
                html_snippets.large_picture_html(url, f"The picture computed for neuron {unit}")
            )
            st.caption("Computed: noise, changed until it excited the neuron")
    name = unit_labels.unit_name(context.network, layer, unit)
    title = f"{neuron_names.title(unit, name)} of {layer.name}"
    if kinds_shown := collections.Counter(labels(index, layer.name, unit)):
        kind, count = kinds_shown.most_common(1)[0]
        title += f": {count} of its nine drawings show the same kind of thing, {kind}"
    st.markdown(f"{formatting.escape_markdown(title)}.")
    query = {"network": context.network.name, "layer": layer.name, "unit": str(unit)}
    page_list.page_link(urls.NEURON, "Open this neuron", **query)


def chosen_unit(context: LessonContext) -> tuple[Layer, int]:
    """Return the layer and the unit that the URL names; by default those of ``stage``."""
    layers = context.network.shown
    names = [it.name for it in layers]
    usual = names[depth_sampling.nearest_to_depth(layers, FIRST_DEPTH)]
    layer = layers[names.index(urls.one_of("layer", names, usual, []))]
    unit = unit_labels.clearest_unit(context.network, layer.name) or 0
    with link_problems.collect([]):
        named = urls.number("unit", (0, layer.channels - 1))
        return layer, unit if named is None else named
    return layer, unit


def _unit(context: LessonContext, layer: Layer) -> int:
    """Show the choice of a unit of a layer, and return the unit's number.

    The default is the unit with the clearest label.
    """
    with link_problems.collect(context.problems):
        urls.number("unit", (0, layer.channels - 1))
    _, unit = chosen_unit(context)
    st.number_input(
        f"Neuron of {layer.name}, 0 to {layer.channels - 1}",
        0,
        layer.channels - 1,
        **bind(f"unit {context.key} {layer.name}", unit, lambda it: urls.update_query(unit=it)),
    )
    return unit


def open_index(network: Network) -> reader.Index:
    """Open the index of dataset examples for the lesson; build it first if it is missing.

    For the SketchNet that ships, the index ships, too.

    Raises:
        ExplorerError: the index cannot be built.
    """
    shipped = _opened(SHIPPED)
    if not shipped.misfit(network):
        return shipped
    file = folder() / f"{network.name}-{network.fingerprint}.index"
    with _BUILDING:
        before = index_task.open_or_discard(file)
        if before is None or not before.complete:
            _build(network, file)
    return _opened(file)


def _build(network: Network, file: Path) -> None:
    make_folder(file.parent)
    source = sources.find_source(DRAWINGS)
    accumulator = build.open_accumulator(
        build.plan_index(network, source), source, file, resume=True
    )
    slot = st.empty()
    with cores.joined(cores.PAGE) as share:
        for step in build.build_index(network, source, accumulator, file, busy=share.count):
            words = f"{title_of(network.name)} looks at {step.total} drawings, once"
            slot.progress(step.done / max(step.total, 1), words)
    slot.empty()


@functools.lru_cache(maxsize=5)
def _opened(file: Path) -> reader.Index:
    return reader.open_index(file)


def labels(index: reader.Index, layer: str, unit: int) -> list[str]:
    """Return the classes of the nine images with the highest activation of a unit."""
    return [index.label(hit.picture) for hit in index.top(layer, unit)[: lesson_measures.NINE]]


def choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all layers."""
    return [{"layer": it.name} for it in network.shown]


def options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: ranges, such as ``6 or 7``, of how many images show one class.

    The class is the most common one among a unit's nine images, averaged over units.
    """
    return GUESSES


def answer(context: LessonContext) -> MeasuredAnswer:
    """Measure by layer how many of a unit's nine images show the same class, on average."""
    found = agreement(context.network)
    by_chance = lesson_measures.chance_agreement(kinds())
    (first, shallow), (last, deep) = next(iter(found.items())), list(found.items())[-1]
    nine, counts = lesson_measures.NINE, in_nine(found)
    return MeasuredAnswer(
        guess_of(deep * nine),
        f"{deep * nine:.1f} of nine in {last}, {shallow * nine:.1f} in {first}; of nine drawings "
        f"taken at random, {by_chance * nine:.1f}.",
        {"of nine, of the same kind": counts},
        "{:.1f}".format,
        feedback.counted({"": counts}, guess_of),
        REASON,
    )


def in_nine(shares: Mapping[str, float]) -> dict[str, float]:
    """Return by layer the number of nine images for the share of them."""
    return {name: share * lesson_measures.NINE for name, share in shares.items()}


def guess_of(count: float) -> str:
    """Return the answer that fits a mean number of images, such as ``6 or 7`` for 6.3."""
    return next(
        (it for it, end in zip(GUESSES, (3.5, 5.5, 7.5), strict=False) if count < end), GUESSES[-1]
    )


@functools.cache
def kinds() -> list[str]:
    """Return the class of every drawing of the lesson's collection."""
    source = sources.find_source(DRAWINGS)
    return [source.label(entry.name) for entry in source.entries()]


@remembered(8, "Comparing the nine drawings of every neuron ...")
def agreement(network: Network) -> dict[str, float]:
    """Return by layer the share of a unit's nine images with the same class, mean over units."""
    return lesson_measures.label_agreement(open_index(network))
