"""Labelling SketchNet: `python -m core.sketchnet.dissect` names every neuron and counts names."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from core.sketchnet import labels
from core.sketchnet.concepts import KINDS
from core.sketchnet.dissection import dissect
from core.sketchnet.labels import CLEAR, Label, Labels
from core.sketchnet.network import WEIGHTS, SketchNet, load
from core.sketchnet.world import CLASSES

UNSEEN_SEED = 1_000_033  # of a world that neither training nor its record draws from
COUNT = 2000
QUANTILE = 0.016  # the best of 0.012 to 0.018 on another world, 1000077
TOP_CONCEPTS = 6  # named of each layer
LAST_STAGES = ("relu4a", "relu4b", "relu5a", "relu5b")


def random_network(seed: int = 0) -> SketchNet:
    """Return SketchNet as it is before training, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SketchNet(len(CLASSES)).eval()


@dataclass(frozen=True)
class Counted:
    """The labels of one layer: its units, how many labels are clear, and those by what they say."""

    units: int
    clear: int
    mean_iou: float
    kinds: dict[str, int]
    concepts: dict[str, int]


def summary(layers: Mapping[str, Sequence[Label]]) -> dict[str, Counted]:
    """Count, for each layer, the units whose label is clear, by kind and by concept."""
    found = {}
    for layer, row in layers.items():
        clear = [label for label in row if label.iou >= CLEAR]
        kinds = Counter(label.kind for label in clear)
        concepts = Counter(label.concept for label in clear)
        found[layer] = Counted(
            units=len(row),
            clear=len(clear),
            mean_iou=round(sum(label.iou for label in row) / len(row), 4),
            kinds={kind: kinds[kind] for kind in KINDS if kinds[kind]},
            concepts=dict(concepts.most_common()),
        )
    return found


def share_of_last_stages(layers: Mapping[str, Sequence[Label]]) -> float:
    """Return the share of the last two stages' units whose label is clear."""
    last = [label for layer in LAST_STAGES for label in layers.get(layer, ())]
    return sum(label.iou >= CLEAR for label in last) / max(len(last), 1)


def _table(layers: Mapping[str, Sequence[Label]]) -> str:
    """Return the counts as a table in plain text."""
    lines = [f"{'layer':8}{'clear/units':>12}" + "".join(f"{kind:>9}" for kind in KINDS)]
    for layer, counted in summary(layers).items():
        share = f"{counted.clear}/{counted.units}"
        kinds = "".join(f"{counted.kinds.get(kind, ''):>9}" for kind in KINDS)
        row = f"{layer:8}{share:>12}{kinds}"
        most = list(counted.concepts.items())[:TOP_CONCEPTS]
        often = ", ".join(f"{name} {count}" for name, count in most)
        lines.append(f"{row}  {often}")
    share = f"{share_of_last_stages(layers):.1%}"
    lines.append(f"{share} of the neurons of the last two stages have IoU {CLEAR} or more")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Label every neuron of SketchNet by network dissection, and count the labels."""
    parser = argparse.ArgumentParser(
        prog="python -m core.sketchnet.dissect", description=main.__doc__
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="a safetensors file")
    parser.add_argument("--random", action="store_true", help="dissect an untrained network")
    parser.add_argument("--seed", type=int, default=UNSEEN_SEED, help="which world to draw from")
    parser.add_argument("--count", type=int, default=COUNT, help="drawings to look at")
    parser.add_argument(
        "--quantile", type=float, nargs="+", default=[QUANTILE], help="share of positions that fire"
    )
    parser.add_argument("--out", type=Path, help="write the labels of the first quantile there")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    model = random_network() if chosen.random else load(chosen.weights)
    passes = 1 + len(chosen.quantile)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("dissecting", total=passes * chosen.count)
        found = dissect(
            model,
            chosen.seed,
            chosen.count,
            chosen.quantile,
            lambda done: progress.advance(bar, done),
        )
    layers = {quantile: labels.best(overlap) for quantile, overlap in found.items()}
    if chosen.out is not None:
        first = chosen.quantile[0]
        weights = labels.fingerprint_of(model)
        labels.write(Labels(weights, chosen.seed, chosen.count, first, layers[first]), chosen.out)
    told = {
        "seed": chosen.seed,
        "drawings": chosen.count,
        "quantiles": {
            str(quantile): {
                "last_stages_clear": round(share_of_last_stages(row), 4),
                "layers": {name: asdict(counted) for name, counted in summary(row).items()},
            }
            for quantile, row in layers.items()
        },
    }
    text = "\n\n".join(f"quantile {q:g}\n{_table(row)}" for q, row in layers.items())
    sys.stdout.write((json.dumps(told, indent=2) if chosen.json else text) + "\n")


if __name__ == "__main__":
    main()
