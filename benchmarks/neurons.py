"""Benchmark of feature visualisation: ``python -m benchmarks.neurons --weights FILE``.

Four programs run in turns: the explorer, torch-lucent, horama and the bare network. They run at
several layers, from shallow to deep, of squeezenet1_0 and of SketchNet. ``--weights`` is a
checkpoint of squeezenet1_0. For each layer, the benchmark prints the seconds per unit of each
program, the ratios to the explorer's seconds, and the clean activations of the finished images
(without random transforms). It also prints how long the explorer takes to reach the final
activation of each other library. Seconds are medians over all pieces of work. The programs
alternate within each round, and ratios are medians over rounds.

If other programs use the machine, threads wait for each other and use processor time while they
wait, most of all in small pieces of work. In this case use ``--threads 1``, and compare CPU seconds
instead of wall-clock seconds.
"""

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.others import Horama, Lucent
from benchmarks.sides import LUCENT_STEPS, Explorer, Limit, NeuronTask, Side
from benchmarks.turns import CLOCKS, describe_machine, measure, report
from core import allocator
from core.errors import ExplorerError
from core.networks import registry
from core.networks.network import Network
from core.recipes.neuron import STEPS
from explorer.cli.neurons import parse_units

# Default layers of each network, and the size of the images in pixels: the size on which the
# network was trained, or as much of it as the receptive fields of the units cover.
SKETCHNET, SQUEEZENET = registry.SKETCHNET, "squeezenet1_0"
LAYERS = {
    SQUEEZENET: "features.1,features.4,features.7,features.12",
    SKETCHNET: "relu1b,relu3b,relu5b",
}
SIZES = {SQUEEZENET: 128, SKETCHNET: 64}
TABLE_WIDTH = 132
# Number of steps of horama: about a quarter of its default of 1000.
HORAMA_STEPS = 256
# Name of the side that is the baseline: the bare network in the fastest layout and type.
LIMIT = "limit in bfloat16"
# Load average before the benchmark above which wall-clock seconds are not reliable.
BUSY = 1.0


def sides(
    task: NeuronTask, others_units: int, rounds: int, other_steps: Sequence[int], horama_steps: int
) -> list[Side]:
    """Return all sides.

    Args:
        task: the work of each side.
        others_units: number of units that each of the other libraries renders in a round.
        rounds: number of rounds; the other libraries render other units in each round.
        other_steps: numbers of steps of the explorer, in addition to ``task.steps``.
        horama_steps: number of steps of horama.

    Raises:
        ExplorerError: a library is not installed, or has no name for the layer.
    """
    count = min(len(task.units), others_units * rounds)
    spread = [task.units[index * len(task.units) // count] for index in range(count)]
    return [
        *(Explorer(task, steps) for steps in (task.steps, *other_steps)),
        *(Lucent(task, spread, others_units, frugal) for frugal in (False, True)),
        Horama(task, spread, others_units, horama_steps),
        Limit(task, torch.bfloat16),
        Limit(task, torch.bfloat16, rewritten=True),
        Limit(task, torch.float32),
    ]


def show(result: dict[str, Any], console: Console) -> None:
    """Print the results of one layer: a line with the settings, and a table."""
    small, large = result["size"], result["enlarged_to"]
    console.print(
        f"{result['network']} {result['layer']}, {small} px, torch-lucent with "
        f"{result['lucent_steps']} steps"
    )
    table = Table("", "units drawn")
    for heading in ("s a unit", "x explorer", "CPU s a unit", "x explorer"):
        table.add_column(heading, justify="right")
    for size in (small, large):
        table.add_column(f"clean {size} px", justify="right")
    for name, row in result["sides"].items():
        times = [cell for clock in CLOCKS for cell in _cells(row, clock)]
        clean = (row["clean_activation"], row["clean_activation_enlarged"])
        activations = ("" if each is None else f"{each['median']:.4g}" for each in clean)
        table.add_row(name, str(len(row["units"]) or ""), *times, *activations)
    console.print(table)


def summarise(results: list[dict[str, Any]], machine: dict[str, Any], console: Console) -> None:
    """Print one table of all layers, and an explanation of all tables."""
    table = Table("network", "layer", "px", "s a unit", "share of the limit")
    for name in results[0]["passed"]:
        table.add_column(f"passes {name}")
    for result in results:
        row = next(iter(result["sides"].values()))
        share = result["sides"][LIMIT][f"{CLOCKS[0]}_against_explorer"]
        cells = [_passing(found, result) for found in result["passed"].values()]
        place = (result["network"], result["layer"], str(result["size"]))
        table.add_row(*place, f"{row['seconds_per_unit']:.3f}", f"{share:.2f}", *cells)
    console.print(table)
    console.print(
        f"On {machine['device']} with {machine['threads']} threads, torch {machine['torch']}. "
        f"x explorer: compared with the first row, {results[0]['steps']} steps, median over "
        "rounds, with the least and the most; for the limits it is the share of its time that the "
        "bare network needs. clean: the mean of the channel for the finished, unmoved picture as "
        "seen at that size, median over the units that all sides drew. torch-lucent climbs at the "
        "larger size, all others at the smaller one. passes: with how few steps the explorer "
        "excites units as much as a library does in the end, and how many times faster that is."
    )
    busy = machine["busy_before"]
    if busy is not None and busy > BUSY:
        console.print(
            f"Other programs kept this machine busy ({busy:.1f} at once): trust the CPU seconds, "
            "with --threads 1, for waiting threads count as busy."
        )


def _passing(found: dict[str, Any], result: dict[str, Any]) -> str:
    if found["by"] is None:
        return "not reached: --other-steps"
    row, times = result["sides"][found["by"]], found["times_faster"]
    steps = found["by"].rpartition(", ")[2]
    return (
        f"{statistics.median(times):.1f} times faster: {steps}, {row['seconds_per_unit']:.2f} s, "
        f"{row['clean_activation']['median']:.4g} > {found['activation']:.4g}"
    )


def _cells(row: dict[str, Any], clock: str) -> tuple[str, str]:
    span = row[f"{clock}_against_explorer_by_round"]
    ratio = row[f"{clock}_against_explorer"]
    return f"{row[f'{clock}_per_unit']:.3f}", f"{ratio:.2f} ({min(span):.2f}-{max(span):.2f})"


def _layers(
    chosen: Sequence[str], layers: str, weights: Path | None, size: int | None, device: str
) -> Iterator[tuple[Network, str, int]]:
    """Load each network, and yield for each layer: the network, the layer's name, the image size.

    Raises:
        ExplorerError: ``layers`` is empty and ``LAYERS`` has none for a network, or
            ``registry.load`` fails.
    """
    for name in chosen:
        if not layers and name not in LAYERS:
            raise ExplorerError(f"name layers of {name} by --layers, such as features.7")
        loaded = registry.load(name, None if name == SKETCHNET else weights, device)
        for layer in (layers or LAYERS[name]).split(","):
            yield loaded, loaded.layer(layer).name, size or SIZES.get(name, loaded.input_size[0])


def main(
    weights: Annotated[
        Path | None,
        typer.Option(help="A checkpoint of the network; its published weights by default."),
    ] = None,
    network: Annotated[
        str, typer.Option(help="Names of networks, separated by commas.")
    ] = f"{SQUEEZENET},{SKETCHNET}",
    layers: Annotated[
        str, typer.Option(help="Layers that are outputs of modules; some of each by default.")
    ] = "",
    units: Annotated[str, typer.Option(help="Such as 0-15,40; empty for all.")] = "0-15",
    size: Annotated[
        int | None, typer.Option(help="Height and width; 128 px, for SketchNet 64.", min=16)
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps of the explorer and the limit.", min=1)] = STEPS,
    other_steps: Annotated[
        str, typer.Option(help="With how many steps the explorer works besides, such as 32,128.")
    ] = "16,40,48,56,64,72,80,128,256",
    lucent_steps: Annotated[
        int, typer.Option(help="Steps of torch-lucent, whose default it is.", min=1)
    ] = LUCENT_STEPS,
    rounds: Annotated[int, typer.Option(help="How often every side has its turns.", min=1)] = 2,
    others_units: Annotated[
        int, typer.Option(help="Units that the others draw in a round: they are slow.", min=1)
    ] = 2,
    horama_steps: Annotated[int, typer.Option(help="Steps of horama.", min=1)] = HORAMA_STEPS,
    threads: Annotated[
        int | None, typer.Option(help="Threads of computation; by default one a core.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Where all chance comes from.", min=0)] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write everything that was measured here.")
    ] = None,
) -> None:
    """Measure the explorer, torch-lucent, horama and the bare network side by side."""
    if json_file is not None and not json_file.parent.is_dir():
        raise ExplorerError(f"there is no folder {json_file.parent} to write {json_file.name} into")
    if threads is not None:
        torch.set_num_threads(threads)
    # This affects the whole process, and so all sides.
    allocator.keep_freed_memory()
    # torch-lucent uses a GPU whenever there is one, so all sides do the same.
    device = "cuda" if torch.cuda.is_available() else "cpu"
    machine = describe_machine(torch.device(device))
    others = [int(each) for each in other_steps.split(",") if each]
    console = Console(width=TABLE_WIDTH, highlight=False)
    results = []
    for loaded, layer, pixels in _layers(network.split(","), layers, weights, size, device):
        found = loaded.layer(layer)
        chosen = tuple(parse_units(units, loaded, found) or range(found.channels))
        task = NeuronTask(loaded, layer, chosen, pixels, steps, lucent_steps, seed)
        all_sides = sides(task, others_units, rounds, others, horama_steps)
        timings = measure(all_sides, rounds, loaded.device)
        results.append(report(task, all_sides, timings))
        show(results[-1], console)
        if json_file is not None:
            told = {"machine": machine, "layers": results}
            json_file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    summarise(results, machine, console)


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExplorerError as error:
        sys.exit(f"error: {error}")
