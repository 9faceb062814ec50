"""What pages measure of one unit on a collection: once, kept in a file, also as a background task.

Each kind of measurement has a module of its own, which a background task runs.
"""

import argparse
import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PIL import Image

from core.datasets.image_source import ImageEntry, ImageSource
from core.datasets.sources import SKETCHWORLD, SketchWorldSource
from core.errors import ExplorerError
from core.files import make_folder, write_file
from explorer import cores, own_code
from explorer.library import background_task, indexes
from explorer.library.index_task import FOLDER as INDEXES
from explorer.paths import home

if TYPE_CHECKING:
    from core.index.reader import Index
    from core.networks.network import Network

DIGITS = 16
# Number of drawings that are used without an index: five of each class of SketchWorld.
DRAWINGS = 360


@dataclass(frozen=True)
class UnitPlace:
    """Which unit is measured on which pictures, and where the result is kept.

    Attributes:
        network: name of the network.
        weights: fingerprint of its weights.
        layer, unit: the unit.
        index: the index whose pictures are used; None for drawings of SketchWorld.
        KIND: what is measured; with an s it is the name of the folder of the results.
        MODULE: the module that a background task runs.
        VERSION: increases when the same unit begins to get another result.
    """

    KIND: ClassVar[str]
    MODULE: ClassVar[str]
    VERSION: ClassVar[int]

    network: str
    weights: str
    layer: str
    unit: int
    index: "Index | None" = None

    @property
    def settings(self) -> tuple[int, ...]:
        """What the result depends on besides the unit and the pictures."""
        return ()

    @property
    def collection(self) -> str:
        """A text that identifies the pictures, in ASCII, as names of files need not be UTF-8."""
        index = self.index
        return ascii(drawings().text if index is None else (index.plan.collection, index.count))

    @property
    def noun(self) -> str:
        """The pictures in words, such as ``drawings of SketchWorld``."""
        if self.index is None:
            return "drawings of SketchWorld"
        return indexes.describe_index(self.index).partition(" ")[2]

    @property
    def key(self) -> str:
        """The key of the background task."""
        return f"{self.KIND} {self.file.stem}"

    @property
    def file(self) -> Path:
        """The file with the result."""
        place = (self.weights, self.layer, self.unit, self.collection)
        told = repr((self.VERSION, *place, *self.settings))
        name = hashlib.sha256(told.encode()).hexdigest()[:DIGITS]
        return home() / f"{self.KIND}s" / f"{name}.json"

    def source(self) -> ImageSource:
        """Return the collection of the pictures.

        Raises:
            ExplorerError: the collection has been moved or deleted.
        """
        return drawings() if self.index is None else _IndexedSource(self.index)

    def keep(self, result: Any) -> None:
        """Write a result, as JSON has it, into the file if the folder can be written."""
        with contextlib.suppress(OSError, ExplorerError):
            make_folder(self.file.parent)
            write_file(self.file, json.dumps(result).encode())

    def start(self, weights_file: Path | None = None, visitor: str | None = None) -> None:
        """Start the background task that measures the unit, unless it is running.

        Args:
            weights_file: file of a user's own checkpoint; None for published weights.
            visitor: the visitor who starts it; None for the machine's user.

        Raises:
            ExplorerError: too many tasks are running.
        """
        options = {
            "--network": self.network,
            "--weights": str(weights_file or ""),
            "--index": "" if self.index is None else str(self.index.path),
        }
        given = [part for name, value in options.items() if value for part in (name, value)]
        arguments = [*given, self.layer, str(self.unit), *own_code.arguments()]
        background_task.start_task(self.key, self.MODULE, arguments, visitor)


def drawings() -> SketchWorldSource:
    """Return the drawings that are used without an index; the network was not trained on them."""
    return SketchWorldSource(DRAWINGS)


class _IndexedSource:
    """The collection of an index, which may be one that a stranger names."""

    def __init__(self, index: "Index") -> None:
        self._images = index.images
        self.text = self.identity = index.plan.collection

    def entries(self) -> Iterator[ImageEntry]:
        """Yield the entries of the collection, as ``ImageSource.entries``."""
        return self._images.source.entries()

    def find(self, name: str) -> ImageEntry:
        """Return the entry of an image, as ``ImageSource.find``."""
        return self._images.source.find(name)

    def label(self, name: str) -> str:
        """Return the label of an image, printable."""
        return self._images.label(name)

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        """Open an image at full size; links that lead out of the collection are refused."""
        picture = self._images.open(entry.name, None)
        return picture, (picture.height, picture.width)


# Measures a layer and a unit of a network on the pictures of an index, and keeps the result.
Measure = Callable[["Network", str, int, "Index | None"], object]


def main(module: str, measure: Measure) -> None:
    """Measure the unit that the arguments name, until the process that started this one ends."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=main.__doc__)
    parser.add_argument("--network", required=True)
    parser.add_argument("--weights", type=Path, help="a checkpoint of one's own")
    parser.add_argument("--index", type=Path, help=f"an index; else drawings of {SKETCHWORLD}")
    parser.add_argument("layer")
    parser.add_argument("unit", type=int)
    own_code.add_argument(parser)
    args = parser.parse_args()
    own_code.expect(args.module)
    background_task.run_task(
        lambda: measure_place(
            args.network, args.weights, args.index, args.layer, args.unit, measure
        )
    )


def measure_place(
    network: str,
    weights: Path | None,
    index: Path | None,
    layer: str,
    unit: int,
    measure: Measure,
) -> None:
    """Load a network and open an index, and measure a unit.

    Args:
        network: name of the network.
        weights: file of a user's own checkpoint; None for published weights.
        index: file of an index, on whose pictures it is measured; None for drawings.
        layer, unit: the unit.
        measure: measures it, and keeps the result.

    Raises:
        ExplorerError: something of these does not exist.
    """
    from core.index import reader
    from core.networks import registry

    # Indexes in the data folder are of collections that visitors choose.
    links = index is None or index.parent != home() / INDEXES
    opened = None if index is None else reader.open_index(index, links)
    loaded = registry.load(network, weights)
    with cores.joined(cores.BACKGROUND):
        measure(loaded, layer, unit, opened)
