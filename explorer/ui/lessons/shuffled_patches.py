"""Lesson 1: shuffled squares upset deep layers, and hardly the shallow ones."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from core.analysis import unit_labels
from core.analysis.crops import network_input
from core.errors import ExplorerError
from core.experiments import lesson_measures
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.networks.layers import Layer
from core.networks.network import Network
from explorer import layer_pages, thumbnails
from explorer.text import layer_summary
from explorer.ui import job_status, server_state, urls
from explorer.ui.components.tiles import tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.layers import neuron_grid
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, LessonPicture, MeasuredAnswer
from explorer.ui.neuron.pictures import plan_missing

SAMPLE = "village"
# Squares along each side.
PARTS, USUAL_PARTS = (2, 4, 8), 4
# Neurons that are shown of each picture.
COUNT = 4
SHOWN_PIXELS = 320
HALF = 0.5
# Pictures whose means stay in memory, some kilobytes each.
SEEN_AT_MOST = 64


@dataclass(frozen=True)
class Seen:
    """A picture as a network sees it.

    Attributes:
        url: small.
        means: ``[1, C]``, each layer's activations, averaged over positions.
    """

    url: str
    means: Mapping[str, Tensor]


def stage(here: LessonContext) -> None:
    """Show a picture whole and shuffled, and the neurons that answer most to either."""
    chosen = lesson_context.pick_photograph(here, SAMPLE)
    parts = _parts(here)
    layers = here.network.shown
    layer = lesson_context.layer_slider(here, layers, 0)
    whole, cut = (_seen(here.network, here.network.fingerprint, chosen, it) for it in (1, parts))
    title = f"{layer_summary.times((parts, parts))} squares"
    lesson_context.picture_row(
        [LessonPicture(chosen.title, whole.url), LessonPicture(title, cut.url)]
    )
    with st.container(key="lesson-answers"):
        left, right = st.columns(2, gap="medium")
        for column, seen, name in ((left, whole, "whole"), (right, cut, "shuffled")):
            with column:
                st.html(f'<h4 class="side">What {layer.name} says of it {name}</h4>')
                _neurons(here, layer, seen, f"{name} {chosen.name} {parts}")


def _parts(here: LessonContext) -> int:
    parts = USUAL_PARTS
    try:
        parts = urls.number("squares", (PARTS[0], PARTS[-1])) or USUAL_PARTS
        if parts not in PARTS:
            raise ExplorerError(f"squares is {parts}; it can be {', '.join(map(str, PARTS))}")
    except ExplorerError as error:
        here.problems.append(str(error))
        parts = USUAL_PARTS
    st.session_state["squares"] = parts
    st.segmented_control(
        "Squares along each side",
        PARTS,
        key="squares",
        required=True,
        on_change=lambda: urls.update_query(squares=st.session_state["squares"]),
    )
    return parts


@st.cache_resource(
    max_entries=SEEN_AT_MOST, show_spinner=False, hash_funcs={PickedImage: lambda it: it.name}
)
def _seen(_network: Network, weights: str, chosen: PickedImage, parts: int) -> Seen:
    """Look once for all at a picture as the network sees it, in so many squares along each side."""
    picture = chosen.picture
    image = network_input(picture, CenterCrop((picture.height, picture.width), _network.input_size))
    cut = lesson_measures.shuffle_squares(image, parts, torch.Generator().manual_seed(0))
    return Seen(_url(cut), lesson_measures.mean_activations(_network, cut))


def _url(image: Tensor) -> str:
    small = image_io.to_picture(image[0])
    large = small.resize((SHOWN_PIXELS, SHOWN_PIXELS), Image.Resampling.BICUBIC)
    return thumbnails.thumbnail(image_io.encode_png(large), SHOWN_PIXELS)


def _neurons(here: LessonContext, layer: Layer, seen: Seen, where: str) -> None:
    """Show the neurons of a layer that answer most unusually strongly to a picture."""
    units = unusual(here.network, layer.name, seen.means)
    recipe, lacking = plan_missing(here.network, layer, units)

    def show(previews: job_status.Previews) -> None:
        tiles = []
        for unit in units:
            own = recipe if unit in lacking else None
            key = (own or layer_pages.part_of(here.network, layer, unit)).key
            preview = None if recipe is None else previews.get((recipe.key, unit))
            name = unit_labels.unit_name(here.network, layer, unit) or f"neuron {unit}"
            found = server_state.store().picture(key, unit)
            tiles.append(neuron_grid.unit_tile(unit, name, found, preview, f"{layer.name} {unit}"))
        label = f"{here.network.name} {layer.name} {where}"
        clicked = tile_grid(tiles, f"says {where.split()[0]}", label, columns=COUNT)
        if clicked:
            urls.open_neuron(here.network.name, layer.name, int(clicked.rsplit(" ", 1)[1]))

    lesson_context.show_recipes(here, where.split()[0], [] if recipe is None else [recipe], show)


def unusual(
    network: Network, layer: str, means: Mapping[str, Tensor], count: int = COUNT
) -> list[int]:
    """Rank neurons by how far their mean activation is above what they usually have.

    In units of how much it usually differs between pictures; ``means`` has theirs by layer.
    """
    known = _usual(network)[layer]
    own = means[layer][0]
    spread = known.std(0)
    above = (own - known.mean(0)) / spread.clamp(min=float(spread.max()) * 1e-3)
    return [int(unit) for unit in above.topk(min(count, len(above))).indices.tolist()]


@functools.lru_cache(maxsize=4)
def _usual(network: Network) -> dict[str, Tensor]:
    return lesson_measures.mean_activations(network, lesson_measures.draw_images(network))


def options(here: LessonContext) -> Sequence[str]:
    """Name the layers."""
    return [it.name for it in here.network.shown]


def answer(here: LessonContext) -> MeasuredAnswer:
    """Measure how much shuffling upsets each layer."""
    parts = int(st.session_state["squares"])
    found = upset(here.network, here.network.fingerprint, parts)
    right = next((name for name, value in found.items() if value >= HALF), "no layer")
    first, last = next(iter(found.items())), list(found.items())[-1]
    return MeasuredAnswer(
        right,
        f"In {layer_summary.times((parts, parts))} squares, {first[0]} moves {first[1]:.0%} as far "
        f"as another picture would move it, {last[0]} {last[1]:.0%}.",
        {"moved, as a share of another picture": found},
        "{:.0%}".format,
    )


@st.cache_data(max_entries=16, show_spinner="Looking at 32 pictures, whole and shuffled ...")
def upset(_network: Network, weights: str, parts: int) -> dict[str, float]:
    """Measure it once for all."""
    return lesson_measures.shuffle_effect(_network, lesson_measures.draw_images(_network), parts)
