"""Descriptions of layers in plain words."""

from typing import TYPE_CHECKING

from core.networks.field_words import field_words
from core.networks.field_words import times as times

if TYPE_CHECKING:
    from core.networks.layers import Layer


def describe_field(layer: "Layer") -> str:
    """Return the receptive field of a layer in words, such as ``sees 43 x 43 px``."""
    return f"sees {field_words(layer)}"


def describe_count(layer: "Layer") -> str:
    """Return the number of units of a layer in words: ``64 neurons``."""
    return "1 neuron" if layer.channels == 1 else f"{layer.channels} neurons"


def describe_layer(layer: "Layer") -> str:
    """Return a layer's number of units, receptive field and stride in words, on one line."""
    words = f"{describe_count(layer)}; each {describe_field(layer)}"
    if layer.stride is None:
        return words
    rows, cols = layer.stride
    return f"{words}, at places {rows if rows == cols else times(layer.stride)} px apart"
