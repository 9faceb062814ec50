"""Dreams of one picture at several depths, and what the network sees in each.

"Why so many eyes?" asks everybody who looks at dreams. Here it gets a number: every neuron whose
meaning is known is compared in the dream and in the picture before it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.analysis import unit_labels
from core.analysis.probe import top_classes
from core.dreams.render_dreams import MEASURED_SIDE
from core.images import image_io
from core.images.resize import resize_image
from core.networks.depth_sampling import evenly_spaced
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.dream import DreamRecipe
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


@dataclass(frozen=True)
class Response:
    """What a network sees in a picture.

    Attributes:
        classes: the likeliest classes and their probabilities, the likeliest first.
        means: by layer, each channel's activation ``[C]``, mean over positions, on the CPU.
    """

    classes: tuple[tuple[str, float], ...]
    means: Mapping[str, Tensor]


@dataclass(frozen=True)
class ConceptGrowth:
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
    return evenly_spaced(layers, count)


def respond(network: Network, image: Tensor, layers: Iterable[str] = ()) -> Response:
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
    seen = network.activations(resize_image(image, size), {*layers, last})
    means = {name: _means(seen[name]) for name in layers}
    return Response(top_classes(network, seen[last][0]), means)


def _means(activation: Tensor) -> Tensor:
    """Average an activation ``[1, C, ...]`` over its positions."""
    values = activation[0].float().cpu()
    return values.flatten(1).mean(1) if values.ndim > 1 else values


def concept_growth(
    before: Response, after: Response, labels: Iterable[Label], dreamt: str = ""
) -> tuple[ConceptGrowth, ...]:
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
        ConceptGrowth(concept, kind, len(values), sum(values) / len(values))
        for (concept, kind), values in found.items()
        if len(values) >= NEURONS_AT_LEAST
    ]
    return tuple(sorted(grew, key=lambda it: (-it.value, it.concept)))


@dataclass(frozen=True)
class DreamMeasures:
    """What is told of one dream.

    Attributes:
        classes: the likeliest classes and their probabilities.
        grown: the labels whose neurons grew, all of them, the most first; none where neurons have
            no labels.
    """

    classes: tuple[tuple[str, float], ...]
    grown: tuple[ConceptGrowth, ...]


def measure_dreams(
    network: Network, before: bytes, recipes: Sequence[DreamRecipe], after: Sequence[bytes]
) -> list[DreamMeasures]:
    """Look at dreams beside the picture that they began with.

    Args:
        network: which dreamt.
        before: the picture, encoded.
        recipes: of the dreams.
        after: the dreams, encoded.
    """
    labels = unit_labels.clear_labels(network)
    layers = sorted({label.layer for label in labels})
    picture = image_io.open_picture(before)
    untouched = respond(
        network, image_io.to_tensor(image_io.resize_longer_side(picture, recipes[0].size)), layers
    )
    told = []
    for recipe, dream in zip(recipes, after, strict=True):
        seen = respond(network, image_io.to_tensor(image_io.open_picture(dream)), layers)
        grown = concept_growth(untouched, seen, labels, recipe.layer)
        told.append(DreamMeasures(seen.classes, grown))
    return told


def growth_table(
    told: Sequence[Sequence[ConceptGrowth]], count: int, asked: str
) -> Mapping[str, list[float | None]]:
    """Tabulate the labels that grew most in any picture, as factors, and one that is asked for.

    Args:
        told: of each picture, the labels whose neurons grew.
        count: how many labels.
        asked: the one that is there if it is known at all.
    """
    tables = [{it.concept: 2**it.value for it in each} for each in told]
    every = {name for table in tables for name in table}
    order = sorted(every, key=lambda name: -max(table.get(name, 0.0) for table in tables))
    chosen = order[:count]
    if asked in every and asked not in chosen:
        chosen = [*chosen[:-1], asked]
    return {name: [table.get(name) for table in tables] for name in chosen}
