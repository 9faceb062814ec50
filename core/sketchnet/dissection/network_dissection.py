"""Network dissection: the concept that each unit of SketchNet detects best.

Bau, Zhou, Khosla, Oliva and Torralba, "Network dissection: quantifying interpretability of deep
visual representations" (CVPR 2017). A unit's activation maps are enlarged to the size of the
drawings and thresholded. The pixels above the threshold are compared with the masks of each
concept by intersection over union (IoU), over all drawings together.

The choice of the threshold follows Bau, Zhu, Strobelt, Zhou, Tenenbaum, Freeman and Torralba, "GAN
dissection" (ICLR 2019): for each unit and concept, it is the best one on some drawings, and the
final IoU is measured on other drawings. There are three differences. The masks are exact, because
the project draws the images itself. Thresholds are tried at a few fixed shares of all positions,
and the best is the one with the highest IoU (there: the highest information quality ratio). The
label, too, is chosen before the final IoU is measured.

The drawings are streamed in three passes: two over those for the choice, one over those for the
final IoU. Only the drawings are random.
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
COLUMNS = {name: column for column, name in enumerate(NAMES)}
BATCH = 50
# The histogram bin of a positive activation is given by the upper bits of its float32, which grow
# with the value. There are 256 bins in an octave, so thresholds are exact to 0.4 %.
DROPPED = 15  # bits of the 23-bit fraction that are ignored
SMALLEST, LARGEST = 2.0**-20, 2.0**12  # values beyond are counted in the first and the last bin

Progress = Callable[[int], None]


def _bits(value: float) -> int:
    """Return the upper bits of a positive float32."""
    return int(torch.tensor(value, dtype=torch.float32).view(torch.int32)) >> DROPPED


FIRST, LAST = _bits(SMALLEST), _bits(LARGEST)
BINS = LAST - FIRST + 1


@dataclass(frozen=True)
class Overlap:
    """Pixel counts over all drawings for one layer, at one or several thresholds (limits).

    `both` int64 [limits, units, concepts]: pixels where the unit is above the threshold and the
    concept is shown. `fired` int64 [limits, units]: pixels where the unit is above the threshold.
    `shown` int64 [concepts]: pixels of the concept. Concepts are in the order of `NAMES`.
    """

    both: Tensor
    fired: Tensor
    shown: Tensor

    @property
    def iou(self) -> Tensor:
        """Intersection over union, float64 in the shape of `both`; 0 where the union is empty."""
        union = self.fired[..., None] + self.shown - self.both
        return self.both.double() / union.clamp_min(1).double()


@dataclass(frozen=True)
class Choice:
    """The best concept of each unit of one layer, with its threshold and IoU.

    `concepts` int64 [units], indices into `NAMES`; `limits` float32 [units], the thresholds; `iou`
    float64 [units].
    """

    concepts: Tensor
    limits: Tensor
    iou: Tensor


def drawings(world: World, masks: bool, size: int = SIZE) -> Iterator[tuple[Tensor, list[Drawing]]]:
    """Yield batches of a world's drawings, as image tensors [N, 3, size, size] and as objects."""
    for start in range(0, world.count, BATCH):
        batch = [
            draw(world.seed, k, size, masks=masks)
            for k in range(start, min(start + BATCH, world.count))
        ]
        yield as_tensor(np.stack([drawing.image for drawing in batch])), batch


@torch.no_grad()
def activations(model: SketchNet, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the name and the output [N, units, h, w] of each ReLU for images in [0, 1]."""
    values = normalise(images)
    for name, module in model.named_children():
        values = module(values)
        if isinstance(module, nn.ReLU):
            yield name, values


def count_activations(
    model: SketchNet, world: World, on_progress: Progress | None = None
) -> dict[str, Tensor]:
    """Compute a histogram of each unit's activations over all positions and drawings.

    Returns int64 [units, BINS + 1] by layer; the first column counts zeros. `on_progress` is called
    with the number of drawings of each batch.
    """
    histograms: dict[str, Tensor] = {}
    for images, batch in drawings(world, masks=False):
        for name, values in activations(model, images):
            units = values.shape[1]
            flat = values.transpose(0, 1).reshape(units, -1)  # [units, N * positions]
            bins = ((flat.view(torch.int32) >> DROPPED) - FIRST).clamp(0, BINS - 1) + 1
            bins = torch.where(flat > 0, bins, 0) + torch.arange(units)[:, None] * (BINS + 1)
            counts = torch.bincount(bins.flatten(), minlength=units * (BINS + 1))
            counts = counts.view(units, BINS + 1)
            histograms[name] = histograms[name] + counts if name in histograms else counts
        if on_progress is not None:
            on_progress(len(batch))
    return histograms


def thresholds(counts: Tensor, quantile: float) -> Tensor:
    """Return each unit's smallest bin edge that at most `quantile` of its values reach.

    `counts` is a histogram from `count_activations`; the result is float32 [units]. The threshold
    of a unit that is seldom positive is the smallest edge, which all its positive values reach.
    """
    total = counts.sum(dim=1, keepdim=True)
    above = counts[:, 1:].flip(1).cumsum(1).flip(1)  # [units, BINS]: values in this bin and beyond
    fits = above <= quantile * total
    lowest = torch.where(fits.any(dim=1), fits.int().argmax(dim=1), BINS - 1)
    edge: Tensor = ((lowest + FIRST) << DROPPED).to(torch.int32).view(torch.float32)
    return edge


def overlaps(
    model: SketchNet,
    world: World,
    limits: Mapping[str, Tensor],
    on_progress: Progress | None = None,
) -> dict[str, Overlap]:
    """Count the pixels where units reach their thresholds and concepts are shown, by layer.

    `limits` holds the thresholds float32 [limits, units] of each layer, in ascending order for each
    unit. The network must be folded and in eval mode. `on_progress` is called with the number of
    drawings of each batch.
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
        for name, values in activations(model, images):
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
        if on_progress is not None:
            on_progress(len(batch))
    return {
        name: Overlap(_cumulative(both[name]), _cumulative(fired[name]), shown) for name in limits
    }


def _concept_masks(drawing: Drawing) -> tuple[Tensor, Tensor]:
    """Return the columns of a drawing's concepts [shown], and masks float32 [pixels, shown]."""
    known = {**drawing.masks, **drawing.colours}
    columns = torch.tensor([COLUMNS[name] for name in known])
    masks = torch.from_numpy(np.stack(list(known.values()))).flatten(1)
    return columns, masks.T.float().contiguous()


def _highest_limits(maps: Tensor, limits: Tensor) -> tuple[Tensor, Tensor]:
    """Find the pixels where units reach a threshold, and the highest that they reach there.

    From maps [units, pixels] and limits [limits, units], it returns pixel indices [hits] and, for
    each of them, the index of threshold and unit in a flattened [limits, units]. Only the few
    pixels that reach the lowest threshold are compared with the others, so many thresholds take
    hardly more time than one.
    """
    units, pixels = (maps >= limits[0][:, None]).nonzero(as_tuple=True)
    highest = (maps[units, pixels] >= limits[1:, units]).sum(dim=0)
    return pixels, highest * limits.shape[1] + units


def _cumulative(counts: Tensor) -> Tensor:
    """Add the counts of all higher thresholds, which reach a lower one too: [limits, ...]."""
    return counts.flip(0).cumsum(0).flip(0)


def choose(counts: Mapping[str, Overlap], limits: Mapping[str, Tensor]) -> dict[str, Choice]:
    """Choose the concept and the threshold with the highest IoU for every unit, by layer.

    `limits` are the thresholds for which `overlaps` computed `counts`. Of equal IoUs, the first
    concept and threshold is chosen.
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
    on_progress: Progress | None = None,
) -> dict[str, Choice]:
    """Return the same concepts and thresholds with their IoUs on other drawings."""
    limits = {name: choice.limits[None] for name, choice in chosen.items()}
    counts = overlaps(model, world, limits, on_progress)
    return {
        name: replace(choice, iou=counts[name].iou[0].gather(1, choice.concepts[:, None])[:, 0])
        for name, choice in chosen.items()
    }


def dissect(
    model: SketchNet, world: World, quantiles: Sequence[float], on_progress: Progress | None = None
) -> dict[str, Choice]:
    """Choose the best concept and threshold for each unit, by layer.

    The network must be folded and in eval mode. Thresholds are tried at `quantiles`, shares of all
    positions of the drawings. `on_progress` is called with the number of drawings of each batch, in
    each of two passes. The returned IoUs are biased upwards, because they are from the drawings on
    which the choice was made; `measure` computes those on other drawings.
    """
    descending = sorted(quantiles, reverse=True)  # so that the thresholds ascend
    limits = {
        name: torch.stack([thresholds(counts, quantile) for quantile in descending])
        for name, counts in count_activations(model, world, on_progress).items()
    }
    return choose(overlaps(model, world, limits, on_progress), limits)


def to_labels(choices: Mapping[str, Choice]) -> dict[str, tuple[Label, ...]]:
    """Return the choices as labels, one for each unit, by layer."""
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
    """Return the fingerprint of a SketchNet's weights, the same as that of its `Network`."""
    return fingerprint(model.state_dict(), "sketchnet", MEAN, STD, (SIZE, SIZE))
