"""What neurons stand for: the labels that a network has, if its concepts can be known."""

import functools

from core.analysis import unit_labels
from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.registry import SKETCHNET
from core.sketchnet import labels
from core.sketchnet.labels import CLEAR, Label, Labels


@functools.cache
def _shipped() -> Labels:
    return labels.load()


def labels_of(network: Network) -> Labels | None:
    """Give a network's labels; ``None`` for all but SketchNet with the weights that ship."""
    if network.name != SKETCHNET or _shipped().weights != network.fingerprint:
        return None
    return _shipped()


def clear_label(network: Network, layer: str, unit: int) -> Label | None:
    """Give what one neuron stands for, if that is clear."""
    known = labels_of(network)
    if known is None or layer not in known.layers:
        return None
    label = known.layers[layer][unit]
    return label if label.iou >= CLEAR else None


def clearest_unit(network: Network, layer: str) -> int | None:
    """Tell which neuron of a layer picks out its concept best, if that is known."""
    known = labels_of(network)
    if known is None or layer not in known.layers:
        return None
    return max(known.layers[layer], key=lambda label: label.iou).unit


def clear_labels(network: Network) -> tuple[Label, ...]:
    """List what all neurons stand for of which that is clear; nothing where it is not known."""
    known = labels_of(network)
    rows = () if known is None else known.layers.values()
    return tuple(label for row in rows for label in row if label.iou >= CLEAR)


def unit_name(network: Network, layer: Layer, unit: int) -> str:
    """Name what a neuron stands for: its class, or the concept that it clearly picks out."""
    if layer == network.shown[-1] and layer.channels == len(network.labels):
        return network.labels[unit]
    label = unit_labels.clear_label(network, layer.name, unit)
    return "" if label is None else label.concept
