"""Benchmark of class pictures: whether the network that they maximise recognises them.

``python -m benchmarks.recognition --network squeezenet1_0 --weights FILE`` chooses classes at even
intervals. For each class, it renders an image that maximises the logit, with the project's default
settings. Then the same network classifies each image, without random transforms and in full
precision.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.errors import ExplorerError
from core.networks import registry
from core.neurons import render_neurons


def main(
    network: Annotated[str, typer.Option(help="Its name.")] = "squeezenet1_0",
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    count: Annotated[int, typer.Option(help="How many classes, evenly spread.", min=1)] = 10,
    canvas: Annotated[str, typer.Option(help="fourier, pixels or maco.")] = "fourier",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything that was measured here.")
    ] = None,
) -> None:
    """Count the classes whose images are recognised at the first guess."""
    loaded = registry.load(network, weights)
    last = loaded.shown[-1]
    count = min(count, last.channels)
    units = [index * last.channels // count for index in range(count)]
    recipe = render_neurons.plan(loaded, last.name, units, canvas=canvas)
    rows = []
    for part in track(recipe.parts(), "drawing", console=Console(stderr=True)):
        *_, done = render_neurons.render(loaded, part)
        for picture in done.pictures:
            logits = loaded.activations(picture.image[None], [last.name])[last.name][0]
            guess = int(logits.argmax())
            rank = int((logits > logits[picture.part]).sum()) + 1
            rows.append({"class": picture.part, "guess": guess, "rank": rank})
    table = Table("class", "taken for", "rank of its own")
    for row in rows:
        names = (loaded.labels[row[name]] for name in ("class", "guess"))
        table.add_row(*names, str(row["rank"]))
    right = sum(row["rank"] == 1 for row in rows)
    console = Console()
    console.print(table)
    console.print(f"{right} of {count} recognised: {recipe.size} px, {recipe.steps} steps")
    if json_file is not None:
        report = {"network": network, "right": right, "count": count, "classes": rows}
        json_file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExplorerError as error:
        sys.exit(f"error: {error}")
