"""How the units of a layer are divided into pages, and the recipes that draw a page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.recipes.neuron import NeuronRecipe

if TYPE_CHECKING:
    from core.networks.layers import Layer
    from core.networks.network import Network

PER_PAGE = 64


def page_count(layer: Layer) -> int:
    """Return the number of pages that show the units of a layer, ``PER_PAGE`` units on each."""
    return math.ceil(layer.channels / PER_PAGE)


def units_of(layer: Layer, page: int) -> range:
    """Return the units of a layer that page number ``page`` shows; pages are counted from 1."""
    return range((page - 1) * PER_PAGE, min(page * PER_PAGE, layer.channels))


def plan_page(network: Network, layer: Layer, page: int) -> NeuronRecipe:
    """Build the recipe that renders the units of one page of a layer; pages are counted from 1."""
    from core.neurons import render_neurons  # This import loads PyTorch.

    return render_neurons.plan(network, layer.name, units_of(layer, page))


def part_of(network: Network, layer: Layer, unit: int) -> NeuronRecipe:
    """Return the recipe that renders a unit, along with other units of the same page.

    It is one of the parts (``Recipe.parts``) of the page's recipe, so both share a stored result.
    """
    parts = plan_page(network, layer, page_of(unit)).parts()
    return next(part for part in parts if unit in part.units)


def page_of(unit: int) -> int:
    """Return the page, counted from 1, that contains a unit."""
    return unit // PER_PAGE + 1


def sample_recipe(network: Network, layer: Layer) -> NeuronRecipe:
    """Build the recipe of a few sample pictures of a layer.

    It is the first part of the recipe of page 1, so its result is also used for that page.
    """
    return plan_page(network, layer, 1).parts()[0]
