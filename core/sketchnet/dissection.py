"""Network dissection: the concept whose pixels each unit of SketchNet picks out best.

Bau, Zhou, Khosla, Oliva and Torralba, "Network dissection: quantifying interpretability of deep
visual representations" (CVPR 2017). For each unit a threshold is found that its activation exceeds
at a small share of all positions of unseen drawings; its activation maps, made as large as the
drawings, are cut off there; and the union of what is left is compared with the union of each
concept's masks by intersection over union (IoU) over all drawings together. Departures: the world
is our own, so the masks are exact; the paper's share of positions, 0.005, is a setting.

Everything is streamed, in two passes over the same drawings, and nothing depends on chance but the
drawings themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.sketchnet.concepts import CONCEPTS
from core.sketchnet.network import SketchNet, normalise
from core.sketchnet.pictures import as_tensor
from core.sketchnet.world import SIZE, Drawing, draw

NAMES = tuple(CONCEPTS)  # the order of concepts in every table
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

    `both` int64 [units, concepts], `fired` int64 [units], `shown` int64 [concepts], in the order of
    `NAMES`.
    """

    both: Tensor
    fired: Tensor
    shown: Tensor

    @property
    def iou(self) -> Tensor:
        """Return intersection over union, float64 [units, concepts], 0 where both are empty."""
        union = self.fired[:, None] + self.shown[None] - self.both
        return self.both.double() / union.clamp_min(1).double()


def drawings(
    seed: int, count: int, masks: bool, size: int = SIZE
) -> Iterator[tuple[Tensor, list[Drawing]]]:
    """Yield batches of a world's drawings, as images float32 [N, 3, size, size] and as drawn."""
    for start in range(0, count, BATCH):
        some = [draw(seed, k, size, masks=masks) for k in range(start, min(start + BATCH, count))]
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
    model: SketchNet, seed: int, count: int, tell: Progress | None = None
) -> dict[str, Tensor]:
    """Count, for each unit of each layer, how often its activation is in each bin.

    Returns int64 [units, BINS + 1] by layer; the first column counts zeros. The first pass.
    """
    found: dict[str, Tensor] = {}
    for images, some in drawings(seed, count, masks=False):
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
    seed: int,
    count: int,
    limits: Mapping[str, Tensor],
    tell: Progress | None = None,
) -> dict[str, Overlap]:
    """Compare where units exceed their limits with where concepts are, by layer. The second pass.

    `limits` holds a threshold for each unit, float32 [units], by layer.
    """
    width = len(NAMES)
    place = {name: k for k, name in enumerate(NAMES)}
    both = {name: torch.zeros(len(t), width, dtype=torch.int64) for name, t in limits.items()}
    fired = {name: torch.zeros(len(t), dtype=torch.int64) for name, t in limits.items()}
    shown = torch.zeros(width, dtype=torch.int64)
    for images, some in drawings(seed, count, masks=True):
        truths = []
        for drawing in some:
            known = {**drawing.masks, **drawing.colours}
            columns = torch.tensor([place[name] for name in known])
            masks = torch.from_numpy(np.stack(list(known.values()))).flatten(1).float()
            shown[columns] += masks.sum(dim=1).long()
            truths.append((columns, masks.T.contiguous()))  # [pixels, concepts that show]
        for name, values in activations(model, images):
            limit = limits[name][:, None, None]
            for maps, (columns, masks) in zip(values, truths, strict=True):
                large = F.interpolate(maps[None], images.shape[-2:], mode="bilinear")[0]
                fires = (large >= limit).flatten(1).float()  # [units, pixels]
                fired[name] += fires.sum(dim=1).long()
                both[name][:, columns] += (fires @ masks).round().long()
        if tell is not None:
            tell(len(some))
    return {name: Overlap(both[name], fired[name], shown) for name in limits}


def dissect(
    model: SketchNet,
    seed: int,
    count: int,
    quantiles: Sequence[float],
    tell: Progress | None = None,
) -> dict[float, dict[str, Overlap]]:
    """Dissect all layers of a folded network in eval mode, by quantile and by layer.

    `count` drawings of world `seed`; `tell` hears how many drawings each step looked at.
    """
    counts = count_activations(model, seed, count, tell)
    return {
        quantile: overlaps(
            model,
            seed,
            count,
            {name: thresholds(tally, quantile) for name, tally in counts.items()},
            tell,
        )
        for quantile in quantiles
    }
