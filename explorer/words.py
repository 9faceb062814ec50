"""Plain words for layers and neurons, the same on every page."""

from core.analysis import unit_labels
from core.networks.layers import Layer
from core.networks.network import Network


def meaning(network: Network, layer: Layer, unit: int) -> str:
    """Name what a neuron stands for: its class, or the concept that it clearly picks out."""
    if layer == network.shown[-1] and layer.channels == len(network.labels):
        return network.labels[unit]
    label = unit_labels.clear_label(network, layer.name, unit)
    return "" if label is None else label.concept


def sees(layer: Layer) -> str:
    """Say how much of the picture one position of a layer sees."""
    if layer.receptive_field is None:
        return "sees the whole picture"
    return f"sees {times(layer.receptive_field)} px"


def count(layer: Layer) -> str:
    """Say how many neurons a layer has, and how many pixels lie between their positions."""
    words = "1 neuron" if layer.channels == 1 else f"{layer.channels} neurons"
    if layer.stride is None:
        return words
    rows, cols = layer.stride
    return f"{words}, step {rows if rows == cols else times(layer.stride)} px"


def describe(layer: Layer) -> str:
    """Say in one line what a layer is."""
    return f"{count(layer)}; each {sees(layer)}"


def times(pair: tuple[int, int]) -> str:
    """Write a height and a width."""
    return f"{pair[0]} \N{MULTIPLICATION SIGN} {pair[1]}"
