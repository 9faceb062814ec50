"""Effects of units on a network's answers, as pages show them: measured once, and kept in files.

It is run as ``python -m explorer.library.effects``, as a background task, for networks that take
longer than a visitor waits for a page. SketchNet is measured while the page is shown.
"""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from explorer.library import background_task, unit_places
from explorer.library.unit_places import DRAWINGS, UnitPlace

if TYPE_CHECKING:
    from core.analysis.picture_sample import PictureSample
    from core.analysis.unit_effects import AnswerChange, ClassChange, EffectMeter
    from core.index.reader import Index
    from core.networks.network import Network

# Number of pictures that are measured, of classes that fall and that rise, and of pictures whose
# answer changes most.
PICTURES, CLASSES, CHANGED = DRAWINGS, 5, 6
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
class EffectPlace(UnitPlace):
    """Which unit is turned off on which pictures, and where the result is kept."""

    KIND: ClassVar[str] = "effect"
    MODULE: ClassVar[str] = "explorer.library.effects"
    VERSION: ClassVar[int] = 2

    @property
    def settings(self) -> tuple[int, ...]:
        """The number of pictures."""
        return (PICTURES,)

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
        self.keep(asdict(kept))
        return kept


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


def measure_unit(network: "Network", layer: str, unit: int, index: "Index | None") -> None:
    """Measure the effect of a unit, report the progress, and keep the result.

    Args:
        network, layer, unit: the unit.
        index: an index, on whose pictures it is measured; None for drawings.

    Raises:
        ExplorerError: there is no such unit, or none of the pictures can be opened.
    """
    from core.analysis.unit_effects import EffectMeter

    place = EffectPlace(network.name, network.fingerprint, layer, unit, index)
    meter = EffectMeter(network, network.layer(layer), sample(network, place))
    for done, total in meter.prepare():
        # The second half is the run with the unit turned off.
        background_task.report_progress(done, 2 * total)
    place.measure(meter)


if __name__ == "__main__":
    unit_places.main(EffectPlace.MODULE, measure_unit)
