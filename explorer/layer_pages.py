"""Pages of a layer's units: which units, and the recipes that draw them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.recipes.neuron import NeuronRecipe

if TYPE_CHECKING:
    from core.networks.layers import Layer
    from core.networks.network import Network

PER_PAGE = 64


def pages_of(layer: Layer) -> int:
    """Tell how many pages a layer's neurons fill."""
    return math.ceil(layer.channels / PER_PAGE)


def units_of(layer: Layer, page: int) -> range:
    """Tell which units stand on a page, counted from 1."""
    return range((page - 1) * PER_PAGE, min(page * PER_PAGE, layer.channels))


def plan_page(network: Network, layer: Layer, page: int) -> NeuronRecipe:
    """Write the recipe of one page of a layer's neurons."""
    from core.neurons import render_neurons  # It imports PyTorch.

    return render_neurons.plan(network, layer.name, units_of(layer, page))


def part_of(network: Network, layer: Layer, unit: int) -> NeuronRecipe:
    """Give the part of a page's recipe that draws one neuron among others."""
    parts = plan_page(network, layer, page_of(unit)).parts()
    return next(part for part in parts if unit in part.units)


def page_of(unit: int) -> int:
    """Tell on which page a unit stands."""
    return unit // PER_PAGE + 1


def sample_recipe(network: Network, layer: Layer) -> NeuronRecipe:
    """Give the recipe of a layer's samples: the grid's first part, so that none is drawn twice."""
    return plan_page(network, layer, 1).parts()[0]
