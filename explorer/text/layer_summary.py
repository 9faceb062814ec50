"""Descriptions of layers in plain words."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.networks.layers import Layer


def describe_field(layer: "Layer") -> str:
    """Return the receptive field of a layer in words, such as ``sees 43 x 43 px``."""
    if layer.receptive_field is None:
        return "sees the whole picture"
    return f"sees {times(layer.receptive_field)} px"


def describe_count(layer: "Layer") -> str:
    """Return the number of units and the stride of a layer in words: ``64 neurons, step 4 px``."""
    words = "1 neuron" if layer.channels == 1 else f"{layer.channels} neurons"
    if layer.stride is None:
        return words
    rows, cols = layer.stride
    return f"{words}, step {rows if rows == cols else times(layer.stride)} px"


def describe_layer(layer: "Layer") -> str:
    """Return a layer's number of units, stride and receptive field in words, on one line."""
    return f"{describe_count(layer)}; each {describe_field(layer)}"


def times(pair: tuple[int, int]) -> str:
    """Return a height and a width as text, such as ``3 x 5``."""
    return f"{pair[0]} \N{MULTIPLICATION SIGN} {pair[1]}"
