"""The correlations between a layer's units in a style and a content image, and pairs of units.

The correlation of two units is the cosine of their activations, taken over all positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
import torch

from core.analysis import unit_labels
from core.errors import ExplorerError, quoted
from core.images import image_io
from core.networks import Layer, Network
from core.numbers import read_whole
from core.style import defaults, gram_matrix
from core.style.gram_matrix import ChannelCorrelations
from explorer.text import neuron_names
from explorer.ui import link_problems, server_state
from explorer.ui.image_picker import PickedImage

# Longer side in pixels at which the images are given to the network.
IMAGE_PIXELS = 256
# Number of units in a matrix: those with the most energy (mean squared activation). With more
# units, the cells would be too small to click.
STRONGEST = 40
# Number of pairs, at most, in each of the lists of ``notable_pairs``.
PAIRS = 4

Pair = tuple[int, int]


@dataclass(frozen=True)
class GramView:
    """How the units of a layer are active together in a style and a content image.

    Attributes:
        layer: the layer of the units.
        style: the style image.
        content: the content image.
        painted: correlations in the style image.
        seen: correlations in the content image.
        order: the units that are shown, in the order of the matrices' rows and columns. Units that
            are correlated in the style image are adjacent.
    """

    layer: Layer
    style: PickedImage
    content: PickedImage
    painted: ChannelCorrelations
    seen: ChannelCorrelations
    order: tuple[int, ...]


def read_view(network: Network, layer: Layer, content: PickedImage, style: PickedImage) -> GramView:
    """Compute the correlations between a layer's units in both images, cached."""
    painted, seen = (_correlations(network, it, layer.name) for it in (style, content))
    energy = sum(it.energy / it.energy.sum().clamp(min=1e-12) for it in (painted, seen))
    count = min(STRONGEST, layer.channels)
    strongest = set(torch.as_tensor(energy).topk(count).indices.tolist())
    first = [it for it in painted.order() if it in strongest]
    others = [it for it in seen.order() if it in strongest and it not in first]
    return GramView(layer, style, content, painted, seen, (*first, *others))


@server_state.cached(32)
def _correlations(network: Network, picked: PickedImage, layer: str) -> ChannelCorrelations:
    image = image_io.to_tensor(image_io.resize_longer_side(picked.picture, IMAGE_PIXELS))
    return gram_matrix.channel_correlations(network, image, layer)


def unit_names(network: Network, layer: Layer) -> list[str]:
    """Return the long name of every unit of a layer."""
    labels = (unit_labels.unit_name(network, layer, unit) for unit in range(layer.channels))
    return [neuron_names.long_name(unit, label) for unit, label in enumerate(labels)]


def layer_of(network: Network, problems: list[str]) -> Layer:
    """Return the layer in the URL; by default the second last of the default style layers.

    If the URL names an unknown layer or one without positions, a sentence is appended to
    ``problems``.
    """
    usual = defaults.default_settings(network)["style_layers"]
    first = network.layer(usual[max(len(usual) - 2, 0)])
    with link_problems.collect(problems):
        layer = network.layer(st.query_params.get("layer", first.name))
        if layer.size is None:
            raise ExplorerError(
                f"layer {layer.name} has one number for the whole picture and no places; choose "
                "an earlier layer"
            )
        return layer
    return first


def pair_of(view: GramView, problems: list[str]) -> Pair:
    """Return the pair of units in the URL.

    By default it is one that tells both images apart: the first pair of the second list of
    ``notable_pairs``, or of the only list.

    If the URL has no valid pair, a sentence is appended to ``problems``.
    """
    text = st.query_params.get("pair", "")
    with link_problems.collect(problems):
        if text:
            bounds = (0, view.layer.channels - 1)
            units = text.split(",")
            if len(units) != 2 or units[0] == units[1]:
                raise ExplorerError(
                    f"pair is {quoted(text)}; name two different neurons, such as 3,17"
                )
            return read_whole("pair", units[0], bounds), read_whole("pair", units[1], bounds)
    notable = list(notable_pairs(view).values())
    return notable[min(1, len(notable) - 1)][0]


def notable_pairs(view: GramView) -> dict[str, list[Pair]]:
    """Return three lists of pairs of units, by their titles on the page.

    These are the pairs with the highest correlation in the style image, those whose correlation is
    most higher in the style than in the content image, and the opposite.
    """
    shown = set(view.order)

    def choose(pairs: Sequence[tuple[int, int, float]], sign: int = 1) -> list[Pair]:
        kept = [(one, other) for one, other, by in pairs if by * sign > 0 and {one, other} <= shown]
        return kept[:PAIRS]

    count = view.layer.channels**2
    differing = view.painted.differing_pairs(view.seen, count)
    found = {
        "Most together in the painting": choose(view.painted.pairs(count)),
        "More together in the painting than in the picture": choose(differing),
        "More together in the picture than in the painting": choose(differing, -1),
    }
    return {title: some for title, some in found.items() if some}
