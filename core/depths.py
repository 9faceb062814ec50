"""Dreams of one picture at several depths, and what the network sees in each.

"Why so many eyes?" asks everybody who looks at dreams. Here it gets a number: every neuron whose
meaning is known is compared in the dream and in the picture before it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from core.dreams.render_dreams import MEASURED_SIDE
from core.images.resize import resized
from core.networks.layers import Layer
from core.networks.network import Network
from core.plates import INK, PALE
from core.probing import likeliest
from core.sketchnet.labels import Label

# More depths than this do not fit side by side.
DEPTHS = (2, 8)
USUAL_DEPTHS = 6
# Added to a neuron's activation before and after, as a share of its layer's mean before: one that
# answered to nothing would else grow without end by answering to next to nothing.
FLOOR = 0.1
# Of a layer that says nothing, the mean activation counts as this.
SILENT = 1e-6
# A label says something where so many neurons carry it: one alone may have its own reasons.
NEURONS_AT_LEAST = 2
# Of a picture row, in pixels.
GAP, MARGIN, TITLE, TEXT = 8, 20, 22, 15


@dataclass(frozen=True)
class Sight:
    """What a network sees in a picture.

    Attributes:
        classes: the likeliest classes and their probabilities, the likeliest first.
        means: by layer, each channel's activation ``[C]``, mean over positions, on the CPU.
    """

    classes: tuple[tuple[str, float], ...]
    means: Mapping[str, Tensor]


@dataclass(frozen=True)
class Growth:
    """How much more the neurons of one label answer to a dream than to the picture before it.

    Attributes:
        concept, kind: the label.
        neurons: how many carry it.
        value: as ``growth`` defines it; 1 for twice as much as a usual neuron of their layers.
    """

    concept: str
    kind: str
    neurons: int
    value: float


def spread(network: Network, count: int = USUAL_DEPTHS) -> list[Layer]:
    """Choose layers evenly from shallow to deep, without the logits where others are enough."""
    layers = list(network.shown[:-1]) or list(network.shown)
    count = min(count, len(layers))
    if count == 1:
        return layers[:1]
    return [layers[round(at * (len(layers) - 1) / (count - 1))] for at in range(count)]


def see(network: Network, image: Tensor, layers: Iterable[str] = ()) -> Sight:
    """Look at a picture as large as it is, so that what is small in it counts.

    Args:
        network: the network.
        image: ``[1, 3, H, W]`` in ``[0, 1]``; made smaller where a side is above
            ``dreams.MEASURED_SIDE``.
        layers: names of the layers whose activations are wanted.
    """
    scale = min(1.0, MEASURED_SIDE / max(image.shape[2:]))
    size = (max(1, round(image.shape[2] * scale)), max(1, round(image.shape[3] * scale)))
    last = network.shown[-1].name
    seen = network.activations(resized(image, size), {*layers, last})
    means = {name: _means(seen[name]) for name in layers}
    return Sight(likeliest(network, seen[last][0]), means)


def _means(activation: Tensor) -> Tensor:
    """Average an activation ``[1, C, ...]`` over its positions."""
    values = activation[0].float().cpu()
    return values.flatten(1).mean(1) if values.ndim > 1 else values


def growth(
    before: Sight, after: Sight, labels: Iterable[Label], dreamt: str = ""
) -> tuple[Growth, ...]:
    """Tell which labels' neurons a dream has made grow, those that grew most first.

    A neuron with activation ``a`` before and ``b`` after has grown by
    ``log2((b + e) / (a + e))``, with ``e`` the share ``FLOOR`` of the mean size of its layer's
    activations before. Dreams make most neurons louder, and none of that says what they are of; so
    the median of this over all neurons of the layer is taken off. A label has grown by the mean
    over the neurons that carry it: 0 for as much as a usual neuron, 1 for twice that.

    The layer that was dreamt with was told to grow, so its neurons are not asked: the answer is
    that of other layers. Labels of fewer than ``NEURONS_AT_LEAST`` other neurons are left out.

    Args:
        before, after: what is seen in the picture and in the dream, with all layers of the labels.
        labels: of neurons, one each.
        dreamt: name of the layer that was dreamt with.
    """
    own: dict[str, Tensor] = {}
    for layer in before.means:
        old, new = before.means[layer], after.means[layer]
        floor = FLOOR * old.abs().mean().clamp_min(SILENT)
        grown = torch.log2((new + floor).clamp_min(floor / 2) / (old + floor).clamp_min(floor / 2))
        own[layer] = grown - grown.quantile(0.5)
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for label in labels:
        if label.layer != dreamt:
            found[label.concept, label.kind].append(float(own[label.layer][label.unit]))
    grew = [
        Growth(concept, kind, len(values), sum(values) / len(values))
        for (concept, kind), values in found.items()
        if len(values) >= NEURONS_AT_LEAST
    ]
    return tuple(sorted(grew, key=lambda it: (-it.value, it.concept)))


def row(
    pictures: Sequence[Image.Image], titles: Sequence[str], words: Sequence[Sequence[str]]
) -> Image.Image:
    """Lay pictures of one size side by side, each with a title above and lines of words below."""
    width, height = pictures[0].size
    lines = max((len(some) for some in words), default=0)
    high = MARGIN + TITLE + 2 * GAP + height + (GAP + lines * (TEXT + GAP // 2) if lines else 0)
    across = len(pictures) * (width + GAP) - GAP + 2 * MARGIN
    paper = Image.new("RGB", (across, high + MARGIN), "white")
    pen = ImageDraw.Draw(paper)
    for at, (picture, title, some) in enumerate(zip(pictures, titles, words, strict=True)):
        left, top = MARGIN + at * (width + GAP), MARGIN
        pen.text((left, top), title, INK, ImageFont.load_default(TITLE))
        top += TITLE + 2 * GAP
        paper.paste(picture, (left, top))
        top += height + GAP
        for line in some:
            pen.text((left, top), line, PALE, ImageFont.load_default(TEXT))
            top += TEXT + GAP // 2
    return paper
