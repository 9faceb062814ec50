"""What a network answers without the units that respond most to stripes (lesson 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from core.analysis.crops import network_input
from core.analysis.picture_sample import PictureSample
from core.analysis.unit_effects import EffectMeter
from core.experiments.concept_growth import mean_over_positions
from core.experiments.lesson_measures import SEED
from core.images.center_crop import CenterCrop
from core.networks.layers import Layer
from core.networks.network import Network
from core.sketchworld.world import CLASSES, draw

STRIPED = tuple(it for it in CLASSES if it.endswith("stripes"))
# Drawings of each class of stripes; of each other class there is one.
EACH = 10
# Numbers of the drawings by which units are put in order, and of those on which answers are
# counted: both begin with these numbers in the world with the seed ``SEED``.
ORDERING, COUNTING = 20_000, 40_000
# Numbers of units that are turned off, and seeds of as many units chosen at random.
COUNTS = (1, 4, 8, 16, 24, 32, 48, 64)
RANDOM_SEEDS = (0, 1, 2)
HALF = 0.5
# Drawings that run at a time.
BATCH = 36
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
    """Return drawings of stripes, then one of each other class, as the input of a network.

    Args:
        network: the network.
        first: number of the first drawing.
        rows: places of some drawings in ``LABELS``; None for all.
    """
    rows = range(len(LABELS)) if rows is None else rows
    pixels = []
    for row in rows:
        picture = Image.fromarray(draw(SEED, first + row, label=CLASSES.index(LABELS[row])).image)
        size = (picture.height, picture.width)
        pixels.append(network_input(picture, CenterCrop(size, network.input_size)))
    names = tuple(str(first + row) for row in rows)
    return PictureSample(names, tuple(LABELS[row] for row in rows), tuple(pixels))


def units_of_stripes(network: Network, layer: Layer, pictures: PictureSample) -> list[int]:
    """Return the units of a layer, those that respond to stripes more than to other things first.

    The order is that of the difference between the mean activations for both kinds of pictures,
    divided by the standard deviation over all of them.

    Args:
        network, layer: the layer.
        pictures: as from ``drawings``.
    """
    parts = []
    for at in range(0, len(pictures), BATCH):
        image = pictures.images(slice(at, at + BATCH))
        parts.append(mean_over_positions(network.activations(image, [layer.name])[layer.name]))
    means = torch.cat(parts)  # [N, C]
    striped = _striped(pictures)
    apart = means[striped].mean(0) - means[~striped].mean(0)
    spread = means.std(0)
    # A unit that never responds comes last among equals, as its difference is 0.
    order = (apart / spread.clamp(min=float(spread.max()) * 1e-3)).argsort(
        descending=True, stable=True
    )
    return [int(it) for it in order.tolist()]


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
