"""Recipes for dreams of one image at several layers."""

from collections.abc import Sequence

from core.dreams import render_dreams
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.dream import DreamRecipe

# Longer side of each dream in pixels. The dreams of a series are shown in a row on a page.
SERIES_SIZE = 384


def plan_series(
    network: Network,
    layers: Sequence[Layer],
    image: str,
    size: int = SERIES_SIZE,
    strength: float = 1.0,
    seed: int = 0,
) -> list[DreamRecipe]:
    """Return one recipe for each layer; all other settings of the recipes are equal.

    Raises:
        ExplorerError: a setting is out of range.
    """
    return [
        render_dreams.plan(network, [layer.name], image, seed, size=size, strength=strength)
        for layer in layers
    ]
