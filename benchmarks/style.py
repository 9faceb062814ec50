"""Benchmark of style transfer: ``python -m benchmarks.style``.

``pictures`` measures what ships: seconds to a finished default picture (``style_pictures``).
``losses`` compares the loss over time with other libraries.

A side is one of the programs that are compared. The loop of PyTorch's tutorial runs for a fixed
number of steps, and every other side runs for the same time. All images are measured by the same
loss: the explorer's, without the variation penalty, at the final size and in float32. The time of
measuring does not count. The table shows the loss of each side over time, and the time at which the
side reached the tutorial's final loss. With ``--seconds``, all sides run for this time; with
``--kept``, a run that was stopped goes on with the next side. The time of a step of the explorer is
also compared with the time of the bare network's forward and backward passes.
"""

import json
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.machine import processor_name
from benchmarks.style_pictures import (
    NETWORKS,
    USUAL,
    Plan,
    find_weights,
    measure,
    print_pictures,
    step_ratio,
)
from benchmarks.style_sides import SIDES, Loss, Side, StyleTask
from core import allocator
from core.devices import has_fast_bfloat16
from core.images import image_io
from core.networks import registry
from core.recipes.style import STYLE_STEPS

# Fractions of the time for which the loss is printed: of that of the tutorial, and of a given one.
COLUMNS, HALVES = (0.1, 0.2, 0.34, 0.5, 1.0), (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
# Fractions of a side's time at which the loss is measured.
FINE_MARKS = [round(0.02 * it, 2) for it in range(1, 25)]
MARKS = sorted({*FINE_MARKS, 0.6, 0.7, 0.8, 0.9, *COLUMNS, *HALVES})
TUTORIAL, OWN = "tutorial", "explorer"
LONGER, LARGE = "explorer, longer", "explorer, at full size"
# Weight of content relative to style.
BALANCE = 0.02
# Factor of tolerance for times, because a step may end a little after one of the ``MARKS``.
NEARLY = 1.02

Points = list[tuple[float, float]]


def timed(side: Iterator[Any]) -> Iterator[tuple[float, Any]]:
    """Yield pairs: the seconds that a side has worked so far, and the image of the side."""
    spent = 0.0
    while True:
        began = time.perf_counter()
        try:
            image = next(side)
        except StopIteration:
            return
        spent += time.perf_counter() - began
        yield spent, image


def run(
    name: str, side: Side, task: StyleTask, loss: Loss, seconds: float = math.inf, steps: int = 0
) -> Points:
    """Run a side, and measure the loss of its images. Measuring does not count as time of the side.

    Args:
        name: name of the side.
        side: the side.
        task: the images and settings of the style transfer.
        loss: the loss that is measured.
        seconds: time after which the side is stopped.
        steps: number of steps after which the side is stopped; 0 to stop it after ``seconds``.

    Returns:
        Pairs of seconds and loss, at each of the fractions ``MARKS`` of the time or of the steps.
        If the side ends earlier, the last pair is that of its last image.
    """
    marks = [(steps or seconds) * it for it in MARKS]
    points: Points = []
    last: tuple[float, Tensor] | None = None
    for number, (spent, image) in enumerate(timed(side(task)), 1):
        last = (spent, image)
        passed = number if steps else spent
        if passed >= marks[0]:
            points.append((spent, loss.measured(image)))
            marks = [it for it in marks if it > passed]
        if not marks:
            break
    if marks and last is not None:
        points.append((last[0], loss.measured(last[1])))
    if last is not None and task.folder is not None:
        image_io.to_picture(last[1].clamp(0, 1)).save(task.folder / f"{name}.png")
    print(f"{name}: {points[-1][1]:.5f} after {points[-1][0]:.1f} s", flush=True)
    return points


def all_sides(
    task: StyleTask,
    loss: Loss,
    steps: int,
    only: Sequence[str],
    seconds: float = 0.0,
    kept: Path | None = None,
) -> dict[str, Points]:
    """Run the tutorial for ``steps`` steps, and every other side for the same time.

    The explorer runs three times: with its default settings, with as many steps as the time allows,
    and for the same time at full size only.

    Args:
        task: the images and settings of the style transfer.
        loss: the loss that is measured.
        steps: number of steps of the tutorial.
        only: names of the other libraries to run.
        seconds: time of every side, instead of that of the tutorial; 0 for none.
        kept: JSON file with the points of sides that ran before, which do not run again. It is
            written after each side.
    """
    found: dict[str, Points] = {}
    if kept is not None and kept.is_file():
        stored = json.loads(kept.read_text("utf-8"))
        found = {name: [(spent, cost) for spent, cost in them] for name, them in stored.items()}

    def add(name: str, side: Side, changed: StyleTask, **limits: Any) -> None:
        if name in found:
            return
        found[name] = run(name, side, changed, loss, **limits)
        if kept is not None:
            kept.write_text(json.dumps(found) + "\n", "utf-8")

    limits: dict[str, Any] = {"seconds": seconds} if seconds else {"steps": steps}
    add(TUTORIAL, SIDES[TUTORIAL], task, **limits)
    seconds = seconds or found[TUTORIAL][-1][0]
    add(OWN, SIDES[OWN], task, seconds=seconds)
    more = round(task.recipe.steps * seconds / found[OWN][-1][0])
    for name, settings in (
        (LONGER, {"steps": min(more, STYLE_STEPS[1])}),
        (LARGE, {"steps": STYLE_STEPS[1], "smallest": task.recipe.size}),
    ):
        changed = replace(task, recipe=replace(task.recipe, **settings))
        add(name, SIDES[OWN], changed, seconds=seconds)
    for name in (it for it in SIDES if it not in found and it in only):
        add(name, SIDES[name], task, seconds=seconds)
    return found


def reached(points: Points, goal: float) -> float | None:
    """Return the seconds at which the loss first was at or below ``goal``; None for never."""
    return next((spent for spent, cost in points if cost <= goal), None)


app = typer.Typer(add_completion=False)


@app.command()
def pictures(
    networks: Annotated[str, typer.Option(help="Some networks.")] = ",".join(NETWORKS),
    settings: Annotated[str, typer.Option(help="Some, also tiled: 2048 px.")] = ",".join(USUAL),
    weights_folder: Annotated[Path | None, typer.Option(help="Where checkpoints are.")] = None,
    content: Annotated[str, typer.Option(help="A file or a sample.")] = "cat",
    style: Annotated[str, typer.Option(help="A file or a painting of ours.")] = "swirls",
    rounds: Annotated[int, typer.Option(help="Pictures of each side.", min=1)] = 3,
    steps: Annotated[int, typer.Option(help="At each size; 0 for the default.", min=0)] = 0,
    before: Annotated[Path | None, typer.Option(help="Another checkout, to compare.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the pictures go.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
) -> None:
    """Time default pictures of the command and of the page, and large ones."""
    allocator.keep_freed_memory()
    weights = find_weights(networks.split(","), weights_folder)
    with tempfile.TemporaryDirectory() as spare:
        kept = folder or Path(spare)
        kept.mkdir(parents=True, exist_ok=True)
        plan = Plan(content, style, weights, settings.split(","), rounds, before, kept, steps)
        rows: list[dict[str, Any]] = []
        for row in measure(plan):
            rows.append(row)
            print_pictures([row])
            if out is not None:
                report = {"machine": _machine(), "pictures": rows}
                out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    if len(rows) > 1:
        print_pictures(rows)


@app.command()
def losses(
    content: Annotated[str, typer.Option(help="A file or a sample.")] = "coffee",
    style: Annotated[str, typer.Option(help="A file or a painting of ours.")] = "swirls",
    network: Annotated[str, typer.Option(help="One that is a sequence of modules.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    size: Annotated[int, typer.Option(help="Longer side in pixels.")] = 512,
    steps: Annotated[int | None, typer.Option(help="Of the explorer, at each size.")] = None,
    smallest: Annotated[int | None, typer.Option(help="Where the explorer begins.")] = None,
    tutorial_steps: Annotated[int, typer.Option(help="As many as the tutorial takes.")] = 300,
    seconds: Annotated[float, typer.Option(help="Of every side, not the tutorial's.")] = 0.0,
    only: Annotated[str, typer.Option(help="Some sides, such as explorer,pystiche.")] = "",
    kept: Annotated[
        Path | None, typer.Option(help="Keep the losses of each side there, to go on later.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the last pictures go.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
) -> None:
    """Paint one image in every way, and compare the losses over time."""
    allocator.keep_freed_memory()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    own = {"size": size, "steps": steps, "smallest": smallest}
    # The other libraries use Gram matrices, with a smaller weight of content by default.
    own |= {"loss": "gram", "balance": BALANCE, "variation": 0.0}
    task = StyleTask.named(registry.load(network, weights), content, style, own, folder)
    loss = Loss(task, task.subjects().size)
    chosen = only.split(",") if only else list(SIDES)
    found = all_sides(task, loss, tutorial_steps, chosen, seconds, kept)
    ratio = step_ratio(task, loss.size)
    report = {
        "machine": _machine(),
        "network": network,
        "size": loss.size,
        "tutorial steps": tutorial_steps,
        "seconds": seconds or found[TUTORIAL][-1][0],
        "columns": HALVES if seconds else COLUMNS,
        "start": loss.measured(loss.subjects.content),
        "points": found,
        "step": ratio,
    }
    _print(report)
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def _machine() -> dict[str, Any]:
    return {
        "processor": processor_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "half precision": has_fast_bfloat16(torch.device("cpu")),
    }


def _print(report: dict[str, Any]) -> None:
    found, seconds = report["points"], report["seconds"]
    goal = found[TUTORIAL][-1][1]
    columns = report["columns"]
    table = Table("side", *(f"{seconds * it:.1f} s" for it in columns), "tutorial's end after")
    for name, points in found.items():
        cells = []
        for mark in (seconds * it for it in columns):
            earlier = [cost for spent, cost in points if spent <= mark * NEARLY]
            cells.append(f"{earlier[-1]:.5f}" if earlier else "")
        when = reached(points, goal)
        share = "never" if when is None else f"{when:.1f} s, {when / seconds:.2f} of its time"
        table.add_row(name, *cells, share)
    Console(width=150).print(table)
    step = report["step"]
    Console(width=150).print(
        f"start {report['start']:.4f}; a step takes {step['step'] * 1e3:.0f} ms, the bare network "
        f"{step['bare'] * 1e3:.0f} ms: {step['bare of step']:.2f}; as the explorer rewrites it "
        f"{step['rewritten'] * 1e3:.0f} ms: {step['rewritten of step']:.2f}",
        highlight=False,
    )


if __name__ == "__main__":
    app()
