"""Benchmark of circuits: does weight times typical activation predict what a cut edge changes?

For units drawn at random in each layer, edges to what they read are cut one by one: the
strongest predicted ones and some drawn at random. The change of the unit's mean activation is
compared with the prediction of circuits (sum of the expanded weights times mean activation of the
source), and with two others: the norm of the weights with the sign of their sum, times the same
activation, and the sum of the weights alone.

    python -m benchmarks.cut_edges --weights FOLDER
    python -m benchmarks.cut_edges speed --weights FOLDER

The folder has the weights of squeezenet1_0 and VGG-16; without it, SketchNet alone is measured.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks import machine
from core.analysis.circuit_meter import CircuitMeter, pictures_for
from core.analysis.circuits import CircuitEdge
from core.analysis.kept_activations import PIXELS_AT_A_TIME
from core.analysis.picture_sample import PictureSample, sample_pictures
from core.datasets.sources import SketchWorldSource
from core.networks import registry
from core.networks.linear_steps import signed_norms
from core.networks.network import Network
from core.networks.unit_graph import UnitRef

# The world of the drawings; nothing else uses it.
SEED = 1_000_211
# Units of each layer, edges of each unit that are predicted to be strongest, and random edges.
UNITS, STRONGEST, RANDOM = 12, 4, 16
# A unit whose mean activation is below this share of its layer's mean hardly ever responds.
LEAST_MEAN = 0.05
LAYERS = {
    "sketchnet": ("relu1b", "relu2b", "relu3b", "relu4b", "relu5a", "relu5b", "logits"),
    "squeezenet1_0": (
        *("features.3", "features.5.squeeze_activation", "features.5", "features.9"),
        "features.12",
    ),
}
FILES = {"squeezenet1_0": "squeezenet1_0.safetensors", "vgg16": "vgg16_features.safetensors"}
# Units whose circuit is timed: two layers each way.
TIMED = {
    "sketchnet": ("relu4b", 34),
    "squeezenet1_0": ("features.9", 100),
    "vgg16": ("features.22", 30),
}
ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """How predictions agree with measured effects in one layer: correlations.

    Attributes:
        network, layer: the layer of the units that listen.
        edges: number of edges that were cut.
        spearman, pearson: of the prediction of circuits.
        norm, weight: Spearman correlation of the two other predictions.
        ratio: median of measured by predicted effect.
    """

    network: str
    layer: str
    edges: int
    spearman: float
    pearson: float
    norm: float
    weight: float
    ratio: float


def load(name: str, weights: Path | None) -> Network | None:
    """Return a network; None if its weights are not there."""
    if name == registry.SKETCHNET:
        return registry.load(name, device="cpu")
    file = None if weights is None else weights / FILES[name]
    return registry.load(name, file, "cpu") if file is not None and file.is_file() else None


def measure_layer(meter: CircuitMeter, layer: str, source: random.Random) -> Row:
    """Return the correlations of one layer."""
    found = meter.network.layer(layer)
    means = meter.scales(found)
    alive = [it for it in range(found.channels) if means[it] > LEAST_MEAN * float(means.mean())]
    rows = []
    for unit in source.sample(alive, min(UNITS, len(alive))):
        edges = meter.inputs(UnitRef(found.name, unit))
        chosen = edges[:STRONGEST]
        others = edges[STRONGEST:]
        chosen += source.sample(others, min(RANDOM, len(others)))
        rows += [
            (*_predictions(it, float(means[unit])), it.measured) for it in meter.measure(chosen)
        ]
    table = np.array(rows, np.float64)
    measured = table[:, -1]
    ranks = [float(stats.spearmanr(measured, table[:, at]).statistic) for at in range(3)]
    return Row(
        meter.network.name,
        found.name,
        len(rows),
        ranks[0],
        float(stats.pearsonr(measured, table[:, 0]).statistic),
        ranks[1],
        ranks[2],
        float(np.median(measured / table[:, 0])),
    )


def _predictions(edge: CircuitEdge, scale: float) -> tuple[float, float, float]:
    norm = float(signed_norms(torch.tensor(edge.kernel)[None])[0])
    typical = edge.predicted * scale / edge.weight if edge.weight else 0.0
    return edge.predicted, norm * typical / scale, edge.weight / scale


def edge_rows(names: Sequence[str], weights: Path | None, drawings: int) -> list[Row]:
    """Return the correlations of all layers of some networks."""
    rows = []
    for name in names:
        network = load(name, weights)
        if network is None:
            Console(stderr=True).print(f"no weights of {name}: left out")
            continue
        count = drawings or pictures_for(network)
        sample = sample_pictures(network, SketchWorldSource(count, SEED), count)
        meter, source = CircuitMeter(network, sample), random.Random(0)
        rows += [measure_layer(meter, layer, source) for layer in LAYERS[name]]
    return rows


def show(rows: Sequence[Row]) -> None:
    """Print the correlations as a table."""
    table = Table(
        *("network", "layer", "edges", "Spearman", "Pearson", "norm instead of sum"),
        *("without activation", "measured / predicted"),
    )
    for it in rows:
        numbers = (it.spearman, it.pearson, it.norm, it.weight, it.ratio)
        table.add_row(it.network, it.layer, str(it.edges), *(f"{one:.3f}" for one in numbers))
    Console().print(table)


def meter_parts(network: Network, sample: PictureSample) -> list[torch.Tensor]:
    """Return the pictures as batches of the size that circuits use."""
    height, width = network.input_size
    size = max(1, PIXELS_AT_A_TIME // (height * width))
    return [sample.images(slice(at, at + size)) for at in range(0, len(sample), size)]


def seconds(weights: Path | None) -> dict[str, dict[str, float]]:
    """Measure how long a circuit takes by the clock; the median of some rounds, by network.

    ``first`` is the first circuit of a network, ``CPU`` the time that its threads worked for it,
    ``next`` the circuit of a neighbour, and ``whole`` a run of the same pictures through the whole
    network, for comparison. The sides alternate.
    """
    found = {}
    for name, (layer, unit) in TIMED.items():
        network = load(name, weights)
        if network is None:
            continue
        count = pictures_for(network)
        sample = sample_pictures(network, SketchWorldSource(count, SEED), count)
        times: dict[str, list[float]] = {it: [] for it in ("whole", "first", "CPU", "next")}
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for part in meter_parts(network, sample):
                network.activations(part, [network.layers[-1].name])
            times["whole"].append(time.perf_counter() - began)
            meter = CircuitMeter(network, sample)
            began, worked = time.perf_counter(), time.process_time()
            circuit = meter.circuit(network.layer(layer), unit)
            times["first"].append(time.perf_counter() - began)
            times["CPU"].append(time.process_time() - worked)
            near = circuit.inputs(circuit.middle)[0].source
            began = time.perf_counter()
            meter.circuit(network.layer(near.layer), near.unit)
            times["next"].append(time.perf_counter() - began)
        found[name] = {what: float(np.median(some)) for what, some in times.items()}
    return found


def main() -> None:
    """Measure how well cut edges are predicted, or how long a circuit takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cut_edges", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("edges", "speed"), default="edges")
    parser.add_argument("--networks", default=",".join(LAYERS), help="default: %(default)s")
    parser.add_argument("--weights", type=Path, help="a folder with files of weights")
    parser.add_argument("--drawings", type=int, default=0, help="default: as circuits use")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    args = parser.parse_args()
    if args.what == "speed":
        figures: object = seconds(args.weights)
        print(json.dumps(figures, indent=1))
    else:
        rows = edge_rows(args.networks.split(","), args.weights, args.drawings)
        show(rows)
        figures = [asdict(it) for it in rows]
    if args.json is not None:
        args.json.write_text(json.dumps({"machine": machine.processor_name(), "figures": figures}))


if __name__ == "__main__":
    main()
