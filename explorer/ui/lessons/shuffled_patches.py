"""Lesson 1: if the squares of an image are shuffled, deep layers change more than shallow ones."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from core.analysis import crops
from core.errors import ExplorerError
from core.experiments import lesson_measures
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.networks import Layer, Network
from core.networks.known_networks import title_of
from explorer import thumbnails
from explorer.text import layer_summary
from explorer.text.formatting import percent
from explorer.ui import image_picker, job_status, link_problems, server_state, url_controls, urls
from explorer.ui.components import html_snippets
from explorer.ui.components.figure_row import CaptionedImage, figure_row
from explorer.ui.layers import neuron_grid, small_pictures
from explorer.ui.lessons import feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import NO_LAYER, MeasuredAnswer
from explorer.ui.lessons.remembered import remembered

SAMPLE = "village"
# Numbers of squares along each side to choose from, and the default.
PARTS, USUAL_PARTS = (2, 4, 8), 4
# Number of units that are shown for each image.
COUNT = 4
SHOWN_PIXELS = 320
HALF = 0.5
# Number of images whose mean activations stay in memory, some kilobytes each.
RESPONSES_AT_MOST = 64


@dataclass(frozen=True)
class MeanResponse:
    """An image as the network's input, and how its layers respond.

    Attributes:
        url: a small version of the image as a URL.
        means: by layer, its activations averaged over positions, ``[1, C]``.
    """

    url: str
    means: Mapping[str, Tensor]


def stage(context: LessonContext) -> None:
    """Show an image, the same image with shuffled squares, and the most active units for each."""
    network = context.network
    picked = image_picker.pick_image("picture", SAMPLE, context.problems)
    layer = lesson_context.layer_slider(context, network.shown, 0)
    # The pictures are small, so that the neurons beneath them are on the screen with the slider.
    pictures, control = st.columns((2, 1), gap="medium")
    with control:
        parts = _pick_parts(context)
    whole, shuffled = (respond(network, picked, it) for it in (1, parts))
    title = f"{layer_summary.times((parts, parts))} squares"
    with pictures:
        figure_row([CaptionedImage(picked.title, whole.url), CaptionedImage(title, shuffled.url)])
    responses = {"whole": whole, "shuffled": shuffled}
    with st.container(key="lesson-answers"):
        columns = st.columns(2, gap="medium")
        for column, (name, response) in zip(columns, responses.items(), strict=True):
            with column:
                html_snippets.side_heading(f"Unusually active in {layer.name}, {name} picture")
                _show_units(context, layer, response, f"{name} {picked.name} {parts}")


def _chosen_parts(problems: list[str]) -> int:
    """Return the number of squares along each side that the URL names, or the default.

    A sentence is appended to ``problems`` if the URL has another number.
    """
    with link_problems.collect(problems):
        number = urls.number("squares", (PARTS[0], PARTS[-1])) or USUAL_PARTS
        if number not in PARTS:
            raise ExplorerError(f"squares is {number}; it can be {', '.join(map(str, PARTS))}")
        return number
    return USUAL_PARTS


def _pick_parts(context: LessonContext) -> int:
    parts = _chosen_parts(context.problems)
    st.segmented_control(
        "Squares along each side",
        PARTS,
        required=True,
        **url_controls.bind("squares", parts, lambda number: urls.update_query(squares=number)),
    )
    return parts


@server_state.cached(RESPONSES_AT_MOST)
def respond(network: Network, picked: image_picker.PickedImage, parts: int) -> MeanResponse:
    """Return the mean activations of all layers for an image with shuffled squares, cached.

    Args:
        network: the network.
        picked: the image.
        parts: number of squares along each side; 1 to leave the image as it is.
    """
    image = crops.network_input(
        picked.picture, CenterCrop(picked.size, network.input_size, network.framing)
    )
    shuffled = lesson_measures.shuffle_squares(image, parts, torch.Generator().manual_seed(0))
    small = image_io.to_picture(shuffled[0])
    large = small.resize((SHOWN_PIXELS, SHOWN_PIXELS), Image.Resampling.BICUBIC)
    url = thumbnails.shrink(large, SHOWN_PIXELS)
    return MeanResponse(url, lesson_measures.mean_activations(network, shuffled))


def _show_units(context: LessonContext, layer: Layer, response: MeanResponse, place: str) -> None:
    """Show the units whose mean activation for an image is most above their usual one.

    Args:
        context: the lesson.
        layer: the layer.
        response: the mean activations for the image.
        place: text that makes the keys of the Streamlit widgets unique: ``whole`` or ``shuffled``,
            then the name of the image and the number of squares.
    """
    network = context.network
    units = unusual_units(network, layer.name, response.means)
    pictures = small_pictures.plan_small_pictures(network, layer, units)
    name = place.split()[0]

    def show(previews: job_status.Previews) -> None:
        tiles = [pictures.tile(unit, previews) for unit in units]
        label = f"Neurons of {layer.name} in {title_of(network.name)}, picture {name}"
        neuron_grid.link_grid(network, tiles, f"unusual {name}", label, COUNT, place)

    lesson_context.show_recipes(context, name, pictures.recipes, show)


def unusual_units(network: Network, layer: str, means: Mapping[str, Tensor]) -> list[int]:
    """Return up to ``COUNT`` units whose mean activation is highest relative to other images.

    A unit is ranked by its mean activation for the image, minus the average of its mean activations
    for other images, divided by their standard deviation.

    Args:
        network, layer: the layer of the units.
        means: mean activations for the image, ``[1, C]``, by layer.
    """
    others = _usual_means(network)[layer]
    spread = others.std(0)
    above = (means[layer][0] - others.mean(0)) / spread.clamp(min=float(spread.max()) * 1e-3)
    return [int(unit) for unit in above.topk(min(COUNT, len(above))).indices.tolist()]


@functools.lru_cache(maxsize=4)
def _usual_means(network: Network) -> dict[str, Tensor]:
    return lesson_measures.mean_activations(network, lesson_measures.draw_images(network))


def choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all layers, and of all numbers of squares."""
    layers = [{"layer": it.name} for it in network.shown]
    return [*layers, *({"squares": str(it)} for it in PARTS)]


def options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: the names of the layers."""
    return [it.name for it in context.network.shown]


def answer(context: LessonContext) -> MeasuredAnswer:
    """Measure how much shuffled squares change the mean activations of each layer."""
    parts = _chosen_parts([])
    found = shuffle_effect(context.network, parts)
    right = next((name for name, value in found.items() if value >= HALF), NO_LAYER)
    first, last = next(iter(found.items())), list(found.items())[-1]
    return MeasuredAnswer(
        right,
        f"Shuffling {layer_summary.times((parts, parts))} squares changes {first[0]} by "
        f"{percent(first[1])} of what a different picture does, {last[0]} by {percent(last[1])}.",
        {"change by shuffling, as a share of the change by another picture": found},
        percent,
        feedback.first_layer(
            right,
            found,
            lambda value: value >= HALF,
            "changes by {} of what a different picture does",
            "less than half",
        ),
        feedback.field_against(
            feedback.find_layer(context.network, right), min(context.network.input_size) // parts
        ),
    )


@remembered(16, "Looking at 32 pictures, whole and shuffled ...")
def shuffle_effect(network: Network, parts: int) -> dict[str, float]:
    """Return by layer how much shuffled squares change the mean activations, cached.

    A value of 1 means: as much as between two different images.
    """
    return lesson_measures.shuffle_effect(network, lesson_measures.draw_images(network), parts)
