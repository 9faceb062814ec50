"""Benchmark of indexing: ``python -m benchmarks.retrieval``.

``speed`` indexes photographs with all layers that users are shown, beside the limit (the bare
network on decoded images plus bare decoding) and beside zennit-crp. ``memory`` compares the peak
memory with few and with many images. ``check`` compares an index with the result of storing all
activations and sorting them, in all the ways in which an index can be built (see
``benchmarks.retrieval_check``).
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import processor_name
from benchmarks.retrieval_check import check_all
from benchmarks.retrieval_sides import FirstImages, IndexingTask, sides
from core.datasets import sources
from core.errors import ExplorerError
from core.index import build
from core.networks import registry

LIMIT = "limit: the faster forward, and decoding"
OURS = "neuron explorer"
KILOBYTES = 1024  # bytes in the unit of ``ru_maxrss``

app = typer.Typer(help=__doc__, pretty_exceptions_enable=False, add_completion=False)
Weights = Annotated[Path | None, typer.Option(help="A checkpoint; published weights by default.")]
NetworkName = Annotated[str, typer.Option(help="The network's name.")]
Images = Annotated[str, typer.Option(help="A collection, as `index` takes it.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write what was measured here.")]


@app.command()
def speed(
    images: Images,
    weights: Weights = None,
    network: NetworkName = "squeezenet1_0",
    count: Annotated[int, typer.Option(help="Pictures in a round.", min=1)] = 300,
    rounds: Annotated[int, typer.Option(help="Turns of every side.", min=1)] = 5,
    workers: Annotated[int, typer.Option(help="Threads of every side.", min=1)] = 2,
    crp: Annotated[bool, typer.Option(help="Whether zennit-crp takes part.")] = True,
    json_file: JsonFile = None,
) -> None:
    """Measure images per second of all sides in turns."""
    loaded = registry.load(network, weights, "cpu")
    source = sources.find_source(images)
    plan = build.plan_index(loaded, source)
    task = IndexingTask(loaded, plan, FirstImages(source, count), workers)
    warm = IndexingTask(loaded, plan, FirstImages(source, 2 * workers), workers)
    with_crp = crp and find_spec("crp") is not None
    for side in sides(warm, with_crp).values():
        side()
    all_sides = sides(task, with_crp)
    seconds: dict[str, list[float]] = {name: [] for name in all_sides}
    for _ in range(rounds):
        for name, side in all_sides.items():
            began = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - began)
    forwards = [seconds[name] for name in seconds if name.startswith("bare forward")]
    seconds[LIMIT] = [
        min(every) + decoding
        for *every, decoding in zip(*forwards, seconds["bare decoding"], strict=True)
    ]
    result = {
        "machine": _machine(workers),
        "network": network,
        "layers": len(plan.layers),
        "units": plan.units,
        "pictures": count,
        "sides": {name: _row(its, seconds[OURS], count) for name, its in seconds.items()},
    }
    _show(result)
    _keep(result, json_file)


def _row(own: list[float], ours: list[float], count: int) -> dict[str, Any]:
    against = [mine / explorer for mine, explorer in zip(own, ours, strict=True)]
    return {
        "pictures_a_second": count / statistics.median(own),
        "seconds": own,
        "time_against_explorer": statistics.median(against),
        "time_against_explorer_by_round": against,
    }


def _show(result: dict[str, Any]) -> None:
    console = Console(width=110, highlight=False)
    console.print(
        f"{result['network']}, {result['layers']} layers, {result['units']} units, "
        f"{result['pictures']} pictures, {result['machine']['threads']} threads"
    )
    table = Table("", "pictures a second", "time against the explorer, median (least to most)")
    for name, row in result["sides"].items():
        by_round = row["time_against_explorer_by_round"]
        span = f"{row['time_against_explorer']:.2f} ({min(by_round):.2f} to {max(by_round):.2f})"
        table.add_row(name, f"{row['pictures_a_second']:.1f}", span)
    console.print(table)


@app.command()
def memory(
    images: Images,
    weights: Weights = None,
    network: NetworkName = "squeezenet1_0",
    few: Annotated[int, typer.Option(help="So many pictures.", min=1)] = 600,
    many: Annotated[int, typer.Option(help="And so many, repeated.", min=1)] = 60_000,
    json_file: JsonFile = None,
) -> None:
    """Measure the peak memory with few and with many images."""
    result: dict[str, Any] = {"machine": _machine(None), "network": network}
    for name, count in (("few", few), ("many", many)):
        own = [] if weights is None else ["--weights", str(weights)]
        command = [sys.executable, "-m", "benchmarks.retrieval", "peak", "--images", images]
        command += ["--network", network, "--count", str(count), *own]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        result[name] = json.loads(done.stdout)
    result["growth"] = result["many"]["peak_mb"] / result["few"]["peak_mb"] - 1
    table = Table("pictures", "peak, MB", "seconds")
    for name in ("few", "many"):
        row = result[name]
        table.add_row(f"{row['pictures']:,}", f"{row['peak_mb']:.0f}", f"{row['seconds']:.0f}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"growth: {result['growth']:+.1%}")
    _keep(result, json_file)


@app.command(hidden=True)
def peak(
    images: Images, count: int = 600, weights: Weights = None, network: NetworkName = "sketchnet"
) -> None:
    """Index ``count`` images in this process, and print its peak memory."""
    loaded = registry.load(network, weights, "cpu")
    source = FirstImages(sources.find_source(images), count)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "index"
        accumulator = build.open_accumulator(build.plan_index(loaded, source), source, out)
        for _ in build.build_index(loaded, source, accumulator, out):
            pass
        megabytes = out.stat().st_size / 1e6
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTES / 1e6
    facts = {"pictures": len(accumulator.pictures), "peak_mb": most, "file_mb": megabytes}
    print(json.dumps({**facts, "seconds": time.perf_counter() - began}))


@app.command()
def check(
    images: Images,
    weights: Weights = None,
    network: NetworkName = "squeezenet1_0",
    layers: Annotated[str, typer.Option(help="Which layers.")] = (
        "features.1,features.4,features.7,features.12,logits"
    ),
    count: Annotated[int, typer.Option(help="Pictures: the first of a folder.", min=2)] = 300,
    json_file: JsonFile = None,
) -> None:
    """Compare with storing all activations and sorting, however the index is built."""
    result = {
        "machine": _machine(None),
        **check_all(network, weights, Path(images), layers.split(","), count),
    }
    table = Table("what", "found")
    for name, value in result.items():
        if name != "machine":
            table.add_row(name.replace("_", " "), str(value))
    Console(highlight=False).print(table)
    _keep(result, json_file)


def _machine(threads: int | None) -> dict[str, Any]:
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": threads,
        "busy_before": os.getloadavg()[0],
        "capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        **{it: version(it) for it in ("torch", "pillow")},
        "zennit-crp": version("zennit-crp") if find_spec("crp") else None,
    }


def _keep(result: dict[str, Any], file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        app()
    except ExplorerError as error:
        sys.exit(f"error: {error}")
