"""Labels of units: the concepts that they detect, where these are known."""

import functools

from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.registry import SKETCHNET
from core.sketchnet import labels
from core.sketchnet.labels import CLEAR, Label, Labels


@functools.cache
def _shipped() -> Labels:
    return labels.load()


def labels_of(network: Network) -> Labels | None:
    """Return a network's labels; ``None`` unless it is SketchNet with the shipped weights."""
    if network.name != SKETCHNET or _shipped().weights != network.fingerprint:
        return None
    return _shipped()


def _layer_labels(network: Network, layer: str) -> tuple[Label, ...]:
    """Return the labels of a layer's units; none where they are not known."""
    known = labels_of(network)
    return () if known is None else known.layers.get(layer, ())


def clear_label(network: Network, layer: str, unit: int) -> Label | None:
    """Return the label of a unit if its IoU is at least ``CLEAR``."""
    row = _layer_labels(network, layer)
    return row[unit] if row and row[unit].iou >= CLEAR else None


def clearest_unit(network: Network, layer: str) -> int | None:
    """Return the unit of a layer whose label has the highest IoU; None without labels."""
    row = _layer_labels(network, layer)
    return max(row, key=lambda label: label.iou).unit if row else None


def clear_labels(network: Network) -> tuple[Label, ...]:
    """Return the labels of all units whose IoU is at least ``CLEAR``; none without labels."""
    known = labels_of(network)
    rows = () if known is None else known.layers.values()
    return tuple(label for row in rows for label in row if label.iou >= CLEAR)


def unit_name(network: Network, layer: Layer, unit: int) -> str:
    """Return the class of a unit of the last layer, or the concept of a clear label; else ""."""
    if layer == network.shown[-1] and layer.channels == len(network.labels):
        return network.labels[unit]
    label = clear_label(network, layer.name, unit)
    return "" if label is None else label.concept
