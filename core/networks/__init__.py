"""Image networks: loading, layers, receptive fields, truncation and connections of units."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {
        "connectivity": ["strongest_inputs"],
        "layers": ["Layer"],
        "network": ["FeatureExtractor", "Network"],
        "registry": ["SKETCHNET", "describe_networks", "list_networks", "load"],
    },
)
