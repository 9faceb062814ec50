"""Benchmark of the badge on the Neuron page: does it tell trained networks from random ones?

The badge says whether a unit tells classes apart (``core.analysis.class_selectivity``). It should
be given to the units of SketchNet with a clear label, less often to its other units, and hardly
ever to the units of a network with random weights. The thresholds are chosen with ``--choose`` on
one set of drawings, random networks, and the units of SketchNet with an even number. They are
checked on other drawings, other random networks and the units with an odd number:

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
from core.analysis.class_selectivity import LIKE_RANDOM, SELECTIVE, class_selectivity
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
# A threshold is a multiple of STEP. At least LABELLED of the clearly labelled units reach
# SELECTIVE, and at most RANDOM of the units of each random network reach LIKE_RANDOM.
STEP, LABELLED, RANDOM = 0.05, 0.75, 0.01
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
    labelled = sort_units(trained, shares, int(not choose)) if not images else {}
    groups = labelled or {"trained": shares}
    groups |= {f"random {seed}": it for seed, it in zip(seeds, random, strict=True)}
    found = {f"{least:.2f}": reached(groups, least) for least in (SELECTIVE, LIKE_RANDOM)}
    for least, rows in found.items():
        Console(width=WIDTH).print(table(rows, least))
    if choose:
        Console().print(f"chosen thresholds: {choose_thresholds(labelled, random)}")
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


def sort_units(network: Network, shares: Shares, odd: int) -> dict[str, Shares]:
    """Return the shares of SketchNet's units with and without a clear label, by layer.

    Args:
        network, shares: the network, and the shares of all its units.
        odd: 1 for the units with an odd number, 0 for those with an even number.
    """
    known = unit_labels.labels_of(network)
    if known is None:
        return {}
    clear = {layer: np.array([it.iou >= CLEAR for it in known.layers[layer]]) for layer in shares}
    return {
        name: {
            layer: values[(clear[layer] == wanted) & (np.arange(len(values)) % 2 == odd)]
            for layer, values in shares.items()
        }
        for name, wanted in (("labelled", True), ("not labelled", False))
    }


def choose_thresholds(labelled: dict[str, Shares], random: Sequence[Shares]) -> dict[str, float]:
    """Return thresholds as ``STEP`` says."""
    steps = [round(STEP * at, 2) for at in range(1, round(1 / STEP))]
    selective = max(it for it in steps if _share(labelled["labelled"], it) >= LABELLED)
    like_random = min(it for it in steps if all(_share(each, it) <= RANDOM for each in random))
    return {"SELECTIVE": selective, "LIKE_RANDOM": like_random}


def reached(groups: dict[str, Shares], least: float) -> dict[str, dict[str, float]]:
    """Return the share of the units of each group that reach a threshold, by layer and in all.

    Groups without units in a layer are missing there.
    """
    layers = list(next(iter(groups.values())))
    rows = {layer: {name: {layer: it[layer]} for name, it in groups.items()} for layer in layers}
    rows["all layers"] = groups
    return {
        row: {name: _share(it, least) for name, it in some.items() if sum(map(len, it.values()))}
        for row, some in rows.items()
    }


def _share(shares: Shares, least: float) -> float:
    """Return the share of units that reach a threshold."""
    return float(np.mean(np.concatenate(list(shares.values())) >= least))


def table(rows: dict[str, dict[str, float]], least: str) -> Table:
    """Return a table of the result of ``reached``, with a row for each layer."""
    kinds = list(rows["all layers"])
    drawn = Table("layer", *kinds, title=f"units whose share is {least} or more")
    for name, row in rows.items():
        drawn.add_row(name, *(f"{row[it]:.1%}" if it in row else "" for it in kinds))
    return drawn


if __name__ == "__main__":
    typer.run(main)
