"""Network dissection: the concept whose pixels each unit of SketchNet picks out best.

Bau, Zhou, Khosla, Oliva and Torralba, "Network dissection: quantifying interpretability of deep
visual representations" (CVPR 2017). A unit's activation maps, made as large as the drawings, are
cut off at a threshold; and the union of what is left is compared with the union of each concept's
masks by intersection over union (IoU) over all drawings together.

The threshold is that of Bau, Zhu, Strobelt, Zhou, Tenenbaum, Freeman and Torralba, "GAN dissection"
(ICLR 2019): for each unit and concept the one that fits best on some drawings, while the IoU that
counts is that on others, which had no say. Departures: the world is our own, so the masks are
exact; thresholds are tried at a few fixed shares of all positions, and the best has the highest IoU
(there: the highest information quality ratio); the label, too, is chosen before the IoU is taken.

Everything is streamed, in three passes (two over the drawings to choose on, one over those to
measure on), and nothing depends on chance but the drawings themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.checkpoints import fingerprint
from core.sketchnet.labels import DIGITS, Label
from core.sketchnet.model import MEAN, STD, SketchNet, normalise
from core.sketchnet.training.data import as_tensor
from core.sketchworld.concepts import CONCEPTS
from core.sketchworld.seeds import World
from core.sketchworld.world import SIZE, Drawing, draw

NAMES = tuple(CONCEPTS)  # the order of concepts in every table
PLACES = {name: place for place, name in enumerate(NAMES)}
BATCH = 50
# Positive activations are counted in bins of equal width in the upper bits of their float32, which
# grow with the value: 256 bins an octave, so that a threshold is exact to 0.4 %.
DROPPED = 15  # of the 23 bits of the fraction
SMALLEST, LARGEST = 2.0**-20, 2.0**12  # values beyond are counted in the first and the last bin

Progress = Callable[[int], None]


def _bits(value: float) -> int:
    """Return the upper bits of a positive float32."""
    return int(torch.tensor(value, dtype=torch.float32).view(torch.int32)) >> DROPPED


FIRST, LAST = _bits(SMALLEST), _bits(LARGEST)
BINS = LAST - FIRST + 1


@dataclass(frozen=True)
class Overlap:
    """How well the units of one layer pick out concepts, counted in pixels of all drawings.

    `both` int64 [limits, units, concepts], `fired` int64 [limits, units], `shown` int64 [concepts],
    for each of some limits that a unit has to reach; concepts in the order of `NAMES`.
    """

    both: Tensor
    fired: Tensor
    shown: Tensor

    @property
    def iou(self) -> Tensor:
        """Return intersection over union, float64 as `both`, 0 where both are empty."""
        union = self.fired[..., None] + self.shown - self.both
        return self.both.double() / union.clamp_min(1).double()


@dataclass(frozen=True)
class Choice:
    """What each unit of one layer picks out best, and from which activation on.

    `concepts` int64 [units], places in `NAMES`; `limits` float32 [units]; `iou` float64 [units].
    """

    concepts: Tensor
    limits: Tensor
    iou: Tensor


def drawings(world: World, masks: bool, size: int = SIZE) -> Iterator[tuple[Tensor, list[Drawing]]]:
    """Yield batches of a world's drawings, as images float32 [N, 3, size, size] and as drawn."""
    for start in range(0, world.count, BATCH):
        some = [
            draw(world.seed, k, size, masks=masks)
            for k in range(start, min(start + BATCH, world.count))
        ]
        yield as_tensor(np.stack([drawing.image for drawing in some])), some


@torch.no_grad()
def activations(model: SketchNet, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the name and the output [N, units, h, w] of each ReLU for images in [0, 1]."""
    values = normalise(images)
    for name, module in model.named_children():
        values = module(values)
        if isinstance(module, nn.ReLU):
            yield name, values


def count_activations(
    model: SketchNet, world: World, tell: Progress | None = None
) -> dict[str, Tensor]:
    """Count, for each unit of each layer, how often its activation is in each bin.

    Returns int64 [units, BINS + 1] by layer; the first column counts zeros.
    """
    found: dict[str, Tensor] = {}
    for images, some in drawings(world, masks=False):
        for name, values in activations(model, images):
            units = values.shape[1]
            flat = values.transpose(0, 1).reshape(units, -1)  # [units, N * positions]
            bins = ((flat.view(torch.int32) >> DROPPED) - FIRST).clamp(0, BINS - 1) + 1
            bins = torch.where(flat > 0, bins, 0) + torch.arange(units)[:, None] * (BINS + 1)
            tally = torch.bincount(bins.flatten(), minlength=units * (BINS + 1))
            tally = tally.view(units, BINS + 1)
            found[name] = found[name] + tally if name in found else tally
        if tell is not None:
            tell(len(some))
    return found


def thresholds(counts: Tensor, quantile: float) -> Tensor:
    """Return the least bin edges, float32 [units], that at most `quantile` of all values reach.

    A unit that is seldom above zero has the smallest edge, and so fires wherever it is above zero.
    """
    total = counts.sum(dim=1, keepdim=True)
    above = counts[:, 1:].flip(1).cumsum(1).flip(1)  # [units, BINS]: values in this bin and beyond
    fits = above <= quantile * total
    place = torch.where(fits.any(dim=1), fits.int().argmax(dim=1), BINS - 1)
    edge: Tensor = ((place + FIRST) << DROPPED).to(torch.int32).view(torch.float32)
    return edge


def overlaps(
    model: SketchNet,
    world: World,
    limits: Mapping[str, Tensor],
    tell: Progress | None = None,
) -> dict[str, Overlap]:
    """Compare where units reach each of some limits with where concepts are, by layer.

    `limits` holds thresholds float32 [limits, units] of the layers to look at; those of a unit must
    not fall. The network is folded and in eval mode.
    """
    shown = torch.zeros(len(NAMES), dtype=torch.int64)
    fired = {name: torch.zeros(each.shape, dtype=torch.int64) for name, each in limits.items()}
    both = {
        name: torch.zeros(*each.shape, len(NAMES), dtype=torch.int64)
        for name, each in limits.items()
    }
    for images, some in drawings(world, masks=True):
        truths = [_truth(drawing) for drawing in some]
        for columns, masks in truths:
            shown[columns] += masks.sum(dim=0).long()
        asked = (each for each in activations(model, images) if each[0] in limits)
        for name, values in asked:
            for maps, (columns, masks) in zip(values, truths, strict=True):
                large = F.interpolate(maps[None], images.shape[-2:], mode="bilinear")[0]
                hits, places = _between(large.flatten(1), limits[name])
                shape = limits[name].shape
                found = torch.zeros(shape.numel(), len(columns))
                found.index_add_(0, places, masks[hits])
                both[name][..., columns] += found.view(*shape, -1).long()
                fired[name] += torch.bincount(places, minlength=shape.numel()).view(shape)
        if tell is not None:
            tell(len(some))
    return {
        name: Overlap(_and_beyond(both[name]), _and_beyond(fired[name]), shown) for name in limits
    }


def _truth(drawing: Drawing) -> tuple[Tensor, Tensor]:
    """Return the concepts that a drawing shows [shown], and where: float32 [pixels, shown]."""
    known = {**drawing.masks, **drawing.colours}
    columns = torch.tensor([PLACES[name] for name in known])
    masks = torch.from_numpy(np.stack(list(known.values()))).flatten(1)
    return columns, masks.T.float().contiguous()


def _between(maps: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pixels where units reach limits, and which is the highest that they reach there.

    Of maps [units, pixels] and limits [limits, units]: pixels [hits] and, for each of them, the
    place of limit and unit in a flattened [limits, units]. Few pixels reach any limit, so that to
    look at them alone makes many limits as quick as one.
    """
    units, pixels = (maps >= limits[0][:, None]).nonzero(as_tuple=True)
    highest = (maps[units, pixels] >= limits[1:, units]).sum(dim=0)
    return pixels, highest * limits.shape[1] + units


def _and_beyond(counts: Tensor) -> Tensor:
    """Add to each limit's counts [limits, ...] those of the higher ones, which reach it too."""
    return counts.flip(0).cumsum(0).flip(0)


def choose(found: Mapping[str, Overlap], limits: Mapping[str, Tensor]) -> dict[str, Choice]:
    """Choose the concept and the limit with the highest IoU for every unit, by layer.

    `limits` are those that `overlaps` was given; of equals the first concept and limit count.
    """
    chosen = {}
    for name, overlap in found.items():
        best, levels = overlap.iou.max(dim=0)  # [units, concepts]
        iou, concepts = best.max(dim=1)
        level = levels.gather(1, concepts[:, None])[:, 0]
        chosen[name] = Choice(concepts, limits[name].gather(0, level[None])[0], iou)
    return chosen


def measure(
    model: SketchNet, world: World, chosen: Mapping[str, Choice], tell: Progress | None = None
) -> dict[str, Choice]:
    """Return what was chosen, with the IoU that it has on other drawings."""
    found = overlaps(model, world, {name: each.limits[None] for name, each in chosen.items()}, tell)
    return {
        name: replace(each, iou=found[name].iou[0].gather(1, each.concepts[:, None])[:, 0])
        for name, each in chosen.items()
    }


def dissect(
    model: SketchNet, world: World, quantiles: Sequence[float], tell: Progress | None = None
) -> dict[str, Choice]:
    """Choose what each unit of a folded network in eval mode picks out best, by layer.

    Limits are tried at `quantiles`, shares of all positions of the drawings; `tell` hears how many
    drawings each step looked at. The IoUs are those of the very drawings that were chosen on, which
    flatters; `measure` gives those of others.
    """
    falling = sorted(quantiles, reverse=True)  # so that limits rise
    limits = {
        name: torch.stack([thresholds(tally, quantile) for quantile in falling])
        for name, tally in count_activations(model, world, tell).items()
    }
    return choose(overlaps(model, world, limits, tell), limits)


def to_labels(found: Mapping[str, Choice]) -> dict[str, tuple[Label, ...]]:
    """Return what was chosen for every unit as labels, by layer."""
    layers = {}
    for layer, choice in found.items():
        columns = zip(
            choice.concepts.tolist(), choice.iou.tolist(), choice.limits.tolist(), strict=True
        )
        layers[layer] = tuple(
            Label(layer, unit, NAMES[at], CONCEPTS[NAMES[at]], round(iou, DIGITS), threshold)
            for unit, (at, iou, threshold) in enumerate(columns)
        )
    return layers


def fingerprint_of(model: SketchNet) -> str:
    """Name a SketchNet's weights as `core.networks.network` does."""
    return fingerprint(model.state_dict(), "sketchnet", MEAN, STD, (SIZE, SIZE))
