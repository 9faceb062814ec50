"""Lesson 4: style, measured as the correlations between units' activations in a painting."""

import functools
from collections.abc import Sequence

import streamlit as st
import torch
from PIL import Image

from core import paintings
from core.experiments import lesson_measures
from core.images import image_io
from core.networks import Layer, Network
from core.paintings import PAINTINGS
from core.style.gram_matrix import ChannelCorrelations, channel_correlations
from explorer import thumbnails
from explorer.text.formatting import percent
from explorer.ui import chart, job_status, server_state, url_controls, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.figure_row import CaptionedImage, figure_row
from explorer.ui.components.pair_matrix import difference_scale
from explorer.ui.components.tiles import tile_grid
from explorer.ui.layers import small_pictures
from explorer.ui.lessons import feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import MeasuredAnswer
from explorer.ui.lessons.remembered import remembered
from explorer.ui.style import gram_view

ONE, OTHER = "swirls", "mosaic"
# Name of the second painting if it is the first one, cut into squares in random order; and the
# number of squares along each side.
SHUFFLED, SQUARES = "shuffled", 8
# Side in pixels at which paintings are given to the network; halves of paintings have half of it as
# their width.
SIZE = 256
NEURONS = 24
SQUARE_PIXELS = 300
# (height, width) of the paintings as they are shown: the matrices below them need no scrolling.
PROPORTION = (2, 3)
PLACES, TOGETHER, ALIKE = "which respond where", "which respond together", "both the same"
CLEARLY = 0.1


def stage(context: LessonContext) -> None:
    """Show two paintings, and for each the matrix of correlations between units."""
    network = context.network
    able = [it for it in network.shown if it.size is not None]
    layer = lesson_context.layer_slider(context, able, min(3, len(able) - 1))
    columns = st.columns(2, gap="medium")
    paintings_picked = []
    for column, default, name in zip(columns, (ONE, OTHER), ("painting", "beside"), strict=True):
        with column:
            _pick_painting(context, default, name)
            paintings_picked.append(picked_painting(name, default))
    found = [cached_correlations(network, it, layer.name) for it in paintings_picked]
    energy = found[0].energy / found[0].energy.max() + found[1].energy / found[1].energy.max()
    strongest = set(energy.topk(min(NEURONS, len(energy))).indices.tolist())
    order = [it for it in found[0].order() if it in strongest]
    order += sorted(strongest - set(order))
    every = gram_view.unit_names(network, layer)
    names = [every[unit] for unit in order]
    squares = [it.cosines[order][:, order].numpy() for it in found]
    for column, name, square in zip(columns, paintings_picked, squares, strict=True):
        with column:
            figure_row([CaptionedImage(title_of(name), painting_url(name))], PROPORTION)
            chart.show_square(
                square,
                names,
                f"square {context.key} {column is columns[0]}",
                f"together-{layer.name}-{name}".replace(" ", "-"),
                f"Which neurons of {layer.name} respond together in {title_of(name)}",
                SQUARE_PIXELS,
            )
    change = squares[0] - squares[1]
    difference, pair = st.columns(2, gap="medium")
    if paintings_picked[0] != paintings_picked[1]:
        with difference:
            html_snippets.side_heading("Where they differ")
            chart.show_square(
                change,
                names,
                f"difference {context.key}",
                f"difference-{layer.name}-{paintings_picked[0]}-{paintings_picked[1]}".replace(
                    " ", "-"
                ),
                f"Where the Gram matrices of {layer.name} differ",
                SQUARE_PIXELS,
                scale=difference_scale(change, *map(title_of, paintings_picked)),
            )
    with pair:
        _show_pair(context, layer, found, paintings_picked)


def _pick_painting(context: LessonContext, default: str, name: str) -> None:
    """Show the choice of one of the two paintings.

    Args:
        context: the lesson.
        default: name of the painting that is chosen by default.
        name: parameter of the URL's query with the name of the painting.
    """
    known = [*PAINTINGS, SHUFFLED] if name == "beside" else list(PAINTINGS)
    picked = urls.one_of(name, known, default, context.problems)
    st.segmented_control(
        f"Which {name}",
        known,
        required=True,
        label_visibility="collapsed",
        **url_controls.bind(name, picked, lambda it: urls.update_query(**{name: it})),
    )


def picked_painting(name: str, default: str) -> str:
    """Return the painting that a parameter of the URL names, as ``painting_image`` takes it.

    Args:
        name: name of the parameter, ``painting`` or ``beside``.
        default: name of the painting if the URL names none, or an unknown one.
    """
    picked = urls.one_of(name, [*PAINTINGS, SHUFFLED], default, [])
    if picked != SHUFFLED:
        return picked
    return default if name != "beside" else f"{picked_painting('painting', ONE)} {SHUFFLED}"


def title_of(name: str) -> str:
    """Return the title of a painting, such as ``a mosaic`` or ``a mosaic, shuffled``."""
    painting, _, shuffled = name.partition(" ")
    title = PAINTINGS[painting].title
    return f"{title}, {shuffled}" if shuffled else title


def painting_image(name: str) -> Image.Image:
    """Draw a painting with sides of ``SIZE`` pixels; ``mosaic shuffled`` has shuffled squares."""
    painting, _, shuffled = name.partition(" ")
    picture = paintings.small_picture(painting, SIZE)
    if not shuffled:
        return picture
    generator = torch.Generator().manual_seed(0)
    squares = lesson_measures.shuffle_squares(image_io.to_tensor(picture), SQUARES, generator)
    return image_io.to_picture(squares[0])


@functools.lru_cache(maxsize=16)
def painting_url(name: str) -> str:
    """Return a small version of ``painting_image`` as a URL, cached."""
    return thumbnails.shrink(painting_image(name), lesson_context.THUMBNAIL_PIXELS)


def _show_pair(
    context: LessonContext,
    layer: Layer,
    found: Sequence[ChannelCorrelations],
    picked: Sequence[str],
) -> None:
    """Show the pair of units whose correlation differs most between the two paintings."""
    one, other = map(title_of, picked)
    pairs = found[0].differing_pairs(found[1], 1)
    if not pairs or one == other:
        st.caption("Choose two paintings that differ.")
        return
    first, second, more = pairs[0]
    cosines = [float(it.cosines[first, second]) for it in found]
    where = one if more > 0 else other
    st.html(
        f'<p class="fact-words lesson-pair">These two neurons differ most between the paintings. '
        f"How often they respond together (0 never, 1 always): {cosines[0]:.2f} in {one}, "
        f"{cosines[1]:.2f} in {other}. So what they respond to occurs together in {where}."
        "</p>"
    )
    pictures = small_pictures.plan_small_pictures(context.network, layer, sorted({first, second}))

    def show(previews: job_status.Previews) -> None:
        tiles = [pictures.tile(unit, previews) for unit in (first, second)]
        tile_grid(tiles, "pair", f"{layer.name} {first} and {second}", columns=2)

    lesson_context.show_recipes(context, "pair", pictures.recipes, show)


@server_state.cached(64)
def cached_correlations(network: Network, painting: str, layer: str) -> ChannelCorrelations:
    """Return the correlations between the units of a layer in a painting, cached."""
    image = image_io.to_tensor(painting_image(painting))
    return channel_correlations(network, image, layer)


def choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all layers that have positions, and of the shuffled painting."""
    layers = [{"layer": it.name} for it in network.shown if it.size is not None]
    return [*layers, {"beside": SHUFFLED}]


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
        f"Comparing which neurons respond together finds the right half in {percent(by_style)} of "
        f"all cases, comparing which respond where in {percent(by_place)} (mean over the layers); "
        f"guessing would in {percent(1 / (2 * len(PAINTINGS) - 1))}.",
        {TOGETHER: style, PLACES: places},
        percent,
        feedback.by_option(
            {
                PLACES: "But the halves of a painting show different things at the same place.",
                TOGETHER: "But here, places tell more than what responds together.",
                ALIKE: "But one of them is right clearly more often.",
            }
        ),
        "The reason: the same strokes and colours are in both halves, only at other places."
        if right == TOGETHER
        else "",
    )


@remembered(8, "Comparing ten halves of paintings ...")
def nearest_half(network: Network) -> dict[str, tuple[float, float]]:
    """Return by layer the share of halves whose nearest half is from the same painting.

    The first share compares halves by the correlations of units, the second by their activations
    position by position.
    """
    every = [image_io.to_tensor(paintings.small_picture(it, SIZE)) for it in PAINTINGS]
    return lesson_measures.nearest_half_accuracy(network, every)
