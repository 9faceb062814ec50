"""Style at several depths: the recipe of a grid of style transfers, a layer each."""

from typing import Any

from core.networks.depth_sampling import ends_of_equal_parts
from core.networks.network import Network
from core.recipes.style_grid import CONTENT, StyleDepthsRecipe
from core.style import defaults, transfer

# Layers of the matrix along each side, and of the rows.
USUAL_DEPTHS, USUAL_STAGES = 4, 5


def plan_grid(
    network: Network, content: str, style: str, seed: int = 0, **settings: Any
) -> StyleDepthsRecipe:
    """Write the recipe of style at several depths.

    Layers are spread evenly over the network's depth, the deepest among them; what else is not
    named, or None, is usual.

    Args:
        network: the loaded network.
        content, style: fingerprints of the photograph and of the painting.
        seed: where all chance comes from.
        settings: of ``StyleDepthsRecipe``.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a setting is out of range.
    """
    usual = defaults.default_settings(network)
    chosen: dict[str, Any] = {
        "style_depths": spread(network, USUAL_DEPTHS),
        "content_depths": spread(network, USUAL_DEPTHS),
        "stages": spread(network, USUAL_STAGES),
        "content_layer": usual["content_layers"][0],
        **{name: it for name, it in usual.items() if name == "pooling"},
        **{name: it for name, it in settings.items() if it is not None},
    }
    for name in ("style_depths", "content_depths", "stages"):
        found = {network.layer(it).name: network.layer(it).index for it in chosen[name]}
        chosen[name] = tuple(sorted(found, key=lambda it: found[it]))
    chosen["content_layer"] = network.layer(chosen["content_layer"]).name
    if CONTENT in chosen.get("shows", ()) and "variation" not in chosen:
        own = tuple(defaults.variation([network.layer(it)]) for it in chosen["stages"])
        chosen.setdefault("content_variations", own)
    recipe = StyleDepthsRecipe(
        network.name, network.fingerprint, seed, content=content, style=style, **chosen
    )
    for part in recipe.parts():
        transfer.check(network, part)
    return recipe


def spread(network: Network, count: int) -> tuple[str, ...]:
    """Choose layers evenly from shallow to deep: the last of as many equal stretches."""
    able = [it.name for it in network.shown if it.size is not None]
    return tuple(ends_of_equal_parts(able, count))
