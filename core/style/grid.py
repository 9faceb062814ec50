"""Recipes for grids: style transfers of one photograph and one painting with different layers."""

from typing import Any

from core.networks.depth_sampling import ends_of_equal_parts
from core.networks.network import Network
from core.recipes.style_grid import CONTENT, StyleDepthsRecipe
from core.style import defaults, transfer

# Default number of layers along each side of the matrix of style and content layers, and in each of
# the other rows.
DEFAULT_DEPTHS, DEFAULT_STAGES = 4, 5


def plan_grid(
    network: Network, content: str, style: str, seed: int = 0, **settings: Any
) -> StyleDepthsRecipe:
    """Return the recipe of a grid of style transfers.

    By default, layers are spread evenly over the network's depth and include the deepest layer with
    positions. For other settings that are missing or None, the network's defaults are used.

    Args:
        network: the loaded network.
        content, style: fingerprints of the photograph and of the painting.
        seed: seed of all random numbers.
        settings: fields of ``StyleDepthsRecipe``.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a setting is out of range.
    """
    default = defaults.default_settings(network)
    chosen: dict[str, Any] = {
        "style_depths": spread(network, DEFAULT_DEPTHS),
        "content_depths": spread(network, DEFAULT_DEPTHS),
        "stages": spread(network, DEFAULT_STAGES),
        "content_layer": default["content_layers"][0],
        **{name: it for name, it in default.items() if name == "pooling"},
        **{name: it for name, it in settings.items() if it is not None},
    }
    for name in ("style_depths", "content_depths", "stages"):
        indices = {network.layer(it).name: network.layer(it).index for it in chosen[name]}
        chosen[name] = tuple(sorted(indices, key=lambda it: indices[it]))
    chosen["content_layer"] = network.layer(chosen["content_layer"]).name
    if CONTENT in chosen.get("shows", ()) and "variation" not in chosen:
        weights = tuple(defaults.variation_weight([network.layer(it)]) for it in chosen["stages"])
        chosen.setdefault("content_variations", weights)
    recipe = StyleDepthsRecipe(
        network.name, network.fingerprint, seed, content=content, style=style, **chosen
    )
    for part in recipe.parts():
        transfer.check(network, part)
    return recipe


def spread(network: Network, count: int) -> tuple[str, ...]:
    """Return the names of ``count`` layers with positions, evenly spaced, including the deepest."""
    names = [it.name for it in network.shown if it.size is not None]
    return tuple(ends_of_equal_parts(names, count))
