"""Lesson 4: style, measured as the correlations between units' activations in a painting."""

from collections.abc import Sequence

import streamlit as st

from core import paintings
from core.analysis import unit_labels
from core.experiments import lesson_measures
from core.images import image_io
from core.networks import Layer, Network
from core.paintings import PAINTINGS
from core.style.gram_matrix import ChannelCorrelations, channel_correlations
from explorer.charts import figures
from explorer.ui import chart, image_picker, job_status, server_state, url_controls, urls
from explorer.ui.components.figure_row import CaptionedImage, figure_row
from explorer.ui.components.tiles import tile_grid
from explorer.ui.layers import neuron_grid, small_pictures
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, MeasuredAnswer

ONE, OTHER = "swirls", "mosaic"
# Side in pixels at which paintings are given to the network; halves of paintings have half of it as
# their width.
SIZE = 256
NEURONS = 24
SQUARE_PIXELS = 300
PLACES, TOGETHER, ALIKE = "what fires where", "what fires together", "both alike"
CLEARLY = 0.1


def stage(context: LessonContext) -> None:
    """Show two paintings, and for each the matrix of correlations between units."""
    network = context.network
    columns = st.columns(2, gap="medium")
    paintings_picked = []
    for column, default, name in zip(columns, (ONE, OTHER), ("painting", "beside"), strict=True):
        with column:
            paintings_picked.append(_pick_painting(context, default, name))
    able = [it for it in network.shown if it.size is not None]
    layer = lesson_context.layer_slider(context, able, min(3, len(able) - 1))
    found = [cached_correlations(network, it.name, layer.name) for it in paintings_picked]
    energy = found[0].energy / found[0].energy.max() + found[1].energy / found[1].energy.max()
    strongest = set(energy.topk(min(NEURONS, len(energy))).indices.tolist())
    order = [it for it in found[0].order() if it in strongest]
    order += sorted(strongest - set(order))
    names = [_name(network, layer, unit) for unit in range(layer.channels)]
    for column, picked, it in zip(columns, paintings_picked, found, strict=True):
        with column:
            url = image_picker.small_url(picked, lesson_context.THUMBNAIL_PIXELS)
            figure_row([CaptionedImage(picked.title, url)])
            square = figures.cosine_matrix(it.cosines, order, names, SQUARE_PIXELS)
            square.update_traces(showscale=False)
            square.update_layout(
                margin={"l": 0, "r": 0, "t": 0, "b": 0},
                paper_bgcolor="rgba(0,0,0,0)",
                plot_bgcolor="rgba(0,0,0,0)",
            )
            square.update_xaxes(showticklabels=False, ticks="")
            square.update_yaxes(showticklabels=False, ticks="")
            key = f"square {context.key} {column is columns[0]}"
            chart.show_chart(square, key, f"together-{layer.name}-{picked.name}")
    _show_pair(context, layer, found, paintings_picked)


def _pick_painting(context: LessonContext, default: str, name: str) -> image_picker.PickedImage:
    """Show the choice of one of the two paintings, and return the chosen painting.

    Args:
        context: the lesson.
        default: name of the painting that is chosen by default.
        name: parameter of the URL's query with the name of the painting.
    """
    picked = lesson_context.find_painting(default, name, context.problems)
    st.segmented_control(
        f"Which {name}",
        list(PAINTINGS),
        required=True,
        label_visibility="collapsed",
        **url_controls.bind(name, picked.name, lambda it: urls.update_query(**{name: it})),
    )
    return picked


def _name(network: Network, layer: Layer, unit: int) -> str:
    return neuron_grid.neuron_title(unit, unit_labels.unit_name(network, layer, unit))


def _show_pair(
    context: LessonContext,
    layer: Layer,
    found: Sequence[ChannelCorrelations],
    picked: Sequence[image_picker.PickedImage],
) -> None:
    """Show the pair of units whose correlation differs most between the two paintings."""
    one, other = picked
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
    pictures = small_pictures.plan_small_pictures(context.network, layer, sorted({first, second}))

    def show(previews: job_status.Previews) -> None:
        tiles = [
            pictures.tile(unit, _name(context.network, layer, unit), previews)
            for unit in (first, second)
        ]
        tile_grid(tiles, "pair", f"{layer.name} {first} and {second}", columns=6)

    lesson_context.show_recipes(context, "pair", pictures.recipes, show)


@server_state.cached(64)
def cached_correlations(network: Network, painting: str, layer: str) -> ChannelCorrelations:
    """Return the correlations between the units of a layer in a painting, cached."""
    image = image_io.to_tensor(paintings.picture(painting, size=SIZE))
    return channel_correlations(network, image, layer)


def options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: positions, correlations, or both alike."""
    return PLACES, TOGETHER, ALIKE


def answer(context: LessonContext) -> MeasuredAnswer:
    """Measure by layer whether correlations or positions identify a painting better.

    Two halves of a painting are compared: by the correlations between units (style), and by the
    activations at each position (content).
    """
    found = nearest_half(context.network)
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


@server_state.cached(8, "Comparing ten halves of paintings ...")
def nearest_half(network: Network) -> dict[str, tuple[float, float]]:
    """Return by layer the share of halves whose nearest half is from the same painting.

    The first share compares halves by the correlations of units, the second by their activations
    position by position.
    """
    every = [image_io.to_tensor(paintings.picture(it, size=SIZE)) for it in PAINTINGS]
    return lesson_measures.nearest_half_accuracy(network, every)
