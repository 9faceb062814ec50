"""Benchmark of what neurons do: does turning a labelled neuron off hurt the class that shows it?

SketchNet's neurons have labels, and each drawing of SketchWorld has a mask for every concept. For
each neuron with a clear label, the class is found that is hurt most without the neuron: whose logit
falls most on the drawings of this class (``own``), or on all drawings (``all``). The share of this
class's drawings that show the label's concept is compared with the share in drawings of any class
(the control), and so is the highest share among the three classes that are hurt most.

    python -m benchmarks.causes
    python -m benchmarks.causes contributions
    python -m benchmarks.causes speed

``contributions`` measures whether contributions predict effects (``benchmarks.contributions``), and
``speed`` how long it takes. What single connections do is measured by
``python -m benchmarks.cut_edges``.

All drawings are from worlds that training never used, and the labels were measured on others. The
interval is that of a bootstrap over neurons, over all seeds together.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.badge import random_weights
from benchmarks.contributions import DRAWINGS, measure, summary
from core.analysis import explanation, probe, unit_labels
from core.analysis.picture_sample import sample_pictures
from core.analysis.unit_effects import ClassChange, EffectMeter, UnitEffect
from core.datasets import samples
from core.datasets.sources import SketchWorldSource
from core.networks import registry
from core.networks.interventions import with_units_switched
from core.networks.network import Network
from core.recipes.switched_units import SwitchedUnit
from core.sketchnet.dissection.__main__ import QUANTILES, label
from core.sketchnet.labels import CLEAR
from core.sketchnet.model import load
from core.sketchworld.seeds import CHOOSING_SEED, MEASURING_SEED, World
from core.sketchworld.world import CLASSES, draw

# Worlds of the drawings on which effects are measured; nothing else uses them.
SEEDS = (1_000_201, 1_000_202, 1_000_203)
# The world whose drawings tell which classes show a concept, and drawings of each class.
SHOWN_SEED, SHOWN_DRAWINGS = 1_000_207, 24
LAYERS = ("relu3b", "relu4b", "relu5b")
# Drawings of each world: 15 of each class. With five, the class hurt most is often another one.
CLASS_DRAWINGS, SPEED_DRAWINGS = 1080, 360
# Drawings in each of the two sets on which a random network is labelled.
RANDOM_DRAWINGS, RANDOM_SEED = 600, 7
# A drawing shows a concept if its mask has this many pixels; fewer are hardly seen.
LEAST_PIXELS = 4
RESAMPLES = 2000
THREE = 3
ROUNDS = 7

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """The figures of one layer: shares from 0 to 1.

    Attributes:
        network, layer: the layer.
        hurt: on which drawings the class hurt most is found, ``own`` or ``all``.
        units: number of neurons with a clear label.
        shown: share of the drawings of the class hurt most that show the label's concept, mean over
            neurons and seeds.
        low, high: its 95% interval.
        three, three_control: the highest share among the three classes hurt most, and the mean of
            the highest among any three.
        by_seed: the mean for each seed.
        control: share of the drawings of any class that show it.
    """

    network: str
    layer: str
    hurt: str
    units: int
    shown: float
    low: float
    high: float
    by_seed: tuple[float, ...]
    control: float
    three: float
    three_control: float


def shown_concepts(count: int) -> dict[str, Shares]:
    """Return for each concept the share of each class's drawings that show it, ``[classes]``."""
    shares: dict[str, Shares] = {}
    for label_index in range(len(CLASSES)):
        for number in range(count):
            index = label_index * count + number
            drawing = draw(SHOWN_SEED, index, label=label_index, masks=True)
            for name, mask in {**drawing.masks, **drawing.colours}.items():
                if int(mask.sum()) >= LEAST_PIXELS:
                    row = shares.setdefault(name, np.zeros(len(CLASSES)))
                    row[label_index] += 1 / count
    return shares


def clear_units(network: Network, layer: str, least: float) -> dict[int, str]:
    """Return the concepts of the units of a layer with a label of at least this IoU, by unit."""
    known = unit_labels.labels_of(network)
    assert known is not None
    return {it.unit: it.concept for it in known.layers[layer] if it.iou >= least}


def measure_layer(
    name: str,
    network: Network,
    layer: str,
    concepts: dict[int, str],
    shown: dict[str, Shares],
    drawings: int,
) -> list[Row]:
    """Return the figures of one layer; none if it has no neuron with a clear label.

    Args:
        name: what the table calls the network.
        network, layer: the layer.
        concepts: concept of each unit with a clear label.
        shown: as from ``shown_concepts``.
        drawings: number of drawings of each world.
    """
    if not concepts:
        return []
    never = np.zeros(len(CLASSES))
    # By definition: of each seed and unit, the share for the class hurt most, and of three.
    found = {it: np.zeros((2, len(SEEDS), len(concepts))) for it in ("own", "all")}
    for at, seed in enumerate(SEEDS):
        pictures = sample_pictures(network, SketchWorldSource(drawings, seed), drawings)
        meter = EffectMeter(network, network.layer(layer), pictures)
        for column, (unit, concept) in enumerate(concepts.items()):
            effect = meter.measure({unit: 0.0})
            for hurt, shares in found.items():
                worst = own_classes(effect, THREE) if hurt == "own" else effect.falling(THREE)
                where = [shown.get(concept, never)[CLASSES.index(it.label)] for it in worst]
                # A neuron that never responds hurts no class.
                shares[:, at, column] = (where[0], max(where)) if where else (0.0, 0.0)
    every = [shown.get(it, never) for it in concepts.values()]
    control = float(np.mean([it.mean() for it in every]))
    three_control = float(np.mean([any_three(it) for it in every]))
    return [
        Row(
            name, layer, hurt, len(concepts), *interval(first), control, three.mean(), three_control
        )
        for hurt, (first, three) in found.items()
    ]


def own_classes(effect: UnitEffect, count: int) -> tuple[ClassChange, ...]:
    """Return the classes whose logits fall most on their own pictures, the worst first."""
    change = effect.after - effect.before
    means = []
    for at, name in enumerate(effect.labels):
        own = [row for row, truth in enumerate(effect.truths) if truth == name]
        if own:
            means.append(ClassChange(name, float(change[own, at].mean()), 0.0))
    falling = sorted((it for it in means if it.mean < 0), key=lambda it: it.mean)
    return tuple(falling[:count])


def any_three(shares: Shares) -> float:
    """Return the mean of the highest of three shares over many random choices of three classes."""
    generator = np.random.default_rng(0)
    chosen = [generator.choice(len(shares), THREE, replace=False) for _ in range(RESAMPLES)]
    return float(shares[np.array(chosen)].max(1).mean())


def interval(shares: Shares) -> tuple[float, float, float, tuple[float, ...]]:
    """Return the mean of shares ``[seeds, units]``, its 95% interval, and the mean by seed."""
    units = shares.mean(0)
    generator = np.random.default_rng(0)
    means = units[generator.integers(len(units), size=(RESAMPLES, len(units)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(units.mean()), float(low), float(high), tuple(map(float, shares.mean(1)))


def random_rows(
    layers: Sequence[str], shown: dict[str, Shares], drawings: int, least: float
) -> list[Row]:
    """Return the figures of a network with random weights, labelled in the same way."""
    with tempfile.TemporaryDirectory() as folder:
        network = random_weights(registry.SKETCHNET, RANDOM_SEED, Path(folder))
        model = load(Path(folder) / f"random {RANDOM_SEED}.safetensors")
        labelled, _ = label(
            model,
            World(CHOOSING_SEED, RANDOM_DRAWINGS),
            World(MEASURING_SEED, RANDOM_DRAWINGS),
            QUANTILES,
        )
        rows = list[Row]()
        for layer in layers:
            concepts = {it.unit: it.concept for it in labelled.layers[layer] if it.iou >= least}
            rows += measure_layer("random weights", network, layer, concepts, shown, drawings)
        return rows


def show(rows: Sequence[Row]) -> None:
    """Print the figures as a table."""
    table = Table(
        "network",
        "layer",
        "hurt on",
        "labels",
        "shows the concept",
        "by seed",
        "any class",
        "one of three",
        "any three",
    )
    for it in rows:
        table.add_row(
            it.network,
            it.layer,
            it.hurt,
            str(it.units),
            f"{it.shown:.1%} ({it.low:.1%} to {it.high:.1%})",
            ", ".join(f"{share:.1%}" for share in it.by_seed),
            f"{it.control:.1%}",
            f"{it.three:.1%}",
            f"{it.three_control:.1%}",
        )
    Console().print(table)


def show_contributions(drawings: int) -> dict[str, dict[str, tuple[float, float]]]:
    """Measure and print how well contributions predict effects; return the figures."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    parts = zip(("Spearman", "mean probability", "share inside"), measure(drawings), strict=True)
    for title, figures in parts:
        some = summary(figures)
        layers = list(figures)
        table = Table(title, *layers)
        for what, by_layer in some.items():
            cells = (f"{by_layer[it][0]:.3f} +- {by_layer[it][1]:.3f}" for it in layers)
            table.add_row(what, *cells)
        Console().print(table)
        found |= {f"{title}: {what}": by_layer for what, by_layer in some.items()}
    return found


def speed(layer: str, drawings: int) -> dict[str, float]:
    """Measure how long the effect of one unit takes, by the clock; the median of some rounds.

    The sides alternate: starting behind the layer, with activations that are kept, and the whole
    network from the image on, with and without the unit.
    """
    network = registry.load(registry.SKETCHNET, device="cpu")
    started = time.perf_counter()
    pictures = sample_pictures(network, SketchWorldSource(drawings, SEEDS[0]), drawings)
    seconds = {"drawing the pictures": time.perf_counter() - started}
    behind, whole, first = list[float](), list[float](), list[float]()
    for number in range(ROUNDS):
        meter = EffectMeter(network, network.layer(layer), pictures)
        started = time.perf_counter()
        meter.measure({number: 0.0})
        first.append(time.perf_counter() - started)
        started = time.perf_counter()
        meter.measure({number + ROUNDS: 0.0})
        behind.append(time.perf_counter() - started)
        image, logits = pictures.images(slice(None)), network.layers[-1].name
        started = time.perf_counter()
        for at in range(0, len(image), 32):
            network.activations(image[at : at + 32], [logits])
        whole.append(2 * (time.perf_counter() - started))
    seconds["the first unit of a layer"] = float(np.median(first))
    seconds["each further unit"] = float(np.median(behind))
    village, switched = samples.picture("village"), list[float]()
    for number in range(ROUNDS):
        started = time.perf_counter()
        off = with_units_switched(network, [SwitchedUnit(layer, number)])
        probe.probe_image(off, village)
        switched.append(time.perf_counter() - started)
    seconds["a switch for one picture, all layers"] = float(np.median(switched))
    asked = list[float]()
    for _ in range(ROUNDS):
        started = time.perf_counter()
        explanation.explain(network, village, count=4)
        asked.append(time.perf_counter() - started)
    seconds["why this answer, all layers"] = float(np.median(asked))
    seconds["the whole network twice"] = float(np.median(whole))
    return seconds


def main() -> None:
    """Measure which classes clearly labelled neurons hurt, or how long it takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.causes", description=main.__doc__)
    parser.add_argument(
        "what", nargs="?", choices=("classes", "contributions", "speed"), default="classes"
    )
    parser.add_argument(
        "--drawings", type=int, help="of each world (1080); for contributions 60, for speed 360"
    )
    parser.add_argument("--iou", type=float, default=CLEAR, help="least of labels (%(default)s)")
    parser.add_argument("--layers", default=",".join(LAYERS), help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    args = parser.parse_args()
    if args.what == "speed":
        drawings = args.drawings or SPEED_DRAWINGS
        seconds = speed("relu4b", drawings)
        for name, value in seconds.items():
            print(f"{name}: {value:.3f} s ({drawings} drawings, relu4b)")
        figures: object = seconds
    elif args.what == "contributions":
        figures = show_contributions(args.drawings or DRAWINGS)
    else:
        network = registry.load(registry.SKETCHNET, device="cpu")
        shown, drawings = shown_concepts(SHOWN_DRAWINGS), args.drawings or CLASS_DRAWINGS
        layers = args.layers.split(",")
        rows = list[Row]()
        for layer in layers:
            concepts = clear_units(network, layer, args.iou)
            rows += measure_layer("SketchNet", network, layer, concepts, shown, drawings)
        rows += random_rows(layers, shown, drawings, args.iou)
        show(rows)
        figures = [asdict(it) for it in rows]
    if args.json is not None:
        args.json.write_text(json.dumps({"machine": machine.processor_name(), "figures": figures}))


if __name__ == "__main__":
    main()
