"""Benchmark of Adam's damping: ``python -m benchmarks.damping --weights FILE``.

The same units are maximised with plain Adam (epsilon 1e-8, step size 0.05, as in Lucid) and with
the project's settings, which have a larger epsilon ("damping"). A clean activation is the
activation of a unit for the finished image, without random transforms. For each layer, the table
gives the median clean activation over units for both settings, and the median of the ratio
(project's to plain).
"""

import json
import statistics
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.neurons.render_neurons import suggested_size
from core.optim import objectives
from core.optim.ascent import AscentSettings, ascend
from core.optim.canvases import Fourier
from core.optim.transforms import RandomAffine

PLAIN_RATE, PLAIN_DAMPING = 0.05, 1e-8
LAYERS = "features.1,features.4,features.7,features.10"


def optimise(network: Network, layer: str, units: list[int], settings: AscentSettings) -> Tensor:
    """Maximise the activation of some units, and return their images ``[N, 3, size, size]``."""
    size = suggested_size(network, network.layer(layer))
    canvas = Fourier((size, size), units, network.device)
    generator = torch.Generator().manual_seed(0)
    for _ in ascend(
        network, objectives.channels(layer, units), canvas, settings, RandomAffine(), generator
    ):
        pass
    image: Tensor = canvas().detach()
    return image


def clean(network: Network, layer: str, units: list[int], image: Tensor) -> list[float]:
    """Return the activation of each unit for the unit's image, without random transforms."""
    seen = network.activations(image, [layer])
    return [float(value) for value in objectives.channels(layer, units)(seen)]


def main(
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    network: Annotated[str, typer.Option(help="The network's name.")] = "squeezenet1_0",
    layers: Annotated[str, typer.Option(help="Layers, separated by commas.")] = LAYERS,
    units: Annotated[int, typer.Option(help="How many units of each layer.")] = 8,
    steps: Annotated[int, typer.Option(help="Steps of ascent.")] = 256,
    out: Annotated[Path | None, typer.Option(help="A PNG: plain above damped, by layer.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="A JSON file.")] = None,
) -> None:
    """Maximise units with and without damping."""
    loaded = registry.load(network, weights)
    sides = {
        "plain": AscentSettings(steps, PLAIN_RATE, PLAIN_DAMPING),
        "damped": AscentSettings(steps),
    }
    rows, tiles = [], []
    for layer in layers.split(","):
        chosen = list(range(min(units, loaded.layer(layer).channels)))
        pictures = {name: optimise(loaded, layer, chosen, how) for name, how in sides.items()}
        values = {name: clean(loaded, layer, chosen, it) for name, it in pictures.items()}
        alive = [i for i in range(len(chosen)) if min(values["plain"][i], values["damped"][i]) > 0]
        ratio = statistics.median(values["damped"][i] / values["plain"][i] for i in alive)
        medians = {name: statistics.median(found) for name, found in values.items()}
        rows.append({"layer": layer, **medians, "ratio": ratio, "units": len(chosen)})
        tiles += [torch.nn.functional.interpolate(it, (128, 128)) for it in pictures.values()]
    table = Table("layer", "units", "plain Adam", "damped", "ratio, median over units")
    for row in rows:
        cells = [f"{row[name]:.4g}" for name in ("plain", "damped", "ratio")]
        table.add_row(str(row["layer"]), str(row["units"]), *cells)
    Console().print(table)
    if out is not None:
        image_io.to_picture(image_io.montage(torch.cat(tiles), columns=units)).save(out)
    if json_file is not None:
        json_file.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
