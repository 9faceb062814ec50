"""Benchmark of style by depth: ``python -m benchmarks.style_depths --json F``.

Photographs of scikit-image are painted in the style of each of the project's paintings. Each style
transfer takes the style from one layer of SketchNet; everything else is the same. The results are
measured by ``core.experiments.style_grid_measures``. The baseline is the photograph without any
style transfer. ``--timed`` runs the command ``style-depths`` in a new process with an empty store,
and prints the seconds until the first image and until all images were finished.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from core import paintings
from core.datasets import samples
from core.experiments import style_grid_measures
from core.experiments.style_grid_measures import GridMeasures
from core.images import image_io
from core.networks import registry
from core.recipes.style_grid import SINGLE
from core.style import grid, transfer
from explorer.paths import HOME_VARIABLE
from explorer.store.results import Store

PHOTOGRAPHS = ("astronaut", "cat", "coffee")
UNTOUCHED = "the photograph"  # name of the row of the baseline
NAMED = 4  # labels in the column "grew most"
POLL_SECONDS = 0.05


def main(
    photographs: Annotated[str, typer.Option(help="Some samples.")] = ",".join(PHOTOGRAPHS),
    size: Annotated[int, typer.Option(help="Longer side in pixels.", min=64)] = 192,
    timed: Annotated[bool, typer.Option("--timed", help="Only time the command.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Paint, measure, and print a row for each depth."""
    if timed:
        first, total = timing()
        print(f"4 x 4 at 192 px: first picture after {first:.1f} s, all after {total:.1f} s")
        return
    found = measured(photographs.split(","), size)
    Console(width=150).print(table(found))
    if json_file is not None:
        rows = {name: [dataclasses.asdict(it) for it in them] for name, them in found.items()}
        json_file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def timing() -> tuple[float, float]:
    """Run ``style-depths`` in an empty store; return the seconds to its first image and its end."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "style-depths",
            registry.SKETCHNET,
            "coffee",
            "swirls",
            "--out",
            f"{folder}/a.png",
        ]
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "explorer", *command],
            env={**os.environ, HOME_VARIABLE: folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        first = float("nan")
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            if first != first and _count(Path(folder)):
                first = time.monotonic() - began
        if process.returncode:
            raise RuntimeError("the command failed")
        return first, time.monotonic() - began


def _count(home: Path) -> int:
    store = Store(home / "explorer.sqlite3", shipped=())
    try:
        with store.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM results").fetchone()
        return int(count)
    finally:
        store.close()


def measured(photographs: list[str], size: int) -> dict[str, list[GridMeasures]]:
    """Paint each photograph in the style of each painting by each layer, and measure the results.

    Returns:
        By name of the style layer, the measures of all pairs of photograph and painting. The key
        ``UNTOUCHED`` holds the measures of the photographs themselves.
    """
    network = registry.load(registry.SKETCHNET, device="cpu")
    found: dict[str, list[GridMeasures]] = {}
    for name in photographs:
        for style in paintings.PAINTINGS:
            pictures = samples.picture(name), paintings.picture(style)
            inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
            recipe = grid.plan_grid(network, *inputs, size=size, shows=(SINGLE,))
            evaluator = style_grid_measures.build_evaluator(network, recipe, inputs)
            untouched = image_io.encode_png(image_io.resize_longer_side(pictures[0], size))
            found.setdefault(UNTOUCHED, []).append(evaluator.measure(untouched))
            for part in recipe.parts():
                *_, last = transfer.render(network, part, inputs)
                painted = image_io.encode_png(image_io.to_picture(last.pictures[0].image))
                row = evaluator.measure(painted, part.style_layers)
                found.setdefault(part.style_layers[0], []).append(row)
            print(name, style, file=sys.stderr, flush=True)
    return found


def table(found: dict[str, list[GridMeasures]]) -> Table:
    """Return a table with one row for each style layer.

    A row has averages over all pairs of photograph and painting, and the range of the growth of the
    units for eyes (``GridMeasures.eyes``).
    """
    layers = list(found[UNTOUCHED][0].gram)
    columns = (*(f"style at {it}" for it in layers), "edges", "colours", "eyes", "grew most")
    drawn = Table("style by", *columns)
    for name, rows in found.items():
        mean = style_grid_measures.average_measures(rows)
        eyes = [2**it.eyes for it in rows if it.eyes is not None]
        asked = (
            f"{2**mean.eyes:.2f} ({min(eyes):.1f} to {max(eyes):.1f})"
            if mean.eyes is not None
            else ""
        )
        grown = ", ".join(f"{it.concept} {2**it.value:.1f}" for it in mean.grown[:NAMED])
        distances = (f"{statistics.median(it.gram[layer] for it in rows):.3f}" for layer in layers)
        drawn.add_row(
            name, *distances, f"{mean.edges:.0%}", f"{mean.to_painting:.0f}", asked, grown
        )
    return drawn


if __name__ == "__main__":
    typer.run(main)
