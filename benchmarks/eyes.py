"""Benchmark of eyes in dreams, by depth: ``python -m benchmarks.eyes --json F``.

For each layer of SketchNet, dreams that maximise the layer are made from photographs of
scikit-image. The growth of a unit says how much more it responds to the dream than to the
photograph, relative to a median unit of its layer, as ``core.experiments.concept_growth`` defines
it. It is measured for all units with a label for an eye, its iris or its pupil, also for labels
that are not clear, so that there are enough of them. The baseline is the photograph with noise of
the same strength, without a dream.

Each row has nearly the same units: only those of the layer that dreams are left out. The growth of
a row is a geometric mean over these units and the photographs. It is compared with that of random
groups of as many units of the same layers.
"""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from core.analysis import unit_labels
from core.datasets import samples
from core.dreams import render_dreams
from core.experiments import concept_growth
from core.experiments.style_grid_measures import EYES
from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.sketchnet.labels import Label

PHOTOGRAPHS = ("astronaut", "cat", "coffee", "rocket", "galaxies")
# Smallest IoU of the labels that are used. Half of that of a clear label: 15 units of six layers
# have a label for eyes then, and 7 units have a clear one.
LEAST_IOU = 0.05
NOISE = "noise"
# Number of random groups of units, and seed of their choice.
GROUPS, GROUPS_SEED = 2000, 0
WIDTH = 100


@dataclass(frozen=True)
class EyesRow:
    """The growth of the units for eyes in the dreams of one layer.

    Attributes:
        layer: the layer that dreams, or ``NOISE``.
        units: number of units that are measured.
        growth: geometric mean over these units and the photographs, as a factor.
        lowest, highest: the lowest and the highest geometric mean for a single photograph.
        above: share of the random groups of units with a lower growth.
    """

    layer: str
    units: int
    growth: float
    lowest: float
    highest: float
    above: float


def main(
    size: Annotated[int, typer.Option(help="Longer side of the dreams.", min=64)] = 384,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Dream, measure, and print a row for each depth."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    known = unit_labels.labels_of(network)
    labels = [] if known is None else known.layers.values()
    eyes = [it for row in labels for it in row if it.concept in EYES and it.iou >= LEAST_IOU]
    grown: dict[str, list[dict[str, Tensor]]] = defaultdict(list)
    for name in PHOTOGRAPHS:
        for dreamt, growth in growths(network, name, size, {it.layer for it in eyes}).items():
            grown[dreamt].append(growth)
    rows = [summarise(dreamt, found, eyes) for dreamt, found in grown.items()]
    Console(width=WIDTH).print(table(rows))
    if json_file is not None:
        found = {"least_iou": LEAST_IOU, "labels": [asdict(it) for it in eyes]}
        rows_json = [asdict(it) for it in rows]
        json_file.write_text(json.dumps({**found, "rows": rows_json}, indent=2) + "\n", "utf-8")


def growths(
    network: Network, photograph: str, size: int, layers: set[str]
) -> dict[str, dict[str, Tensor]]:
    """Return the growth of all units of some layers, by layer, for each dream of a photograph.

    The result has an entry for each layer that dreams, and one for ``NOISE``.
    """
    picture = image_io.resize_longer_side(samples.picture(photograph), size)
    fingerprint, png = image_io.fingerprint(picture), image_io.encode_png(picture)
    untouched = image_io.to_tensor(picture)
    before = concept_growth.respond(network, untouched, layers)
    noise = torch.randn(untouched.shape, generator=torch.Generator().manual_seed(0))
    changed = {NOISE: (untouched + noise * render_dreams.UNIT_STRENGTH).clamp(0, 1)}
    for layer in network.shown[:-1]:
        recipe = render_dreams.plan(network, [layer.name], fingerprint, size=size)
        *_, last = render_dreams.render(network, recipe, {fingerprint: png})
        changed[layer.name] = last.pictures[0].image[None]
    return {
        dreamt: concept_growth.unit_growth(before, concept_growth.respond(network, image, layers))
        for dreamt, image in changed.items()
    }


def summarise(dreamt: str, found: Sequence[dict[str, Tensor]], eyes: Sequence[Label]) -> EyesRow:
    """Summarise the dreams of one layer.

    Args:
        dreamt: the layer that dreams, or ``NOISE``.
        found: for each photograph, the growth of all units ``[C]`` by layer.
        eyes: the labels for eyes.
    """
    asked = [it for it in eyes if it.layer != dreamt]
    means = [float(np.mean([each[it.layer][it.unit] for it in asked])) for each in found]
    growth = statistics.mean(means)
    generator = np.random.default_rng(GROUPS_SEED)
    groups = np.zeros(GROUPS)
    for layer, count in Counter(it.layer for it in asked).items():
        over_photographs = torch.stack([each[layer] for each in found]).mean(0).numpy()
        for at in range(GROUPS):
            groups[at] += generator.choice(over_photographs, count, replace=False).sum()
    above = float(np.mean(groups / len(asked) < growth))
    return EyesRow(dreamt, len(asked), 2**growth, 2 ** min(means), 2 ** max(means), above)


def table(rows: Sequence[EyesRow]) -> Table:
    """Return a table with one row for each layer that dreams."""
    drawn = Table("dreamt by", "neurons for eyes", "growth (range)", "above random groups")
    for it in rows:
        growth = f"{it.growth:.2f} ({it.lowest:.2f} to {it.highest:.2f})"
        drawn.add_row(it.layer, str(it.units), growth, f"{it.above:.1%}")
    return drawn


if __name__ == "__main__":
    typer.run(main)
