"""Lesson 4: which neurons fire together is what tells paintings apart."""

from collections.abc import Sequence

import streamlit as st

from core import paintings
from core.analysis import unit_labels
from core.experiments import lesson_measures
from core.images import image_io
from core.networks.layers import Layer
from core.networks.network import Network
from core.paintings import PAINTINGS
from core.style.gram_matrix import ChannelCorrelations, channel_correlations
from explorer import layer_pages
from explorer.charts import figures
from explorer.ui import chart, job_status, server_state, urls
from explorer.ui.components.tiles import tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.layers import neuron_grid
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, LessonPicture, MeasuredAnswer
from explorer.ui.neuron import pictures

ONE, OTHER = "swirls", "mosaic"
# What a painting is looked at with, and half of which its halves are.
SIZE = 256
NEURONS = 24
SQUARE_PIXELS = 300
PLACES, TOGETHER, ALIKE = "what fires where", "what fires together", "both alike"
CLEARLY = 0.1


def stage(here: LessonContext) -> None:
    """Show two paintings, and which neurons fire together in each."""
    left, right = st.columns(2, gap="medium")
    with left:
        one = _painting(here, ONE, "painting")
    with right:
        other = _painting(here, OTHER, "beside")
    able = [it for it in here.network.shown if it.size is not None]
    layer = lesson_context.layer_slider(here, able, min(3, len(able) - 1))
    found = [
        cached_correlations(here.network, here.network.fingerprint, it.name, layer.name)
        for it in (one, other)
    ]
    energy = found[0].energy / found[0].energy.max() + found[1].energy / found[1].energy.max()
    strongest = set(energy.topk(min(NEURONS, len(energy))).indices.tolist())
    order = [it for it in found[0].order() if it in strongest]
    order += sorted(strongest - set(order))
    names = [_name(here.network, layer, unit) for unit in range(layer.channels)]
    for column, chosen, it in zip((left, right), (one, other), found, strict=True):
        with column:
            lesson_context.picture_row(
                [LessonPicture(chosen.title, lesson_context.input_picture(chosen))]
            )
            square = figures.cosine_matrix(it.cosines, order, names, SQUARE_PIXELS)
            square.update_traces(showscale=False)
            square.update_layout(
                margin={"l": 0, "r": 0, "t": 0, "b": 0},
                paper_bgcolor="rgba(0,0,0,0)",
                plot_bgcolor="rgba(0,0,0,0)",
            )
            square.update_xaxes(showticklabels=False, ticks="")
            square.update_yaxes(showticklabels=False, ticks="")
            key = f"square {here.key} {column is left}"
            chart.show_chart(square, key, f"together-{layer.name}-{chosen.name}")
    _pair(here, layer, found, one, other)


def _painting(here: LessonContext, default: str, name: str) -> PickedImage:
    """Let the reader choose one of two paintings."""
    chosen = lesson_context.painting_or_sample(default, name, here.problems)
    st.session_state[name] = chosen.name
    st.segmented_control(
        f"Which {name}",
        list(PAINTINGS),
        key=name,
        required=True,
        label_visibility="collapsed",
        on_change=lambda: urls.update_query(**{name: st.session_state[name]}),
    )
    return chosen


def _name(network: Network, layer: Layer, unit: int) -> str:
    name = unit_labels.unit_name(network, layer, unit)
    return f"neuron {unit}, {name}" if name else f"neuron {unit}"


def _pair(
    here: LessonContext,
    layer: Layer,
    found: Sequence[ChannelCorrelations],
    one: PickedImage,
    other: PickedImage,
) -> None:
    """Show the two neurons whose company differs most between the paintings."""
    pairs = found[0].differing_pairs(found[1], 1)
    if not pairs or one.name == other.name:
        st.caption("Choose two paintings that differ.")
        return
    first, second, more = pairs[0]
    cosines = [float(it.cosines[first, second]) for it in found]
    where = one.title if more > 0 else other.title
    st.html(
        f'<p class="fact-words lesson-pair">These two keep company most unlike: together '
        f"{cosines[0]:.2f} in {one.title}, {cosines[1]:.2f} in {other.title}. What they want to "
        f"see stands together in {where}.</p>"
    )
    recipe, lacking = pictures.plan_missing(here.network, layer, sorted({first, second}))

    def show(previews: job_status.Previews) -> None:
        tiles = []
        for unit in (first, second):
            own = recipe if unit in lacking else None
            key = (own or layer_pages.part_of(here.network, layer, unit)).key
            picture = server_state.store().picture(key, unit)
            preview = None if recipe is None else previews.get((recipe.key, unit))
            tiles.append(
                neuron_grid.unit_tile(unit, _name(here.network, layer, unit), picture, preview)
            )
        tile_grid(tiles, "pair", f"{layer.name} {first} and {second}", columns=6)

    lesson_context.show_recipes(here, "pair", [] if recipe is None else [recipe], show)


@st.cache_data(max_entries=64, show_spinner=False)
def cached_correlations(
    _network: Network, weights: str, painting: str, layer: str
) -> ChannelCorrelations:
    """Measure once for all which neurons of a layer fire together in a painting."""
    return channel_correlations(
        _network, image_io.to_tensor(paintings.picture(painting, size=SIZE)), layer
    )


def options(here: LessonContext) -> Sequence[str]:
    """Offer both, and neither."""
    return PLACES, TOGETHER, ALIKE


def answer(here: LessonContext) -> MeasuredAnswer:
    """Measure which of the two tells paintings apart, by layer."""
    found = nearest_half(here.network, here.network.fingerprint)
    style = {name: both[0] for name, both in found.items()}
    places = {name: both[1] for name, both in found.items()}
    by_style, by_place = (sum(it.values()) / len(it) for it in (style, places))
    right = TOGETHER if by_style > by_place else PLACES
    if abs(by_style - by_place) < CLEARLY:
        right = ALIKE
    return MeasuredAnswer(
        right,
        f"By what fires together {by_style:.0%} of the halves find their own, by what fires where "
        f"{by_place:.0%}, mean over the layers; chance would be 11 %.",
        {TOGETHER: style, PLACES: places},
        "{:.0%}".format,
    )


@st.cache_data(max_entries=8, show_spinner="Comparing ten halves of paintings ...")
def nearest_half(_network: Network, weights: str) -> dict[str, tuple[float, float]]:
    """Measure it once for all."""
    every = [image_io.to_tensor(paintings.picture(it, size=SIZE)) for it in PAINTINGS]
    return lesson_measures.nearest_half_accuracy(_network, every)
