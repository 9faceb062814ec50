"""The objectives of feature visualizations, by the name that a recipe has for each of them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import ExplorerError
from core.fixed_order import one_thread
from core.networks.connectivity import before_activation, is_rectified
from core.networks.layers import Layer
from core.networks.network import Network
from core.optim import objectives, regularisers
from core.optim.objectives import Objective
from core.recipes.neuron import UNIT_OBJECTIVES, NeuronRecipe

# Weight of the diversity term of several images of one unit. The term is also multiplied by the
# absolute value of the objective.
DIVERSITY = 0.5
# Powers of the cosine for a direction, a caricature and a feature inversion. For its directions,
# Activation Atlas uses a power of 4. For directions that are sums of channels, 1 is enough.
DIRECTION_POWER = 1.0
CARICATURE_POWER = 1.0
INVERSION_POWER = 4.0


@dataclass(frozen=True)
class RecipeObjective:
    """The objectives of a recipe.

    Attributes:
        optimised: the objective of the ascent, with its regularisers.
        reported: the objective whose value is reported for a finished image. It has no
            regularisers. If the recipe minimises it, ``optimised`` is negated and this one is not.
    """

    optimised: Objective
    reported: Objective


def build_objective(
    network: Network, recipe: NeuronRecipe, image: Tensor | None
) -> RecipeObjective:
    """Build the objectives of one batch.

    Args:
        network: the loaded network.
        recipe: the recipe of the images of one batch.
        image: the given image of a caricature or an inversion, ``[1, C, H, W]``.
    """
    layer = network.layer(recipe.layer)
    reported = _reported(network, layer, recipe, image)
    base = -reported if recipe.negative else reported
    optimised = base
    if recipe.count > 1 and recipe.objective != "interpolation":
        name = _layer_with_positions(network, layer).name
        diversity = objectives.diversity(name, recipe.count)
        optimised = optimised + DIVERSITY * objectives.proportional_sum(diversity, base)
    for weight, penalty in (
        (recipe.total_variation, regularisers.total_variation()),
        (recipe.l2, regularisers.contrast()),
        (recipe.blur, regularisers.sharpness()),
    ):
        if weight:
            optimised = optimised - weight * objectives.proportional_sum(penalty, base)
    return RecipeObjective(optimised, reported)


def negative_note(network: Network, recipe: NeuronRecipe) -> str:
    """Return a sentence on what is minimised after a ReLU; "" if it is the layer of the recipe.

    After a ReLU no activation is below zero. The activations of single units are minimised before
    it. For several units together, and for a whole layer, there is no such replacement.
    """
    if not recipe.negative:
        return ""
    layer = network.layer(recipe.layer)
    inputs = [before_activation(network, layer, unit) for unit in recipe.units or (0,)]
    before = " and ".join(sorted({it.layer for it in inputs} - {layer.name}))
    if not before:
        return ""
    hidden = f"{layer.name} does not show what its units want least"
    if recipe.objective in UNIT_OBJECTIVES:
        return (
            f"{hidden}, so {before} before it is minimised; the activations are those of {before}"
        )
    return f"{hidden}; name {before}, the layer before it"


def _reported(
    network: Network, layer: Layer, recipe: NeuronRecipe, image: Tensor | None
) -> Objective:
    """Return the objective of a recipe, without regularisers and not negated."""
    if recipe.objective in ("channel", "neuron"):
        return _unit_objective(network, layer, recipe)
    if recipe.objective == "interpolation":
        one, other = (objectives.channels(layer.name, [unit]) for unit in recipe.units)
        weight = torch.linspace(0, 1, recipe.count)
        return (1 - weight) * one + weight * other
    if recipe.objective == "joint":
        first, *rest = (objectives.channels(layer.name, [unit]) for unit in recipe.units)
        return sum(rest, first)
    if recipe.objective == "direction":
        vector = torch.zeros(layer.channels)
        vector[list(recipe.units)] = len(recipe.units) ** -0.5
        return objectives.direction(layer.name, vector, DIRECTION_POWER)
    if recipe.objective == "energy":
        return objectives.energy(layer.name)
    if image is None:
        raise ValueError(f"{recipe.objective} needs a picture")
    with one_thread():
        target = network.activations(image, [layer.name])[layer.name]
    power = CARICATURE_POWER if recipe.objective == "caricature" else INVERSION_POWER
    return objectives.cosine_similarity(layer.name, target, power)


def _unit_objective(network: Network, layer: Layer, recipe: NeuronRecipe) -> Objective:
    """Return the objective whose value for each image is the activation of that image's unit.

    If units are minimised, the activation before the ReLU is used, because the output of a ReLU
    cannot fall below zero. If the layer is a concatenation, these activations may belong to
    several layers, so the objective is a sum over layers.
    """
    objective_of = objectives.positions if recipe.objective == "neuron" else objectives.channels
    units = [unit for unit in recipe.units for _ in range(recipe.count)]
    if not recipe.negative:
        return objective_of(layer.name, units)
    inputs = [before_activation(network, layer, unit) for unit in units]
    if is_rectified(network, layer) and layer.name in {it.layer for it in inputs}:
        raise ExplorerError(
            f"{layer.name} is never below zero, and it is not known what comes before its ReLU in "
            f"{network.name}; name the layer before it to minimise its units"
        )
    terms = []
    for name in sorted({it.layer for it in inputs}):
        # An image whose unit is in another layer has a weight of 0 in the term of this layer. Its
        # channel must only be valid, so 0 is used.
        weight = torch.tensor([it.layer == name for it in inputs]).float()
        channel = [it.unit if it.layer == name else 0 for it in inputs]
        terms.append(weight * objective_of(name, channel))
    first, *rest = terms
    return sum(rest, first)


def _layer_with_positions(network: Network, layer: Layer) -> Layer:
    """Return the layer itself if it has positions, else the last layer with positions before it.

    Gram matrices for the diversity need positions.
    """
    before = [each for each in network.layers if each.index <= layer.index and each.size]
    return layer if layer.size or not before else max(before, key=lambda each: each.index)
