"""From a recipe to what its pictures climb: the formula behind each name of an objective."""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.networks.connectivity import before_activation
from core.networks.layers import Layer
from core.networks.network import Network
from core.optim import objectives, regularisers
from core.optim.objectives import Objective
from core.recipes.neuron import NeuronRecipe

# How much being alike costs pictures of one neuron, of the value that they climb.
DIVERSITY = 0.5
# Powers of the cosine: of a direction (Activation Atlas takes 4 for directions that no channel
# has, milder ones suffice for sums of channels), of a caricature, and of a feature inversion.
DIRECTION_POWER = 1.0
CARICATURE_POWER = 1.0
INVERSION_POWER = 4.0


@dataclass(frozen=True)
class RecipeObjective:
    """What the pictures of a recipe climb.

    Attributes:
        optimised: all of it, with what is held against a picture.
        reported: what a finished picture is measured by, with its own sign.
    """

    optimised: Objective
    reported: Objective


def build_objective(
    network: Network, recipe: NeuronRecipe, picture: Tensor | None
) -> RecipeObjective:
    """Compose what one batch of a recipe climbs.

    Args:
        network: the loaded network.
        recipe: of pictures that climb in one batch.
        picture: ``[1, 3, H, W]`` that a caricature or an inversion looks at.
    """
    layer = network.layer(recipe.layer)
    reported = _reported(network, layer, recipe, picture)
    base = -reported if recipe.negative else reported
    optimised = base
    if recipe.count > 1 and recipe.objective != "interpolation":
        apart = objectives.diversity(_placed(network, layer).name, recipe.count)
        optimised = optimised + DIVERSITY * objectives.proportional_sum(apart, base)
    for weight, penalty in (
        (recipe.total_variation, regularisers.total_variation()),
        (recipe.l2, regularisers.contrast()),
        (recipe.blur, regularisers.sharpness()),
    ):
        if weight:
            optimised = optimised - weight * objectives.proportional_sum(penalty, base)
    return RecipeObjective(optimised, reported)


def _reported(
    network: Network, layer: Layer, recipe: NeuronRecipe, picture: Tensor | None
) -> Objective:
    if recipe.objective in ("channel", "neuron"):
        return _of_each(network, layer, recipe)
    if recipe.objective == "interpolation":
        one, other = (objectives.channels(layer.name, [unit]) for unit in recipe.units)
        way = torch.linspace(0, 1, recipe.count)
        return (1 - way) * one + way * other
    if recipe.objective == "joint":
        first, *rest = (objectives.channels(layer.name, [unit]) for unit in recipe.units)
        return sum(rest, first)
    if recipe.objective == "direction":
        vector = torch.zeros(layer.channels)
        vector[list(recipe.units)] = len(recipe.units) ** -0.5
        return objectives.direction(layer.name, vector, DIRECTION_POWER)
    if recipe.objective == "energy":
        return objectives.energy(layer.name)
    if picture is None:
        raise ValueError(f"{recipe.objective} needs a picture")
    target = network.activations(picture, [layer.name])[layer.name]
    power = CARICATURE_POWER if recipe.objective == "caricature" else INVERSION_POWER
    return objectives.cosine_similarity(layer.name, target, power)


def _of_each(network: Network, layer: Layer, recipe: NeuronRecipe) -> Objective:
    """Give each unit's pictures its own channel.

    Descending starts before the ReLU: behind it there is nothing below zero to descend to. The
    units of a concatenation may then come from several layers.
    """
    of = objectives.positions if recipe.objective == "neuron" else objectives.channels
    units = [unit for unit in recipe.units for _ in range(recipe.count)]
    if not recipe.negative:
        return of(layer.name, units)
    places = [before_activation(network, layer, unit) for unit in units]
    terms = []
    for name in sorted({place.layer for place in places}):
        own = torch.tensor([place.layer == name for place in places])
        channel = [place.unit if place.layer == name else 0 for place in places]
        terms.append(own.float() * of(name, channel))
    first, *rest = terms
    return sum(rest, first)


def _placed(network: Network, layer: Layer) -> Layer:
    """Find the layer whose Gram matrices tell pictures apart: the last with positions up to it."""
    before = [each for each in network.layers if each.index <= layer.index and each.size]
    return layer if layer.size or not before else max(before, key=lambda each: each.index)
