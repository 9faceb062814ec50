"""Benchmark of a page of units: ``python -m benchmarks.page``.

It renders the first 64 units of each layer of a network with the default settings, as the Layers
page of the app requests them. One round renders all layers once. The benchmark prints, for each
layer, the median of the seconds over the rounds until the first 8 are finished and until all are.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from core import allocator
from core.errors import ExplorerError
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from explorer.layer_pages import PER_PAGE

# A visitor sees about this many neurons first.
FIRST = 8


def page(network: Network, layer: str, size: int) -> tuple[float, float]:
    """Render the units of one page; return the seconds to the first 8 pictures and to all."""
    units = range(min(PER_PAGE, network.layer(layer).channels))
    recipe = render_neurons.plan(network, layer, units, size)
    began = time.perf_counter()
    drawn, first = 0, 0.0
    for progress in render_neurons.render(network, recipe):
        drawn += len(progress.pictures)
        if drawn >= min(FIRST, len(units)) and not first:
            first = time.perf_counter() - began
    if drawn != len(units):
        raise ExplorerError(f"{layer} has {len(units)} neurons on its page, {drawn} were drawn")
    return first, time.perf_counter() - began


def main(
    network: Annotated[str, typer.Option(help="Its name.")] = registry.SKETCHNET,
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    layers: Annotated[str, typer.Option(help="Some of its layers; by default all.")] = "",
    size: Annotated[int, typer.Option(help="Height and width of the pictures.", min=16)] = 64,
    rounds: Annotated[int, typer.Option(help="How often each page is drawn.", min=1)] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Time a page of every layer."""
    allocator.keep_freed_memory()
    loaded = registry.load(network, weights)
    chosen = [loaded.layer(name) for name in layers.split(",")] if layers else loaded.shown
    # One page is rendered before the rounds, so that set-up on first use is not timed.
    page(loaded, chosen[0].name, size)
    times: dict[str, list[tuple[float, float]]] = {layer.name: [] for layer in chosen}
    for _ in range(rounds):
        for name, found in times.items():
            found.append(page(loaded, name, size))
    table = Table("layer", "neurons on the page", f"first {FIRST}, s", "all, s", "least to most")
    for layer in chosen:
        first, seconds = zip(*times[layer.name], strict=True)
        count = str(min(PER_PAGE, layer.channels))
        medians = (f"{statistics.median(it):.2f}" for it in (first, seconds))
        table.add_row(layer.name, count, *medians, f"{min(seconds):.2f} to {max(seconds):.2f}")
    console = Console()
    console.print(table)
    console.print(f"{loaded.name}, {size} px, {rounds} rounds")
    if json_file is not None:
        json_file.write_text(
            json.dumps({"size": size, "first": FIRST, "seconds": times}, indent=2) + "\n"
        )


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExplorerError as error:
        sys.exit(f"error: {error}")
