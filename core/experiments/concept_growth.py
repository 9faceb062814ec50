"""Growth of concepts: how much more the labelled units respond to a dream than to its image.

Dreams seem to contain many eyes. This module measures such changes: for each unit with a known
label, it compares the activation for the dream with the activation for the image from which the
dream was made.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.analysis import unit_labels
from core.analysis.probe import top_classes
from core.dreams.dream_objective import MEASURED_SIDE
from core.images import image_io
from core.images.resize import reduced_size, resize_image
from core.networks.depth_sampling import evenly_spaced
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.dream import DreamRecipe
from core.sketchnet.labels import Label

# Bounds of the number of layers whose dreams are compared. More dreams do not fit side by side.
DEPTHS = (2, 8)
USUAL_DEPTHS = 6
# Value that is added to a unit's activations for both images, relative to the mean magnitude of the
# layer's activations for the original image. Without it, units with an activation of almost 0 for
# the original image would have an almost infinite growth.
FLOOR = 0.1
# Lower bound of that mean magnitude, for layers in which all activations are 0.
LEAST_MEAN = 1e-6
# Labels of fewer units are left out, because one unit alone is not reliable evidence.
LEAST_UNITS = 2


@dataclass(frozen=True)
class Response:
    """The response of a network to an image.

    Attributes:
        classes: the likeliest classes and their probabilities, the likeliest first.
        means: mean activation of each channel over positions, ``[C]`` on the CPU, by layer.
    """

    classes: tuple[tuple[str, float], ...]
    means: Mapping[str, Tensor]


@dataclass(frozen=True)
class ConceptGrowth:
    """How much more the units of one label respond to a dream than to the original image.

    Attributes:
        concept, kind: the label, such as ``eye`` and ``part``.
        neurons: number of units with this label.
        value: growth as ``concept_growth`` defines it, as a logarithm to base 2. With a value of 1,
            the units' activations grew by a factor twice that of a median unit.
    """

    concept: str
    kind: str
    neurons: int
    value: float


@dataclass(frozen=True)
class DreamMeasures:
    """The measures of one dream.

    Attributes:
        classes: the likeliest classes and their probabilities.
        grown: growth of all labels, the highest first; empty if the network has no labels.
    """

    classes: tuple[tuple[str, float], ...]
    grown: tuple[ConceptGrowth, ...]


def spread(network: Network, count: int = USUAL_DEPTHS) -> list[Layer]:
    """Choose layers evenly from shallow to deep; the logits only if there is no other layer."""
    layers = list(network.shown[:-1]) or list(network.shown)
    return evenly_spaced(layers, count)


def respond(network: Network, image: Tensor, layers: Iterable[str] = ()) -> Response:
    """Compute the response of a network to an image, without cropping it to the input size.

    Small details of the image thus have an influence.

    Args:
        network: the network.
        image: ``[1, 3, H, W]`` in ``[0, 1]``; it is reduced if a side is longer than
            ``dream_objective.MEASURED_SIDE`` pixels.
        layers: names of the layers whose mean activations are returned.
    """
    size = reduced_size((image.shape[2], image.shape[3]), MEASURED_SIDE)
    layers, logits = list(layers), network.class_layer
    needed = {*layers} if logits is None else {*layers, logits.name}
    activations = network.activations(resize_image(image, size), needed) if needed else {}
    means = {name: mean_over_positions(activations[name])[0] for name in layers}
    classes = top_classes(network, {name: it[0] for name, it in activations.items()})
    return Response(classes, means)


def mean_over_positions(activation: Tensor) -> Tensor:
    """Return the means ``[N, C]`` of activations ``[N, C, ...]`` over positions, on the CPU."""
    values = activation.float()
    return (values.flatten(2).mean(2) if values.ndim > 2 else values).cpu()


def concept_growth(
    before: Response, after: Response, labels: Iterable[Label], dreamt: str = ""
) -> tuple[ConceptGrowth, ...]:
    """Compute how much more the units of each label respond to a dream than to the original image.

    The growth of a unit with activation ``a`` for the image and ``b`` for the dream is
    ``log2((b + e) / (a + e))``, where ``e`` is ``FLOOR`` times the mean magnitude of the
    activations of the unit's layer for the image. Most units respond more to a dream, whatever
    concepts they detect. So the median growth of all units of the layer is subtracted. The growth
    of a label is the mean over its units. It is 0 if they grow by the same factor as a median unit,
    and 1 if by twice this factor.

    The dream maximises the activations of one layer. The growth of units in this layer is therefore
    no evidence for a concept, and they are ignored. Labels with fewer than ``LEAST_UNITS`` units in
    other layers are left out.

    Args:
        before, after: responses to the image and to the dream, with all layers of the labels.
        labels: labels of units; each unit has at most one.
        dreamt: name of the layer that the dream maximises; "" if there is none.

    Returns:
        The growth of each label, the highest first.
    """
    by_unit = unit_growth(before, after)
    by_label: dict[tuple[str, str], list[float]] = defaultdict(list)
    for label in labels:
        if label.layer != dreamt:
            growth = float(by_unit[label.layer][label.unit])
            by_label[label.concept, label.kind].append(growth)
    return in_order_of_growth(
        ConceptGrowth(concept, kind, len(values), sum(values) / len(values))
        for (concept, kind), values in by_label.items()
        if len(values) >= LEAST_UNITS
    )


def unit_growth(before: Response, after: Response) -> dict[str, Tensor]:
    """Return the growth of each unit ``[C]`` by layer, as ``concept_growth`` defines it.

    The median growth of the layer is subtracted.
    """
    growth = {}
    for layer in before.means:
        old, new = before.means[layer], after.means[layer]
        floor = FLOOR * old.abs().mean().clamp_min(LEAST_MEAN)
        grown = torch.log2((new + floor).clamp_min(floor / 2) / (old + floor).clamp_min(floor / 2))
        growth[layer] = grown - grown.quantile(0.5)
    return growth


def in_order_of_growth(grown: Iterable[ConceptGrowth]) -> tuple[ConceptGrowth, ...]:
    """Return labels in order of their growth, the highest first; ties in order of the concept."""
    return tuple(sorted(grown, key=lambda it: (-it.value, it.concept)))


def measure_dreams(
    network: Network, before: bytes, recipes: Sequence[DreamRecipe], after: Sequence[bytes]
) -> list[DreamMeasures]:
    """Compute the measures of several dreams of one image.

    Args:
        network: the network of the dreams.
        before: the encoded original image.
        recipes: recipes of the dreams.
        after: the encoded dreams, in the order of the recipes.
    """
    labels = unit_labels.clear_labels(network)
    layers = sorted({label.layer for label in labels})
    original = image_io.resize_longer_side(image_io.open_picture(before), recipes[0].size)
    original_response = respond(network, image_io.to_tensor(original), layers)
    measures = []
    for recipe, dream in zip(recipes, after, strict=True):
        response = respond(network, image_io.to_tensor(image_io.open_picture(dream)), layers)
        grown = concept_growth(original_response, response, labels, recipe.layer)
        measures.append(DreamMeasures(response.classes, grown))
    return measures


def growth_table(
    grown: Sequence[Sequence[ConceptGrowth]], count: int, required: str
) -> Mapping[str, list[float | None]]:
    """Return the growth factors of the concepts that grew most in any image.

    Args:
        grown: growth of the labels, for each image.
        count: number of concepts to return.
        required: a concept that is included even if it grew less than others, for example ``eye``.
            It then replaces the last of the ``count`` concepts. If no image has it, it is ignored.

    Returns:
        By concept, the growth factor in each image: ``2 ** value``, which is 2 for a growth of 1.
        None for images that do not have the concept.
    """
    factors = [{it.concept: 2**it.value for it in each} for each in grown]
    concepts = {name for table in factors for name in table}
    order = sorted(concepts, key=lambda name: -max(table.get(name, 0.0) for table in factors))
    chosen = order[:count]
    if required in concepts and required not in chosen:
        chosen = [*chosen[:-1], required]
    return {name: [table.get(name) for table in factors] for name in chosen}
