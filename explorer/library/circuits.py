"""Circuits as pages show them: found and measured once, and kept in files.

It is run as ``python -m explorer.library.circuits``, as a background task, for networks that take
longer than a visitor waits for a page. Circuits of SketchNet are measured while the page is shown.
"""

import argparse
import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ExplorerError
from core.files import make_folder, write_file
from explorer import cores, own_code
from explorer.library import background_task
from explorer.library.effects import EffectPlace
from explorer.library.index_task import FOLDER as INDEXES
from explorer.paths import home

if TYPE_CHECKING:
    from core.analysis.circuit_meter import CircuitMeter
    from core.analysis.circuits import Circuit
    from core.networks.network import Network

MODULE = "explorer.library.circuits"
FOLDER = "circuits"
DIGITS = 16
# Increases when the same unit begins to get another circuit.
VERSION = 1
# Pixels of the input of a network whose circuits one page can wait for.
PAGE_PIXELS = 64 * 64


@dataclass(frozen=True)
class CircuitPlace:
    """Of which unit a circuit is measured on which pictures, and where it is kept.

    Attributes:
        unit: the unit, and the pictures.
    """

    unit: EffectPlace

    @property
    def key(self) -> str:
        """The key of the background task."""
        return f"circuit {self.file.stem}"

    @property
    def file(self) -> Path:
        """The file with the circuit."""
        unit = self.unit
        told = repr((VERSION, unit.weights, unit.layer, unit.unit, unit.collection))
        name = hashlib.sha256(told.encode()).hexdigest()[:DIGITS]
        return home() / FOLDER / f"{name}.json"

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
        circuit = meter.circuit(meter.network.layer(self.unit.layer), self.unit.unit)
        with contextlib.suppress(OSError, ExplorerError):
            make_folder(self.file.parent)
            write_file(self.file, json.dumps(circuit.to_json()).encode())
        return circuit

    def start(self, weights_file: Path | None = None, visitor: str | None = None) -> None:
        """Start the background task that measures the circuit, unless it is running.

        Args:
            weights_file: file of a user's own checkpoint; None for published weights.
            visitor: the visitor who starts it; None for the machine's user.

        Raises:
            ExplorerError: too many tasks are running.
        """
        index = self.unit.index
        options = {
            "--network": self.unit.network,
            "--weights": str(weights_file or ""),
            "--index": "" if index is None else str(index.path),
        }
        given = [part for name, value in options.items() if value for part in (name, value)]
        arguments = [*given, self.unit.layer, str(self.unit.unit), *own_code.arguments()]
        background_task.start_task(self.key, MODULE, arguments, visitor)


def fits_a_page(network: "Network") -> bool:
    """Whether circuits are measured while the page is shown, not in the background."""
    height, width = network.input_size
    return height * width <= PAGE_PIXELS


def meter_for(network: "Network", unit: EffectPlace) -> "CircuitMeter":
    """Return what measures circuits of a network on the pictures of a place.

    Raises:
        ExplorerError: none of the pictures can be opened, or the network cannot be traced.
    """
    from core.analysis.circuit_meter import CircuitMeter, pictures_for
    from core.analysis.picture_sample import sample_pictures

    return CircuitMeter(network, sample_pictures(network, unit.source(), pictures_for(network)))


def main() -> None:
    """Measure a circuit, until the process that started this one ends."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=main.__doc__)
    parser.add_argument("--network", required=True)
    parser.add_argument("--weights", type=Path, help="a checkpoint of one's own")
    parser.add_argument("--index", type=Path, help="an index; else drawings")
    parser.add_argument("layer")
    parser.add_argument("unit", type=int)
    own_code.add_argument(parser)
    args = parser.parse_args()
    own_code.expect(args.module)
    background_task.run_task(
        lambda: measure_place(args.network, args.weights, args.index, args.layer, args.unit)
    )


def measure_place(
    network: str, weights: Path | None, index: Path | None, layer: str, unit: int
) -> None:
    """Measure a circuit, and keep it.

    Args:
        network: name of the network.
        weights: file of a user's own checkpoint; None for published weights.
        index: file of an index, on whose pictures it is measured; None for drawings.
        layer, unit: the unit.

    Raises:
        ExplorerError: something of these does not exist.
    """
    from core.index import reader
    from core.networks import registry

    # Indexes in the data folder are of collections that visitors choose.
    links = index is None or index.parent != home() / INDEXES
    opened = None if index is None else reader.open_index(index, links)
    loaded = registry.load(network, weights)
    place = EffectPlace(loaded.name, loaded.fingerprint, layer, unit, opened)
    with cores.joined(cores.BACKGROUND):
        CircuitPlace(place).measure(meter_for(loaded, place))


if __name__ == "__main__":
    main()
