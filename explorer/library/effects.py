"""Effects of units on a network's answers, as pages show them: measured once, and kept in files.

It is run as ``python -m explorer.library.effects OUT``, as a background task, for networks that
take longer than a visitor waits for a page. SketchNet is measured while the page is shown.
"""

import argparse
import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
    from core.analysis.picture_sample import PictureSample
    from core.analysis.unit_effects import AnswerChange, ClassChange, EffectMeter
    from core.index.reader import Index
    from core.networks.network import Network

MODULE = "explorer.library.effects"
FOLDER = "effects"
DIGITS = 16
# Increases when the same unit begins to get other numbers.
VERSION = 2
# Number of pictures that are measured, of classes that fall and that rise, and of pictures whose
# answer changes most. 360 drawings are five of each class of SketchWorld.
PICTURES, CLASSES, CHANGED = 360, 5, 6
# Pixels of the network's inputs, of all pictures together, that one page can wait for.
PAGE_PIXELS = PICTURES * 64 * 64


@dataclass(frozen=True)
class KeptEffect:
    """What turning one unit off changes, as a page shows it.

    Attributes:
        pictures: number of pictures that were measured.
        other_answers: number of those that get another answer.
        falling, rising: the classes whose logit falls or rises most, in this order.
        changed: the pictures whose answer changes most.
    """

    pictures: int
    other_answers: int
    falling: "tuple[ClassChange, ...]"
    rising: "tuple[ClassChange, ...]"
    changed: "tuple[AnswerChange, ...]"


@dataclass(frozen=True)
class EffectPlace:
    """Which unit is measured on which pictures, and where the result is kept.

    Attributes:
        network: name of the network.
        weights: fingerprint of its weights.
        layer, unit: the unit.
        index: the index whose pictures are used; None for drawings of SketchWorld.
    """

    network: str
    weights: str
    layer: str
    unit: int
    index: "Index | None" = None

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
        return f"effect {self.file.stem}"

    @property
    def file(self) -> Path:
        """The file with the result."""
        told = repr((VERSION, self.weights, self.layer, self.unit, self.collection, PICTURES))
        name = hashlib.sha256(told.encode()).hexdigest()[:DIGITS]
        return home() / FOLDER / f"{name}.json"

    def source(self) -> ImageSource:
        """Return the collection of the pictures.

        Raises:
            ExplorerError: the collection has been moved or deleted.
        """
        return drawings() if self.index is None else _IndexedSource(self.index)

    def read(self) -> KeptEffect | None:
        """Return the result; None if there is none yet, or if it is damaged."""
        from core.analysis.unit_effects import AnswerChange, ClassChange

        try:
            content = json.loads(self.file.read_text("utf-8"))
            return KeptEffect(
                int(content["pictures"]),
                int(content["other_answers"]),
                tuple(ClassChange(**it) for it in content["falling"]),
                tuple(ClassChange(**it) for it in content["rising"]),
                tuple(AnswerChange(**it) for it in content["changed"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def measure(self, meter: "EffectMeter") -> KeptEffect:
        """Measure the unit, and keep the result if the folder can be written.

        Raises:
            ExplorerError: the network has no such unit.
        """
        effect = meter.measure({self.unit: 0.0})
        kept = KeptEffect(
            len(effect.pictures),
            effect.other_answers,
            effect.falling(CLASSES),
            effect.rising(CLASSES),
            effect.most_changed(CHANGED),
        )
        with contextlib.suppress(OSError, ExplorerError):
            make_folder(self.file.parent)
            write_file(self.file, json.dumps(asdict(kept)).encode())
        return kept

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
        background_task.start_task(self.key, MODULE, arguments, visitor)


def drawings() -> SketchWorldSource:
    """Return the drawings that are used without an index; the network was not trained on them."""
    return SketchWorldSource(PICTURES)


def fits_a_page(network: "Network") -> bool:
    """Whether the effect of a unit is measured while the page is shown, not in the background."""
    height, width = network.input_size
    return height * width * PICTURES <= PAGE_PIXELS


def sample(network: "Network", place: EffectPlace) -> "PictureSample":
    """Return the pictures on which the effect of a unit is measured.

    Raises:
        ExplorerError: none of them can be opened.
    """
    from core.analysis.picture_sample import sample_pictures

    return sample_pictures(network, place.source(), PICTURES)


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


def main() -> None:
    """Measure a unit, until the process that started this one ends."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=main.__doc__)
    parser.add_argument("--network", required=True)
    parser.add_argument("--weights", type=Path, help="a checkpoint of one's own")
    parser.add_argument("--index", type=Path, help=f"an index; else drawings of {SKETCHWORLD}")
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
    """Measure the effect of a unit, report the progress, and keep the result.

    Args:
        network: name of the network.
        weights: file of a user's own checkpoint; None for published weights.
        index: file of an index, on whose pictures it is measured; None for drawings.
        layer, unit: the unit.

    Raises:
        ExplorerError: something of these does not exist.
    """
    from core.analysis.unit_effects import EffectMeter
    from core.index import reader
    from core.networks import registry

    # Indexes in the data folder are of collections that visitors choose.
    links = index is None or index.parent != home() / INDEXES
    opened = None if index is None else reader.open_index(index, links)
    loaded = registry.load(network, weights)
    place = EffectPlace(loaded.name, loaded.fingerprint, layer, unit, opened)
    with cores.joined(cores.BACKGROUND):
        meter = EffectMeter(loaded, loaded.layer(layer), sample(loaded, place))
        for done, total in meter.prepare():
            # The second half is the run with the unit turned off.
            background_task.report_progress(done, 2 * total)
        place.measure(meter)


if __name__ == "__main__":
    main()
