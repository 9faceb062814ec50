"""The command `python -m core.sketchnet.dissection`.

It labels SketchNet's units with concepts and prints how many labels are clear.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from core.sketchnet import labels
from core.sketchnet.dissection import label_counts, network_dissection
from core.sketchnet.dissection.network_dissection import dissect, measure
from core.sketchnet.labels import Labels
from core.sketchnet.model import WEIGHTS, SketchNet, load
from core.sketchworld.seeds import CHOOSING_SEED, MEASURING_SEED, World
from core.sketchworld.world import CLASSES

COUNT = 2000  # drawings in each of the two sets
# Candidate thresholds, given as the share of all positions at which the activation reaches them. At
# the largest share, 0.02, the number of clear labels differed most between the trained network and
# an untrained one, on the drawings for the choice. With larger shares, units overlap with large
# concepts by chance.
QUANTILES = (0.003, 0.005, 0.008, 0.012, 0.016, 0.02)


def random_network(seed: int = 0) -> SketchNet:
    """Return a SketchNet with random weights in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SketchNet(len(CLASSES)).eval()


def label(
    model: SketchNet, choose_on: World, measure_on: World, quantiles: Sequence[float]
) -> tuple[Labels, float]:
    """Label every unit of a network.

    Args:
        model: a folded network in eval mode.
        choose_on: drawings on which the concept and the threshold of each unit are chosen.
        measure_on: other drawings, on which the final IoU of each label is measured.
        quantiles: candidate thresholds, as shares of all positions, such as 0.01.

    Returns:
        The labels, with their IoUs on `measure_on`; and the share of clear labels in the last two
        stages on `choose_on`. This share is biased upwards, because the labels were chosen on the
        same drawings. The IoUs of the returned labels are not biased.
    """
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("dissecting", total=2 * choose_on.count + measure_on.count)
        chosen = dissect(model, choose_on, quantiles, lambda done: progress.advance(bar, done))
        measured = measure(model, measure_on, chosen, lambda done: progress.advance(bar, done))
    weights = network_dissection.fingerprint_of(model)
    labelled = Labels(
        weights, choose_on, tuple(quantiles), measure_on, network_dissection.to_labels(measured)
    )
    return labelled, label_counts.share_of_last_stages(network_dissection.to_labels(chosen))


def main(arguments: Sequence[str] | None = None) -> None:
    """Label every neuron of SketchNet by network dissection, and count the labels."""
    parser = argparse.ArgumentParser(
        prog="python -m core.sketchnet.dissection.__main__", description=main.__doc__
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="a safetensors file")
    parser.add_argument("--random", action="store_true", help="dissect an untrained network")
    parser.add_argument(
        "--choosing-seed",
        type=int,
        default=CHOOSING_SEED,
        help="the world on which concepts and thresholds are chosen",
    )
    parser.add_argument(
        "--seed", type=int, default=MEASURING_SEED, help="the world on which overlaps are measured"
    )
    parser.add_argument("--count", type=int, default=COUNT, help="drawings of each world")
    parser.add_argument(
        "--quantiles",
        type=float,
        nargs="+",
        default=QUANTILES,
        help="thresholds to choose from: shares of positions that fire",
    )
    parser.add_argument("--out", type=Path, help="write the labels there")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    labelled, biased_share = label(
        random_network() if chosen.random else load(chosen.weights),
        World(chosen.choosing_seed, chosen.count),
        World(chosen.seed, chosen.count),
        chosen.quantiles,
    )
    if chosen.out is not None:
        labels.write(labelled, chosen.out)
    if chosen.json:
        counts = label_counts.summary(labelled.layers)
        report = {
            "chosen_on": asdict(labelled.chosen_on),
            "quantiles": labelled.quantiles,
            "measured_on": asdict(labelled.measured_on),
            "last_stages_clear": round(label_counts.share_of_last_stages(labelled.layers), 4),
            "last_stages_clear_where_chosen": round(biased_share, 4),
            "layers": {name: asdict(counted) for name, counted in counts.items()},
        }
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        where = f"(on the drawings that the labels were chosen on: {biased_share:.1%})"
        sys.stdout.write(f"{label_counts.describe_counts(labelled.layers)}\n{where}\n")


if __name__ == "__main__":
    main()
