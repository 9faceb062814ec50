"""How fast neurons are drawn, and how well: ``python -m benchmarks.neurons --weights FILE``.

It runs the explorer, torch-lucent, horama and the bare network in turns, and prints seconds a unit,
their ratios, how strongly the finished pictures excite their neurons, and how long the explorer
takes to what the others end with. Seconds are medians over all pieces of work, ratios are medians
over rounds, within each of which the sides alternate.

On a machine that does other work meanwhile, several threads wait for each other and burn time in
doing so, small pieces of work the more. There ``--threads 1`` and CPU seconds are the fair ones.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.others import Horama, Lucent
from benchmarks.sides import (
    LUCENT_SIZE,
    LUCENT_STEPS,
    Explorer,
    Limit,
    Side,
    Task,
    clean_activations,
    schedule,
)
from core import memory, networks
from core.devices import has_fast_bfloat16
from core.errors import ExplorerError
from core.recipes import STEPS
from explorer.cli.neurons import parse_units

# The clocks that are read, by the fields of ``Timing``.
CLOCKS = ("seconds", "cpu_seconds")
TABLE_WIDTH = 132
# Of horama's defaults, 1000, a quarter.
HORAMA_STEPS = 256
# Programs at work, besides this one, from which on the clock on the wall says little.
BUSY = 1.0


def sides(
    task: Task, others_units: int, rounds: int, other_steps: Sequence[int], horama_steps: int
) -> list[Side]:
    """Set up all sides.

    Args:
        task: what to do.
        others_units: how many units each of the other libraries draws in a round.
        rounds: how many rounds there will be; the others draw other units in each.
        other_steps: with how many steps the explorer works besides.
        horama_steps: steps of horama.

    Raises:
        ExplorerError: a library is not installed, or cannot name the layer.
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


@dataclass(frozen=True)
class Timing:
    """How long one piece of work took.

    Attributes:
        round: its round, from 1.
        seconds: a unit's ascent, on the clock.
        cpu_seconds: a unit's ascent, summed over the processor's cores; other programs that run
            meanwhile disturb it less.
    """

    round: int
    seconds: float
    cpu_seconds: float


def measure(all_sides: list[Side], rounds: int, device: torch.device) -> dict[str, list[Timing]]:
    """Let all sides work in turns, and time every piece."""
    timings: dict[str, list[Timing]] = {side.name: [] for side in all_sides}
    for side in all_sides:
        side.warm()
    for number in range(1, rounds + 1):
        order = schedule(all_sides)
        for piece, index in enumerate(order, start=1):
            side = all_sides[index]
            done = timings[side.name]
            clock, cpu = _now(device)
            worth = side.work(len(done))
            later_clock, later_cpu = _now(device)
            done.append(Timing(number, (later_clock - clock) / worth, (later_cpu - cpu) / worth))
            print(
                f"round {number} of {rounds}, piece {piece} of {len(order)}: {side.name}, "
                f"{done[-1].seconds:.2f} s a unit, {done[-1].cpu_seconds:.2f} CPU s",
                file=sys.stderr,
            )
    return timings


def _now(device: torch.device) -> tuple[float, float]:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter(), time.process_time()


def ratios(timings: dict[str, list[Timing]], name: str, base: str, clock: str) -> list[float]:
    """Divide a side's median seconds by those of another, round by round.

    Args:
        timings: of all sides.
        name, base: the side above and the one below the line.
        clock: which seconds, ``"seconds"`` or ``"cpu_seconds"``.
    """
    found = []
    for number in sorted({timing.round for timing in timings[base]}):
        over, under = (
            statistics.median(getattr(it, clock) for it in timings[side] if it.round == number)
            for side in (name, base)
        )
        found.append(over / under)
    return found


def report(task: Task, all_sides: list[Side], timings: dict[str, list[Timing]]) -> dict[str, Any]:
    """Sum everything up in what JSON can hold."""
    drawn = [set(side.pictures) for side in all_sides if side.pictures]
    shared = sorted(set.intersection(*drawn))
    enlarged = max(task.size, LUCENT_SIZE)
    rows = {}
    for side in all_sides:
        rows[side.name] = {
            "pieces": len(timings[side.name]),
            "units": sorted(side.pictures),
            "clean_activation": _clean(task, side, shared, task.size),
            "clean_activation_enlarged": _clean(task, side, shared, enlarged),
        }
        for clock in CLOCKS:
            against = ratios(timings, side.name, all_sides[0].name, clock)
            rows[side.name] |= {
                f"{clock}_per_unit": statistics.median(
                    getattr(it, clock) for it in timings[side.name]
                ),
                f"{clock}_against_explorer": statistics.median(against),
                f"{clock}_against_explorer_by_round": against,
            }
    return {
        "passed": passed(all_sides, timings, rows),
        "network": task.network.name,
        "layer": task.layer,
        "size": task.size,
        "steps": task.steps,
        "lucent_steps": task.lucent_steps,
        "seed": task.seed,
        "shared_units": shared,
        "enlarged_to": enlarged,
        "sides": rows,
    }


def passed(
    all_sides: list[Side], timings: dict[str, list[Timing]], rows: dict[str, Any]
) -> dict[str, Any]:
    """Find the least work by which the explorer excites units as much as each other library does.

    Returns:
        By library, the median clean ``activation`` that it ends with; ``by`` which of the
        explorer's sides it is passed, ``None`` if by none; and how many ``times_faster`` that is,
        by round.
    """
    ours = sorted(
        (side.name for side in all_sides if isinstance(side, Explorer)),
        key=lambda name: float(rows[name]["seconds_per_unit"]),
    )
    found: dict[str, Any] = {}
    for side in all_sides:
        if not isinstance(side, Lucent | Horama):
            continue
        goal = rows[side.name]["clean_activation"]["median"]
        above = (name for name in ours if rows[name]["clean_activation"]["median"] >= goal)
        by = next(above, None)
        times = [] if by is None else ratios(timings, side.name, by, CLOCKS[0])
        found[side.name] = {"activation": goal, "by": by, "times_faster": times}
    return found


def _clean(task: Task, side: Side, shared: list[int], size: int) -> dict[str, Any] | None:
    if not side.pictures:
        return None
    values = clean_activations(task, {unit: side.pictures[unit] for unit in shared}, size)
    return {"median": statistics.median(values.values()), "by_unit": values}


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Say on what was measured, and how many programs ran or waited in the last minute."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "busy_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "fast_bfloat16": has_fast_bfloat16(device),
        "python": platform.python_version(),
        "torch": version("torch"),
        "torch-lucent": version("torch-lucent"),
        "horama": version("horama"),
    }


def show(result: dict[str, Any]) -> None:
    """Print the report: a line on what was done, a table, and how to read it."""
    machine, small, large = result["machine"], result["size"], result["enlarged_to"]
    console = Console(width=TABLE_WIDTH, highlight=False)
    console.print(
        f"{result['network']} {result['layer']}, {small} px, torch-lucent with "
        f"{result['lucent_steps']} steps, on {machine['device']} with "
        f"{machine['threads']} threads, torch {machine['torch']}"
    )
    table = Table("", "units drawn")
    for heading in ("s a unit", "x explorer", "CPU s a unit", "x explorer"):
        table.add_column(heading, justify="right")
    for size in (small, large):
        table.add_column(f"clean {size} px", justify="right")
    for name, row in result["sides"].items():
        times = [cell for clock in CLOCKS for cell in _cells(row, clock)]
        clean = (row["clean_activation"], row["clean_activation_enlarged"])
        activations = ("" if each is None else f"{each['median']:.1f}" for each in clean)
        table.add_row(name, str(len(row["units"]) or ""), *times, *activations)
    console.print(table)
    for name, it in result["passed"].items():
        console.print(f"{name} ends with {it['activation']:.1f}: {_passing(it, result)}")
    console.print(
        "x explorer: compared with the first row, median over rounds, with the least and the most; "
        "for the limits it is the share of its time that the bare network needs. "
        f"clean: the mean of the channel for the finished, unmoved picture as seen at that size, "
        f"median over the {len(result['shared_units'])} units that all sides drew. torch-lucent "
        f"climbs at {large} px, all others at {small} px."
    )
    busy = machine["busy_before"]
    if busy is not None and busy > BUSY:
        console.print(
            f"Other programs kept this machine busy ({busy:.1f} at once): trust the CPU seconds, "
            "with --threads 1, for waiting threads count as busy."
        )


def _passing(found: dict[str, Any], result: dict[str, Any]) -> str:
    if found["by"] is None:
        return "the explorer does not reach it; give it more steps by --other-steps"
    row, times = result["sides"][found["by"]], found["times_faster"]
    return (
        f"passed by {found['by']} ({row['clean_activation']['median']:.1f}) in "
        f"{row['seconds_per_unit']:.2f} s a unit, {statistics.median(times):.1f} times faster "
        f"({min(times):.1f} to {max(times):.1f} by round)"
    )


def _cells(row: dict[str, Any], clock: str) -> tuple[str, str]:
    span = row[f"{clock}_against_explorer_by_round"]
    ratio = row[f"{clock}_against_explorer"]
    return f"{row[f'{clock}_per_unit']:.2f}", f"{ratio:.2f} ({min(span):.2f}-{max(span):.2f})"


def main(
    weights: Annotated[
        Path | None, typer.Option(help="A checkpoint; the network's published weights by default.")
    ] = None,
    network: Annotated[str, typer.Option(help="Its name.")] = "squeezenet1_0",
    layer: Annotated[str, typer.Option(help="A layer that is the output of a module.")] = (
        "features.7"
    ),
    units: Annotated[str, typer.Option(help="Such as 0-15,40; empty for all.")] = "0-63",
    size: Annotated[int, typer.Option(help="Height and width of the pictures.", min=16)] = 128,
    steps: Annotated[int, typer.Option(help="Steps of the explorer and the limit.", min=1)] = STEPS,
    other_steps: Annotated[
        str, typer.Option(help="With how many steps the explorer works besides, such as 32,128.")
    ] = "32,128,256",
    lucent_steps: Annotated[
        int, typer.Option(help="Steps of torch-lucent, whose default it is.", min=1)
    ] = LUCENT_STEPS,
    rounds: Annotated[int, typer.Option(help="How often every side has its turns.", min=1)] = 3,
    lucent_units: Annotated[
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
    memory.keep()  # for all sides alike
    # torch-lucent chooses by itself, so all sides use what it would.
    loaded = networks.load(network, weights, "cuda" if torch.cuda.is_available() else "cpu")
    found = loaded.layer(layer)
    chosen = tuple(parse_units(units, loaded, found) or range(found.channels))
    task = Task(loaded, found.name, chosen, size, steps, lucent_steps, seed)
    others = [int(each) for each in other_steps.split(",") if each]
    all_sides = sides(task, lucent_units, rounds, others, horama_steps)
    machine = describe_machine(loaded.device)
    timings = measure(all_sides, rounds, loaded.device)
    result = {"machine": machine, **report(task, all_sides, timings)}
    show(result)
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExplorerError as error:
        sys.exit(f"error: {error}")
