"""Timing of sides that work in turns: seconds per unit, ratios of seconds, and activations."""

import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch

from benchmarks.machine import processor_name
from benchmarks.sides import (
    LUCENT_SIZE,
    Explorer,
    Limit,
    NeuronTask,
    Side,
    clean_activations,
    schedule,
)
from core.devices import has_fast_bfloat16

# Fields of ``Timing`` with the two kinds of seconds.
CLOCKS = ("seconds", "cpu_seconds")


@dataclass(frozen=True)
class Timing:
    """Time of one piece of work.

    Attributes:
        round: number of the round, from 1.
        seconds: wall-clock seconds per unit.
        cpu_seconds: processor time per unit in seconds, summed over all cores. Other programs that
            run at the same time affect it less than ``seconds``.
    """

    round: int
    seconds: float
    cpu_seconds: float


Timings = dict[str, list[Timing]]


def measure(all_sides: list[Side], rounds: int, device: torch.device) -> Timings:
    """Run all sides in turns, and return the timings of every piece by name of the side."""
    timings: Timings = {side.name: [] for side in all_sides}
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


def ratios(timings: Timings, name: str, base: str, clock: str) -> list[float]:
    """Return, for each round, the median seconds of one side divided by those of another side.

    Args:
        timings: timings of all sides.
        name: name of the side in the numerator.
        base: name of the side in the denominator.
        clock: field of ``Timing``: ``"seconds"`` or ``"cpu_seconds"``.
    """
    found = []
    for number in sorted({timing.round for timing in timings[base]}):
        over, under = (
            statistics.median(getattr(it, clock) for it in timings[side] if it.round == number)
            for side in (name, base)
        )
        found.append(over / under)
    return found


def report(task: NeuronTask, all_sides: list[Side], timings: Timings) -> dict[str, Any]:
    """Return all results of one layer as JSON values."""
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
        "network": task.network.name,
        "layer": task.layer,
        "size": task.size,
        "steps": task.steps,
        "lucent_steps": task.lucent_steps,
        "seed": task.seed,
        "shared_units": shared,
        "enlarged_to": enlarged,
        "passed": passed(all_sides, timings, rows),
        "sides": rows,
    }


def passed(all_sides: list[Side], timings: Timings, rows: dict[str, Any]) -> dict[str, Any]:
    """Find, for each other library, the fastest explorer side that reaches the same activation.

    Returns:
        By name of the library, a dictionary with three keys: ``activation``, the final median clean
        activation of the library; ``by``, the name of the fastest explorer side that reaches this
        activation, or ``None``; and ``times_faster``, for each round the seconds of the library
        divided by those of this side.
    """
    ours = sorted(
        (side.name for side in all_sides if isinstance(side, Explorer)),
        key=lambda name: float(rows[name]["seconds_per_unit"]),
    )
    found: dict[str, Any] = {}
    for side in all_sides:
        if isinstance(side, Explorer | Limit):
            continue
        goal = rows[side.name]["clean_activation"]["median"]
        above = (name for name in ours if rows[name]["clean_activation"]["median"] >= goal)
        by = next(above, None)
        times = [] if by is None else ratios(timings, side.name, by, CLOCKS[0])
        found[side.name] = {"activation": goal, "by": by, "times_faster": times}
    return found


def _clean(task: NeuronTask, side: Side, shared: list[int], size: int) -> dict[str, Any] | None:
    if not side.pictures:
        return None
    values = clean_activations(task, {unit: side.pictures[unit] for unit in shared}, size)
    return {"median": statistics.median(values.values()), "by_unit": values}


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Return the device, the versions of packages, and the load average of the last minute."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "busy_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "fast_bfloat16": has_fast_bfloat16(device),
        "python": platform.python_version(),
        "torch": version("torch"),
        "torch-lucent": version("torch-lucent"),
        "horama": version("horama"),
    }
