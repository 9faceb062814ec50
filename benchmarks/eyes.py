"""Benchmark of eyes in dreams, by depth: ``python -m benchmarks.eyes --json F``.

For each layer of SketchNet, dreams that maximise the layer are made from photographs of
scikit-image. The growth of a label says how much more the units with this label respond to the
dream than to the photograph, as ``core.experiments.concept_growth.concept_growth`` defines it. The
baseline is the photograph with noise of the same strength, without a dream.
"""

import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from core.analysis import unit_labels
from core.datasets import samples
from core.dreams import dream_canvas, render_dreams
from core.experiments import concept_growth
from core.images import image_io
from core.networks import registry

PHOTOGRAPHS = ("astronaut", "cat", "coffee", "rocket", "galaxies")
# Labels whose growth is always printed: the whole eye, and the iris of an eye.
ASKED = ("eye", "iris")
NOISE = "noise"
NAMED = 4  # labels in the column "grew most"
WIDTH = 120


def main(
    size: Annotated[int, typer.Option(help="Longer side of the dreams.", min=64)] = 384,
    seeds: Annotated[int, typer.Option(help="Dreams of each photograph.", min=1)] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Dream, measure, and print a row for each depth."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    labels = unit_labels.clear_labels(network)
    layers = sorted({it.layer for it in labels})
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for name in PHOTOGRAPHS:
        picture = image_io.resize_longer_side(samples.picture(name), size)
        fingerprint, png = image_io.fingerprint(picture), image_io.encode_png(picture)
        untouched = image_io.to_tensor(picture)
        before = concept_growth.respond(network, untouched, layers)
        for seed in range(seeds):
            generator = torch.Generator().manual_seed(seed)
            noise = torch.randn(untouched.shape, generator=generator) * render_dreams.UNIT_STRENGTH
            noisy = (untouched + noise).clamp(0, 1)
            changed = {NOISE: noisy}
            for layer in network.shown[:-1]:
                recipe = render_dreams.plan(network, [layer.name], fingerprint, seed, size=size)
                *_, last = render_dreams.render(network, recipe, {fingerprint: png})
                changed[layer.name] = last.pictures[0].image[None]
            for layer_name, image in changed.items():
                after = concept_growth.respond(network, image, layers)
                grown = concept_growth.concept_growth(before, after, labels, layer_name)
                row = {it.concept: it.value for it in grown}
                row["(change)"] = dream_canvas.root_mean_square(image - untouched)
                found[layer_name].append(row)
    Console(width=WIDTH).print(table(found))
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def table(found: dict[str, list[dict[str, float]]]) -> Table:
    """Return a table with one row for each layer: means over the dreams that maximise the layer."""
    columns = [f"{name}, place" for name in ASKED]
    drawn = Table("dreamt by", "change", *columns, "grew most")
    for layer, rows in found.items():
        means = {
            name: statistics.mean(row[name] for row in rows)
            for name in rows[0]
            if all(name in row for row in rows) and not name.startswith("(")
        }
        order = sorted(means, key=lambda name: -means[name])
        cells = []
        for name in ASKED:
            if name not in means:
                cells.append("no neuron stands for it")
                continue
            values = [2 ** row[name] for row in rows]
            place = f"{order.index(name) + 1} of {len(order)}"
            cells.append(
                f"{2 ** means[name]:.1f} ({min(values):.1f} to {max(values):.1f}), {place}"
            )
        most = ", ".join(f"{name} {2 ** means[name]:.1f}" for name in order[:NAMED])
        change = statistics.mean(row["(change)"] for row in rows)
        drawn.add_row(layer, f"{change:.3f}", *cells, most)
    return drawn


if __name__ == "__main__":
    typer.run(main)
