"""Network dissection: the concept that each unit of SketchNet detects best.

Bau, Zhou, Khosla, Oliva and Torralba, "Network dissection: quantifying interpretability of deep
visual representations" (CVPR 2017). The activation map of a unit is enlarged to the size of the
drawing and thresholded. The pixels above the threshold are compared with the mask of each concept
by intersection over union (IoU). Both are counted over all drawings together.

The choice of the threshold follows Bau, Zhu, Strobelt, Zhou, Tenenbaum, Freeman and Torralba, "GAN
dissection" (ICLR 2019): for each unit and concept, the best threshold is chosen on a first set of
drawings, and the final IoU is measured on a second set. There are three differences to that paper.
The masks are exact, because the images are drawn by a program (SketchWorld). The candidate
thresholds are those that the unit reaches at a few fixed shares of all positions, and the best is
the one with the highest IoU (in the paper: the highest information quality ratio). The concept of
each unit is also chosen on the first set.

The drawings are not kept in memory: there are two passes over the first set and one over the second
set. The result depends on nothing random except the drawings.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from core.checkpoints.fitting import fingerprint
from core.sketchnet.labels import DIGITS, Label
from core.sketchnet.model import MEAN, STD, SketchNet, relu_outputs
from core.sketchnet.training.data import as_tensor
from core.sketchworld.concepts import CONCEPTS
from core.sketchworld.seeds import World
from core.sketchworld.world import SIZE, Drawing, draw

NAMES = tuple(CONCEPTS)  # the order of concepts in every tensor with a concepts dimension
COLUMNS = {name: column for column, name in enumerate(NAMES)}
BATCH = 50  # drawings
# The histogram bin of a positive activation is the number in the upper bits of its float32, because
# this number grows with the activation. There are 256 bins between a value and its double, so the
# error of a threshold is at most 0.4 %.
DROPPED = 15  # number of lower bits of the float32's 23-bit fraction that are ignored
# Range of the histogram; smaller values are counted in the first bin, larger ones in the last.
SMALLEST, LARGEST = 2.0**-20, 2.0**12

Progress = Callable[[int], None]


def _bits(value: float) -> int:
    """Return the bits of a positive float32 without the lowest `DROPPED` bits, as an integer."""
    return int(torch.tensor(value, dtype=torch.float32).view(torch.int32)) >> DROPPED


FIRST, LAST = _bits(SMALLEST), _bits(LARGEST)
BINS = LAST - FIRST + 1


@dataclass(frozen=True)
class Overlap:
    """Numbers of pixels over all drawings, for the units of one layer.

    Each unit has one or several thresholds, called limits. Concepts are in the order of `NAMES`.

    Attributes:
        both: int64 [limits, units, concepts], pixels where the activation of the unit is at least
            the limit and the drawing shows the concept.
        fired: int64 [limits, units], pixels where the activation of the unit is at least the limit.
        shown: int64 [concepts], pixels where the drawing shows the concept.
    """

    both: Tensor
    fired: Tensor
    shown: Tensor

    @property
    def iou(self) -> Tensor:
        """Intersection over union, float64 [limits, units, concepts].

        It is 0 where the union is empty.
        """
        union = self.fired[..., None] + self.shown - self.both
        return self.both.double() / union.clamp_min(1).double()


@dataclass(frozen=True)
class Choice:
    """The best concept of each unit of one layer.

    Attributes:
        concepts: int64 [units], indices of the concepts in `NAMES`.
        limits: float32 [units], thresholds of the units' activations.
        iou: float64 [units], intersection over union of unit and concept at this threshold.
    """

    concepts: Tensor
    limits: Tensor
    iou: Tensor


def drawings(world: World, masks: bool) -> Iterator[tuple[Tensor, list[Drawing]]]:
    """Yield the drawings of a world in batches: a tensor of their images, and the drawings.

    The tensor is float32 [N, 3, SIZE, SIZE] in [0, 1]. The drawings have masks if `masks` is true.
    """
    for start in range(0, world.count, BATCH):
        numbers = range(start, min(start + BATCH, world.count))
        batch = [draw(world.seed, number, masks=masks) for number in numbers]
        yield as_tensor(np.stack([drawing.image for drawing in batch])), batch


@torch.no_grad()
def count_activations(
    model: SketchNet, world: World, on_progress: Progress = lambda count: None
) -> dict[str, Tensor]:
    """Compute a histogram of each unit's activations over all positions and drawings.

    Returns int64 [units, BINS + 1] by layer name. The first column counts zeros, the others are the
    bins of positive activations. `on_progress` is called after each batch with the number of
    drawings in the batch.
    """
    histograms: dict[str, Tensor] = {}
    for images, batch in drawings(world, masks=False):
        for name, values in relu_outputs(model, images):
            units = values.shape[1]
            flat = values.transpose(0, 1).reshape(units, -1)  # [units, N * positions]
            bins = ((flat.view(torch.int32) >> DROPPED) - FIRST).clamp(0, BINS - 1) + 1
            bins = torch.where(flat > 0, bins, 0) + torch.arange(units)[:, None] * (BINS + 1)
            counts = torch.bincount(bins.flatten(), minlength=units * (BINS + 1))
            counts = counts.view(units, BINS + 1)
            histograms[name] = histograms[name] + counts if name in histograms else counts
        on_progress(len(batch))
    return histograms


def thresholds(counts: Tensor, quantile: float) -> Tensor:
    """Return a threshold for each unit, float32 [units].

    The threshold is the lower edge of a histogram bin. It is the smallest edge for which at most
    the share `quantile` of the unit's activations are at the edge or above. If a unit is positive
    at a smaller share of positions, its threshold is the smallest edge of all, which every positive
    activation reaches. `counts` is a histogram from `count_activations`.
    """
    total = counts.sum(dim=1, keepdim=True)
    above = counts[:, 1:].flip(1).cumsum(1).flip(1)  # [units, BINS]: this bin and higher ones
    fits = above <= quantile * total
    lowest = torch.where(fits.any(dim=1), fits.int().argmax(dim=1), BINS - 1)
    edge: Tensor = ((lowest + FIRST) << DROPPED).to(torch.int32).view(torch.float32)
    return edge


@torch.no_grad()
def overlaps(
    model: SketchNet,
    world: World,
    limits: Mapping[str, Tensor],
    on_progress: Progress = lambda count: None,
) -> dict[str, Overlap]:
    """Count, for each layer, the pixels where a unit reaches a threshold and a concept is shown.

    Args:
        model: a folded network in eval mode.
        world: the drawings.
        limits: thresholds float32 [limits, units] by layer name, ascending for each unit.
        on_progress: called after each batch with the number of drawings in the batch.
    """
    shown = torch.zeros(len(NAMES), dtype=torch.int64)
    fired = {name: torch.zeros(each.shape, dtype=torch.int64) for name, each in limits.items()}
    both = {
        name: torch.zeros(*each.shape, len(NAMES), dtype=torch.int64)
        for name, each in limits.items()
    }
    for images, batch in drawings(world, masks=True):
        truths = [_concept_masks(drawing) for drawing in batch]
        for columns, masks in truths:
            shown[columns] += masks.sum(dim=0).long()
        for name, values in relu_outputs(model, images):
            if name not in limits:
                continue
            for maps, (columns, masks) in zip(values, truths, strict=True):
                enlarged = F.interpolate(maps[None], images.shape[-2:], mode="bilinear")[0]
                pixels, cells = _highest_limits(enlarged.flatten(1), limits[name])
                shape = limits[name].shape
                counts = torch.zeros(shape.numel(), len(columns))
                counts.index_add_(0, cells, masks[pixels])
                both[name][..., columns] += counts.view(*shape, -1).long()
                fired[name] += torch.bincount(cells, minlength=shape.numel()).view(shape)
        on_progress(len(batch))
    return {
        name: Overlap(_cumulative(both[name]), _cumulative(fired[name]), shown) for name in limits
    }


def _concept_masks(drawing: Drawing) -> tuple[Tensor, Tensor]:
    """Return the concepts that a drawing shows, and their masks.

    The concepts are indices into `NAMES`, int64 [shown]. The masks are float32 [pixels, shown].
    """
    known = {**drawing.masks, **drawing.colours}
    columns = torch.tensor([COLUMNS[name] for name in known])
    masks = torch.from_numpy(np.stack(list(known.values()))).flatten(1)
    return columns, masks.T.float().contiguous()


def _highest_limits(maps: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Find all pairs of unit and pixel with an activation of at least the lowest threshold.

    Args:
        maps: activations [units, pixels].
        limits: thresholds [limits, units], ascending for each unit.

    Returns:
        For each pair, the index of the pixel, [hits]; and the highest threshold that the activation
        reaches, as an index into the flattened [limits, units], [hits]. Only the few activations
        that reach the lowest threshold are compared with the higher ones, so many thresholds take
        hardly more time than one.
    """
    units, pixels = (maps >= limits[0][:, None]).nonzero(as_tuple=True)
    highest = (maps[units, pixels] >= limits[1:, units]).sum(dim=0)
    return pixels, highest * limits.shape[1] + units


def _cumulative(counts: Tensor) -> Tensor:
    """Return, for each threshold, the sum of the counts at this and at all higher thresholds.

    `counts` [limits, ...] counts each activation only at the highest threshold that it reaches. The
    result has the same shape and counts each activation at every threshold that it reaches.
    """
    return counts.flip(0).cumsum(0).flip(0)


def choose(counts: Mapping[str, Overlap], limits: Mapping[str, Tensor]) -> dict[str, Choice]:
    """Choose the concept and the threshold with the highest IoU for every unit of each layer.

    `counts` is the result of `overlaps` for the thresholds `limits`. If several pairs of concept
    and threshold have the same IoU, the first pair is chosen.
    """
    chosen = {}
    for name, overlap in counts.items():
        best, levels = overlap.iou.max(dim=0)  # [units, concepts]
        iou, concepts = best.max(dim=1)
        level = levels.gather(1, concepts[:, None])[:, 0]
        chosen[name] = Choice(concepts, limits[name].gather(0, level[None])[0], iou)
    return chosen


def measure(
    model: SketchNet,
    world: World,
    chosen: Mapping[str, Choice],
    on_progress: Progress = lambda count: None,
) -> dict[str, Choice]:
    """Measure the IoUs of the concepts and thresholds `chosen` on the drawings of `world`."""
    limits = {name: choice.limits[None] for name, choice in chosen.items()}
    counts = overlaps(model, world, limits, on_progress)
    return {
        name: replace(choice, iou=counts[name].iou[0].gather(1, choice.concepts[:, None])[:, 0])
        for name, choice in chosen.items()
    }


def dissect(
    model: SketchNet,
    world: World,
    quantiles: Sequence[float],
    on_progress: Progress = lambda count: None,
) -> dict[str, Choice]:
    """Choose the concept and the threshold with the highest IoU for each unit of each layer.

    The returned IoUs are biased upwards, because they are measured on the drawings on which the
    concepts and thresholds are chosen. `measure` computes the IoUs on other drawings.

    Args:
        model: a folded network in eval mode.
        world: the drawings.
        quantiles: candidate thresholds, as shares of all positions. The threshold for 0.01 is
            reached at 1 % of the positions of all drawings.
        on_progress: called after each batch with the number of drawings in the batch. There are two
            passes over the drawings.
    """
    descending = sorted(quantiles, reverse=True)  # so that the thresholds ascend
    limits = {
        name: torch.stack([thresholds(counts, quantile) for quantile in descending])
        for name, counts in count_activations(model, world, on_progress).items()
    }
    return choose(overlaps(model, world, limits, on_progress), limits)


def to_labels(choices: Mapping[str, Choice]) -> dict[str, tuple[Label, ...]]:
    """Convert choices to labels: by layer name, one label for each unit."""
    layers = {}
    for layer, choice in choices.items():
        columns = zip(
            choice.concepts.tolist(), choice.iou.tolist(), choice.limits.tolist(), strict=True
        )
        layers[layer] = tuple(
            Label(layer, unit, NAMES[at], CONCEPTS[NAMES[at]], round(iou, DIGITS), threshold)
            for unit, (at, iou, threshold) in enumerate(columns)
        )
    return layers


def fingerprint_of(model: SketchNet) -> str:
    """Return the fingerprint of a SketchNet's weights.

    The result equals `Network.fingerprint` of the same weights.
    """
    return fingerprint(model.state_dict(), "sketchnet", MEAN, STD, (SIZE, SIZE))
