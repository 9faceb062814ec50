"""What a network answers without the units that respond most to stripes (lesson 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.analysis.picture_sample import PictureSample
from core.analysis.unit_effects import EffectMeter
from core.experiments.class_drawings import class_drawings, units_of_classes
from core.networks.layers import Layer
from core.networks.network import Network
from core.sketchworld.world import CLASSES

STRIPED = tuple(it for it in CLASSES if it.endswith("stripes"))
# Drawings of each class of stripes; of each other class there is one.
EACH = 10
# Numbers of the drawings by which units are put in order, and of those on which answers are
# counted: both begin with these numbers in the world of the lessons.
ORDERING, COUNTING = 20_000, 40_000
# Numbers of units that are turned off, and seeds of as many units chosen at random.
COUNTS = (1, 4, 8, 16, 24, 32, 48, 64)
RANDOM_SEEDS = (0, 1, 2)
HALF = 0.5
# The class of each drawing.
LABELS = (
    *(it for it in STRIPED for _ in range(EACH)),
    *(it for it in CLASSES if it not in STRIPED),
)


@dataclass(frozen=True)
class OtherAnswers:
    """Shares, from 0 to 1, of the drawings that get another answer without some units.

    Attributes:
        striped, others: of drawings of stripes, and of drawings of other things.
        random: of drawings of stripes without as many units chosen at random.
    """

    striped: float
    others: float
    random: float


def drawings(network: Network, first: int, rows: Sequence[int] | None = None) -> PictureSample:
    """Return drawings of stripes, then one of each other class: some or all of ``LABELS``."""
    return class_drawings(network, LABELS, first, rows)


def units_of_stripes(network: Network, layer: Layer, pictures: PictureSample) -> list[int]:
    """Return the units of a layer, those that respond to stripes more than to others first."""
    return units_of_classes(network, layer, pictures, STRIPED)


def count_other_answers(
    network: Network, layer: Layer, order: Sequence[int]
) -> dict[int, OtherAnswers]:
    """Measure which drawings get another answer, by the number of units that are turned off.

    Args:
        network, layer: the layer.
        order: its units; those that come first are turned off first.

    Raises:
        ExplorerError: the network has no answers.
    """
    pictures = drawings(network, COUNTING)
    meter, striped = EffectMeter(network, layer, pictures), _striped(pictures)
    result = {}
    for count in (it for it in COUNTS if it < layer.channels):
        changed = _changed(meter, order[:count])
        random = [
            float(_changed(meter, _random_units(layer, count, seed))[striped].float().mean())
            for seed in RANDOM_SEEDS
        ]
        result[count] = OtherAnswers(
            float(changed[striped].float().mean()),
            float(changed[~striped].float().mean()),
            sum(random) / len(random),
        )
    return result


def first_half(found: dict[int, float]) -> int | None:
    """Return the smallest number of units without which half of the drawings change; or None."""
    return next((count for count, share in sorted(found.items()) if share >= HALF), None)


def _striped(pictures: PictureSample) -> Tensor:
    return torch.tensor([it in STRIPED for it in pictures.labels])


def _random_units(layer: Layer, count: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(layer.channels, generator=generator)[:count].tolist()


def _changed(meter: EffectMeter, units: Sequence[int]) -> Tensor:
    """Return whether each picture gets another answer without some units, bool ``[N]``."""
    effect = meter.measure(dict.fromkeys(units, 0.0))
    return effect.before.argmax(1) != effect.after.argmax(1)
