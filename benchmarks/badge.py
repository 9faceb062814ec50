"""Benchmark of the badge on the Neuron page: does it tell trained networks from random ones?

The badge says whether a unit tells classes apart (``core.analysis.class_selectivity``). It should
be given to the units of SketchNet with a clear label, less often to its other units, and hardly
ever to the units of a network with random weights. The threshold is chosen on one set of drawings
and random networks, ``--choose``, and checked on others:

    python -m benchmarks.badge --choose
    python -m benchmarks.badge --json F

With ``--network``, ``--weights`` and ``--images`` it compares another network with random ones, for
a collection with classes. A folder of ImageNet's photographs with names such as
``n02123045_tabby.jpg`` is divided into classes by the first ``--digits`` digits of the number,
because similar things have similar numbers.
"""

import json
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from rich.table import Table
from torchvision import models

from core import checkpoints
from core.analysis import unit_labels
from core.analysis.class_selectivity import SELECTIVE, class_selectivity
from core.datasets import sources
from core.index import build, reader
from core.networks import registry
from core.networks.network import Network
from core.sketchnet import model as sketchnet
from core.sketchnet.dissection.__main__ import random_network
from core.sketchnet.labels import CLEAR
from core.sketchworld.world import CLASSES

# Drawings and seeds of random weights: for the choice of the threshold, and for the check.
CHOOSING = ("sketchworld:1024:2000011", (10, 11, 12))
CHECKING = ("sketchworld:1024", (0, 1, 2))
# Share of the units of a random network that may get the badge.
ALLOWED = 0.05
WNID = re.compile(r"n(\d{8})_")
WIDTH = 120

Shares = dict[str, npt.NDArray[np.float64]]


def main(
    choose: Annotated[bool, typer.Option("--choose", help="Choose the threshold.")] = False,
    network: Annotated[str, typer.Option(help="SketchNet, or one of torchvision.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its trained weights.")] = None,
    images: Annotated[str, typer.Option(help="A collection; by default drawings.")] = "",
    digits: Annotated[int, typer.Option(help="Digits of ImageNet's numbers.", min=1)] = 4,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Measure the class selectivity of trained and random units, and print a table by layer."""
    drawings, seeds = CHOOSING if choose else CHECKING
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        place = _by_class(Path(images), folder / "images", digits) if images else drawings
        trained = registry.load(network, weights, "cpu")
        shares = measure(trained, place, folder)
        random = [measure(random_weights(network, seed, folder), place, folder) for seed in seeds]
    found = summarise(trained, shares, random)
    Console(width=WIDTH).print(table(found))
    if choose:
        Console().print(f"threshold for at most {ALLOWED:.0%}: {threshold(random):.3f}")
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _by_class(images: Path, out: Path, digits: int) -> str:
    """Return a folder with a folder for each class: ``images``, or ImageNet's files sorted anew."""
    files = [it for it in sorted(images.iterdir()) if it.is_file() and WNID.match(it.name)]
    for file in files:
        found = WNID.match(file.name)
        assert found is not None
        (out / found[1][:digits]).mkdir(parents=True, exist_ok=True)
        # Another name, because the name of the file would be its class.
        shutil.copyfile(file, out / found[1][:digits] / f"{found[1]}{file.suffix}")
    return str(out if files else images)


def random_weights(name: str, seed: int, folder: Path) -> Network:
    """Return a network with random weights, as its architecture initialises them."""
    file = folder / f"random {seed}.safetensors"
    if name == registry.SKETCHNET:
        sketchnet.save(random_network(seed), CLASSES, file)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            state = models.get_model(name, weights=None).state_dict()
        checkpoints.write_safetensors(file, state, None)
    return registry.load(name, file, "cpu")


def measure(network: Network, place: str, folder: Path) -> Shares:
    """Index a collection, and return the class selectivity of all units ``[C]``, by layer."""
    source = sources.find_source(place)
    out = folder / f"{network.fingerprint}.index"
    layers = [layer.name for layer in network.shown[:-1]]
    accumulator = build.open_accumulator(build.plan_index(network, source, layers), source, out)
    for _ in build.build_index(network, source, accumulator, out):
        pass
    index = reader.open_index(out)
    return {layer: class_selectivity(index, layer).shares for layer in layers}


def threshold(random: Sequence[Shares]) -> float:
    """Return a threshold that at most ``ALLOWED`` of each random network's units reach."""
    every = [np.concatenate(list(shares.values())) for shares in random]
    return float(max(np.quantile(shares, 1 - ALLOWED) for shares in every))


def summarise(
    network: Network, trained: Shares, random: Sequence[Shares]
) -> dict[str, dict[str, float | None]]:
    """Return the shares of units with the badge: by layer, and for all layers together."""
    rows: dict[str, dict[str, list[npt.NDArray[np.float64]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    known = unit_labels.labels_of(network)
    for layer, shares in trained.items():
        for name in (layer, "all layers"):
            rows[name]["trained"].append(shares)
            if known is not None:
                clear = np.array([label.iou >= CLEAR for label in known.layers[layer]])
                rows[name]["labelled"].append(shares[clear])
                rows[name]["not labelled"].append(shares[~clear])
            for at, each in enumerate(random):
                rows[name][f"random {at}"].append(each[layer])
    return {
        name: {kind: _given(parts) for kind, parts in row.items()} for name, row in rows.items()
    }


def _given(parts: Sequence[npt.NDArray[np.float64]]) -> float | None:
    """Return the share of units that get the badge; None if there are no units."""
    shares = np.concatenate(parts)
    return float(np.mean(shares >= SELECTIVE)) if len(shares) else None


def table(found: dict[str, dict[str, float | None]]) -> Table:
    """Return a table of ``summarise``'s result, with a row for each layer."""
    kinds = list(found["all layers"])
    drawn = Table("layer", *kinds, title=f"units with the badge (a share of {SELECTIVE} or more)")
    for name, row in found.items():
        if name != "all layers":
            drawn.add_row(name, *(_percent(row[kind]) for kind in kinds))
    drawn.add_row("all layers", *(_percent(found["all layers"][kind]) for kind in kinds))
    return drawn


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


if __name__ == "__main__":
    typer.run(main)
