"""Circuits as pages show them: found and measured once, and kept in files.

It is run as ``python -m explorer.library.circuits``, as a background task, for networks that take
longer than a visitor waits for a page. Circuits of SketchNet are measured while the page is shown.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from explorer.library import unit_places
from explorer.library.unit_places import UnitPlace

if TYPE_CHECKING:
    from core.analysis.circuit_meter import CircuitMeter
    from core.analysis.circuits import Circuit
    from core.index.reader import Index
    from core.networks.network import Network

# Pixels of the input of a network whose circuits one page can wait for.
PAGE_PIXELS = 64 * 64


@dataclass(frozen=True)
class CircuitPlace(UnitPlace):
    """Of which unit a circuit is measured on which pictures, and where it is kept."""

    KIND: ClassVar[str] = "circuit"
    MODULE: ClassVar[str] = "explorer.library.circuits"
    VERSION: ClassVar[int] = 1

    def read(self) -> "Circuit | None":
        """Return the circuit; None if there is none yet, or if it is damaged."""
        from core.analysis.circuits import Circuit

        try:
            return Circuit.from_json(json.loads(self.file.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def measure(self, meter: "CircuitMeter") -> "Circuit":
        """Find and measure the circuit, and keep it if the folder can be written.

        Raises:
            ExplorerError: there is no such circuit.
        """
        circuit = meter.circuit(meter.network.layer(self.layer), self.unit)
        self.keep(circuit.to_json())
        return circuit


def fits_a_page(network: "Network") -> bool:
    """Whether circuits are measured while the page is shown, not in the background."""
    height, width = network.input_size
    return height * width <= PAGE_PIXELS


def meter_for(network: "Network", place: CircuitPlace) -> "CircuitMeter":
    """Return what measures circuits of a network on the pictures of a place.

    Raises:
        ExplorerError: none of the pictures can be opened, or the network cannot be traced.
    """
    from core.analysis.circuit_meter import CircuitMeter, pictures_for
    from core.analysis.picture_sample import sample_pictures

    return CircuitMeter(network, sample_pictures(network, place.source(), pictures_for(network)))


def measure_unit(network: "Network", layer: str, unit: int, index: "Index | None") -> None:
    """Measure the circuit of a unit, and keep it.

    Args:
        network, layer, unit: the unit.
        index: an index, on whose pictures it is measured; None for drawings.

    Raises:
        ExplorerError: there is no such circuit, or none of the pictures can be opened.
    """
    place = CircuitPlace(network.name, network.fingerprint, layer, unit, index)
    place.measure(meter_for(network, place))


if __name__ == "__main__":
    unit_places.main(CircuitPlace.MODULE, measure_unit)
