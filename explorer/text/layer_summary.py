"""Layers in plain words."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.networks.layers import Layer


def describe_field(layer: "Layer") -> str:
    """Say how much of the picture one position of a layer sees."""
    if layer.receptive_field is None:
        return "sees the whole picture"
    return f"sees {times(layer.receptive_field)} px"


def describe_count(layer: "Layer") -> str:
    """Say how many neurons a layer has, and how many pixels lie between their positions."""
    words = "1 neuron" if layer.channels == 1 else f"{layer.channels} neurons"
    if layer.stride is None:
        return words
    rows, cols = layer.stride
    return f"{words}, step {rows if rows == cols else times(layer.stride)} px"


def describe_layer(layer: "Layer") -> str:
    """Say in one line what a layer is."""
    return f"{describe_count(layer)}; each {describe_field(layer)}"


def times(pair: tuple[int, int]) -> str:
    """Write a height and a width."""
    return f"{pair[0]} \N{MULTIPLICATION SIGN} {pair[1]}"
