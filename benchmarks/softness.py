"""Benchmark of style transfer's preconditioner: ``python -m benchmarks.softness``.

A style transfer starts from the content image and is optimised by L-BFGS at full size only. It is
repeated with several values of the preconditioner's exponent, called softness (see
``core.style.style_canvas.FrequencyPreconditioner``); 0 means no preconditioner. The table gives the
loss after some numbers of steps, measured as in ``benchmarks.style``. Times are not measured.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.style_sides import Loss, StyleTask, explorer
from core.networks import registry
from core.style import style_canvas

STEPS = (10, 20, 40, 80, 160)  # steps after which the loss is measured


def losses_by_step(task: StyleTask, softness: float) -> dict[int, float]:
    """Run a style transfer with the exponent ``softness``; return the loss by number of steps."""
    kept, style_canvas.PRECONDITIONER_POWER = style_canvas.PRECONDITIONER_POWER, softness
    try:
        loss = Loss(task, task.subjects().size)
        images = enumerate(explorer(task), 1)
        return {step: loss.measured(image) for step, image in images if step in STEPS}
    finally:
        style_canvas.PRECONDITIONER_POWER = kept


def main(
    content: Annotated[str, typer.Option(help="A file or a sample.")] = "coffee",
    style: Annotated[str, typer.Option(help="A file or a painting of ours.")] = "swirls",
    network: Annotated[str, typer.Option(help="The network's name.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    size: Annotated[int, typer.Option(help="Longer side in pixels.")] = 320,
    loss: Annotated[str, typer.Option(help="gram or wasserstein.")] = "gram",
    guesses: Annotated[str, typer.Option(help="Softness, separated by commas.")] = "0,0.5,1",
    out: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
) -> None:
    """Optimise with several preconditioners, and compare."""
    own = {"loss": loss, "size": size, "smallest": size, "steps": max(STEPS)}
    task = StyleTask.named(registry.load(network, weights), content, style, own)
    found = {
        softness: losses_by_step(task, softness) for softness in map(float, guesses.split(","))
    }
    table = Table("softness", *(f"{step} steps" for step in STEPS))
    for softness, costs in found.items():
        table.add_row(f"{softness:g}", *(f"{cost:.6f}" for cost in costs.values()))
    Console(width=100).print(table)
    if out is not None:
        out.write_text(json.dumps({"network": network, "costs": found}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)
