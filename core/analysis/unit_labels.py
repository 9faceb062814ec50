"""Labels of units: the concept that a unit detects, for networks whose concepts are known."""

import functools

from core.analysis import unit_names
from core.analysis.unit_names import UnitNames
from core.networks.known_networks import SKETCHNET
from core.networks.layers import Layer
from core.networks.network import Network
from core.sketchnet import labels
from core.sketchnet.labels import CLEAR, Label, Labels

# Number of networks whose names are cached, some hundred kilobytes each.
NETWORKS_AT_MOST = 16


@functools.cache
def _shipped() -> Labels:
    return labels.load()


def labels_of(network: Network) -> Labels | None:
    """Return a network's labels; ``None`` unless it is SketchNet with the shipped weights."""
    if network.name != SKETCHNET or _shipped().weights != network.fingerprint:
        return None
    return _shipped()


def _layer_labels(network: Network, layer: str) -> tuple[Label, ...]:
    """Return the labels of a layer's units; an empty tuple if the layer has no known labels."""
    known = labels_of(network)
    return () if known is None else known.layers.get(layer, ())


def clear_label(network: Network, layer: str, unit: int) -> Label | None:
    """Return the label of a unit if the label's IoU is at least ``CLEAR``; None otherwise."""
    row = _layer_labels(network, layer)
    return row[unit] if row and row[unit].iou >= CLEAR else None


def clearest_unit(network: Network, layer: str) -> int | None:
    """Return the unit of a layer whose label has the highest IoU; None if there are no labels."""
    row = _layer_labels(network, layer)
    return max(row, key=lambda label: label.iou).unit if row else None


def clear_labels(network: Network) -> tuple[Label, ...]:
    """Return all labels of a network's units with an IoU of at least ``CLEAR``; maybe none."""
    known = labels_of(network)
    rows = () if known is None else known.layers.values()
    return tuple(label for row in rows for label in row if label.iou >= CLEAR)


def unit_name(network: Network, layer: Layer, unit: int) -> str:
    """Return the name of what a unit detects: "tree" for example; "" if it is not known.

    For a unit of the last layer, it is the name of the class. For other units, it is the concept of
    the unit's clear label.
    """
    if layer == network.class_layer:
        return network.labels[unit]
    label = clear_label(network, layer.name, unit)
    return "" if label is None else label.concept


def names_of(network: Network, least: float = CLEAR) -> UnitNames:
    """Return the layers of a network and the names of its units, for ``unit_search``.

    Args:
        network: the loaded network.
        least: labels with an IoU below this are no names.
    """
    logits = "" if network.class_layer is None else network.class_layer.name
    labelled = labels_of(network) is not None
    return _names(network.layers, logits, network.labels, labelled, least)


# The cache has no network as a key, because it would keep the weights in memory.
@functools.lru_cache(maxsize=NETWORKS_AT_MOST)
def _names(
    layers: tuple[Layer, ...], logits: str, classes: tuple[str, ...], labelled: bool, least: float
) -> UnitNames:
    """Return the names of units with the names of the classes, and SketchNet's labels or none."""
    return UnitNames(
        {it.name: it.channels for it in layers if it.shown},
        (
            *(unit_names.labelled_units(_shipped(), least) if labelled else ()),
            *unit_names.class_units(logits, classes if logits else ()),
        ),
        {it.name: it.channels for it in layers if not it.shown},
    )
