"""Benchmark of keeping freed memory: ``python -m benchmarks.memory --weights FILE``.

Two kinds of processes render the same batch in turns. One keeps freed memory for later tensors
(``core.allocator.keep_freed_memory``), the other returns freed memory to the system. Each process
reports the median seconds of a step and the peak memory.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from core import allocator
from core.networks import registry
from core.neurons import render_neurons

WARM_STEPS = 8  # steps at the start that are not timed


def optimise(
    network: str, weights: Path | None, layer: str, size: int, steps: int
) -> dict[str, Any]:
    """Render one batch; return the median seconds of a step, and the process's peak MiB."""
    import resource  # Not available on Windows.

    loaded = registry.load(network, weights, "cpu")
    units = range(min(16, loaded.layer(layer).channels))
    recipe = render_neurons.plan(loaded, layer, units, size, steps)
    times = []
    for _ in render_neurons.render(loaded, recipe):
        times.append(time.perf_counter())
    seconds = [later - one for one, later in itertools.pairwise(times)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": statistics.median(seconds[WARM_STEPS:]), "peak_mib": peak}


def main(
    network: Annotated[str, typer.Option(help="Its name.")] = "squeezenet1_0",
    layer: Annotated[str, typer.Option(help="One of its layers.")] = "features.7",
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    size: Annotated[int, typer.Option(help="Height and width of the pictures.", min=16)] = 128,
    steps: Annotated[int, typer.Option(help="Steps of each batch.", min=16)] = 64,
    rounds: Annotated[int, typer.Option(help="Batches of each side.", min=1)] = 5,
    side: Annotated[str, typer.Option(help="Run one batch of this side alone.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Time both sides in turns."""
    if side:
        if side == "kept":
            allocator.keep_freed_memory()
        print(json.dumps(optimise(network, weights, layer, size, steps)))
        return
    options = ["--network", network, "--layer", layer, "--size", str(size), "--steps", str(steps)]
    options += [] if weights is None else ["--weights", str(weights)]
    found: dict[str, list[dict[str, Any]]] = {"returned": [], "kept": []}
    for _ in range(rounds):
        for name, rows in found.items():
            command = [sys.executable, "-m", "benchmarks.memory", *options, "--side", name]
            rows.append(json.loads(subprocess.check_output(command)))
    table = Table("freed memory is", "ms a step", "most MiB held")
    for name, rows in found.items():
        seconds, peak = (
            statistics.median(row[it] for row in rows) for it in ("seconds", "peak_mib")
        )
        table.add_row(name, f"{seconds * 1e3:.1f}", f"{peak:.0f}")
    gains = [one["seconds"] / other["seconds"] for one, other in zip(*found.values(), strict=True)]
    Console().print(table)
    Console().print(
        f"{network} {layer}, {size} px: kept is {statistics.median(gains):.2f} times as fast "
        f"({min(gains):.2f} to {max(gains):.2f} by round)"
    )
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
