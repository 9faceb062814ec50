"""Image networks: loading, layers, receptive fields, truncation and connections of units."""

from typing import TYPE_CHECKING

from core.exports import lazy

if TYPE_CHECKING:
    from core.networks.layers import Layer as Layer
    from core.networks.network import Network as Network

__all__, __getattr__ = lazy(
    __name__,
    {
        "connectivity": ["strongest_inputs"],
        "known_networks": ["SKETCHNET", "describe_networks", "list_networks"],
        "layers": ["Layer"],
        "network": ["FeatureExtractor", "Network"],
        "registry": ["load"],
        "wrapping": ["wrap"],
    },
)
