"""Settings of style transfer that give good pictures, by network."""

from typing import Any

from core.networks import SKETCHNET, Network

USUAL: dict[str, dict[str, Any]] = {
    SKETCHNET: {
        "style_layers": ("relu1a", "relu1b", "relu2a", "relu2b", "relu3a", "relu3b"),
        "content_layers": ("relu3b",),
        "balance": 0.5,
    },
    "squeezenet1_0": {
        "style_layers": (
            "features.1",
            "features.3",
            "features.4",
            "features.5",
            "features.7",
            "features.8",
        ),
        "content_layers": ("features.5",),
        "balance": 0.5,
    },
}


def usual(network: Network) -> dict[str, Any]:
    return dict(USUAL[network.name])
