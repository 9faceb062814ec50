"""The order of units on the Layers page: as found, or by a measured value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from core.analysis import unit_activity
from core.analysis.unit_search import FoundUnit
from core.index.reader import Index
from core.networks import Network
from explorer import layer_pages
from explorer.library import indexes
from explorer.text import formatting
from explorer.ui import server_state

Place: TypeAlias = tuple[str, int]  # name of a layer, and number of a unit

# The orders, by the word in the URL; "" is the order of the search, or that of the numbers.
BY_PICTURE, BY_ACTIVATION, BY_SHARE = "picture", "activation", "often"
ORDERS = {
    "": "Usual order",
    BY_PICTURE: "By picture",
    BY_ACTIVATION: "By response",
    BY_SHARE: "By frequency",
}
NEEDS_INDEX = {
    BY_ACTIVATION: "what excites each neuron most, and how much",
    BY_SHARE: "how often each neuron responds",
}


@dataclass(frozen=True)
class UnitOrder:
    """Units in an order.

    Attributes:
        units: the units; those without a value come last, in the order in which they were found.
        values: the value of each unit as text, by layer and number; not all units have one.
        words: a sentence on what was measured and on what is missing; "" in the usual order.
    """

    units: tuple[FoundUnit, ...]
    values: Mapping[Place, str]
    words: str = ""


def order_units(
    network: Network, found: Sequence[FoundUnit], order: str, index: Index | None
) -> UnitOrder:
    """Sort units by the values of an order, the highest first.

    Args:
        network: the network.
        found: the units in the usual order.
        order: one of ``ORDERS``.
        index: an index of the network; without one, the orders that need it change nothing.
    """
    if order == BY_PICTURE:
        drawn = _of_pictures(network, found)
        measured = "the activation that its picture reaches"
        return _sorted(
            found, drawn, formatting.number, f"{measured}{_scales(drawn)}", "are not drawn yet"
        )
    if order and index is not None:
        collection = indexes.describe_index(index)
        lacking = "are of layers that the index lacks,"
        if order == BY_SHARE:
            shares = _of_index(index, found, unit_activity.response_shares)
            measured = f"how many of {collection} excite it to half of its highest response or more"
            return _sorted(found, shares, partial(formatting.percent, digits=1), measured, lacking)
        highest = _of_index(index, found, unit_activity.highest_activations)
        measured = f"its highest response to {collection}{_scales(highest)}"
        return _sorted(found, highest, formatting.number, measured, lacking)
    units = [it.named for it in found]
    overlaps = {(it.layer, it.unit): f"{it.iou:.2f}" for it in units if it.iou is not None}
    return UnitOrder(tuple(found), overlaps)


def _scales(values: Mapping[Place, float]) -> str:
    """Return a warning if activations of several layers are compared; else ""."""
    several = len({layer for layer, _ in values}) > 1
    return " (layers have different scales)" if several else ""


def _sorted(
    found: Sequence[FoundUnit],
    values: Mapping[Place, float],
    write: Callable[[float], str],
    measured: str,
    lacking: str,
) -> UnitOrder:
    """Return units in the order of their values, and a sentence on these values.

    Args:
        found: the units in the usual order.
        values: values of some of the units.
        write: returns a value as text.
        measured: what the values are, in words.
        lacking: why units have no value: the words after their number.
    """

    def rank(it: FoundUnit) -> float:
        return -values.get((it.named.layer, it.named.unit), float("-inf"))

    words = f"The number beneath each is {measured}; the highest comes first."
    missing = len(found) - len(values)
    if missing:
        words += f" {missing:,} of {len(found):,} {lacking} and come last."
    texts = {place: write(value) for place, value in values.items()}
    return UnitOrder(tuple(sorted(found, key=rank)), texts, words)


def _of_index(
    index: Index, found: Sequence[FoundUnit], measure: Callable[[Index, str], Any]
) -> dict[Place, float]:
    """Return a measure of units by layer and number; units of layers without index are left out."""
    known = {it.name: it.channels for it in index.plan.layers}
    layers = dict.fromkeys(it.named.layer for it in found if it.named.layer in known)
    measured = {layer: measure(index, layer) for layer in layers}
    return {
        (layer, unit): float(measured[layer][unit])
        for layer, unit in ((it.named.layer, it.named.unit) for it in found)
        if layer in measured
    }


def _of_pictures(network: Network, found: Sequence[FoundUnit]) -> dict[Place, float]:
    """Return the activations of units' pictures, by layer and number, of those that are drawn."""
    pages = dict.fromkeys((it.named.layer, layer_pages.page_of(it.named.unit)) for it in found)
    wanted = {(it.named.layer, it.named.unit) for it in found}
    values: dict[Place, float] = {}
    for layer, page in pages:
        parts = layer_pages.plan_page(network, network.layer(layer), page).parts()
        for unit, facts in server_state.store().facts([it.key for it in parts]).items():
            if (layer, unit) in wanted:
                values[layer, unit] = float(facts["activation"])
    return values
