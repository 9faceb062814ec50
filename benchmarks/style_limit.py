"""The least time of a style step on this machine: ``python -m benchmarks.style_limit``.

A step cannot take less time than what it consists of. The parts run alone, in turns with whole
steps and with the bare network's forward and backward:

network    forward and backward of the truncated network as the explorer rewrites it
products   the matrix products of all style layers, forward and backward, into memory that is there
roots      the square roots that the Wasserstein loss needs, and their inverse, of matrices of the
           same sizes
optimiser  two passes over a full history of L-BFGS, and its preconditioner

The limit of the share is the time of the bare network divided by the sum of the parts. What it
leaves out: sums over positions, content, gradients that are added, padding, the loss itself. The
table also has the arithmetic of the products beside that of the bare network.
"""

import functools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import processor_name
from benchmarks.style_sides import BareNetwork, StyleTask, own_steps
from core import allocator
from core.networks import registry
from core.optim import lbfgs
from core.style import loss_builder, moments, parallel
from core.style.style_canvas import FrequencyPreconditioner
from core.style.wasserstein_loss import Directions, kept_share, matrix_root
from explorer.cli.command_io import split_names

LOSSES = "wasserstein,gram"
PARTS = ("network", "products", "roots", "optimiser")


def product_work(rows: Tensor, rank: int | None) -> tuple[Callable[[], object], float]:
    """Return the products of a layer as a function, and its number of operations.

    Args:
        rows: activations, ``[P, C]``.
        rank: number of directions on which activations are projected; None for no projection.
    """
    positions, channels = rows.shape
    gradient = torch.empty_like(rows)
    square = rows.new_zeros(channels, channels)
    if rank is None:

        def whole() -> None:
            moments.product(rows, rows, exact=False)
            torch.mm(rows, square, out=gradient)

        return whole, 4.0 * positions * channels**2
    basis, factors = rows.new_zeros(channels, rank), rows.new_zeros(rank, channels)
    projected = rows.new_zeros(positions, rank)

    def parts() -> None:
        torch.mm(rows, basis, out=projected)
        moments.product(projected, projected, exact=False)
        torch.mm(projected, factors, out=gradient)

    return parts, 2.0 * positions * rank * (2 * channels + rank)


def optimiser_work(size: tuple[int, int]) -> Callable[[], None]:
    """Return what L-BFGS at least does in a step, for an image of (height, width)."""
    image = nn.Parameter(torch.zeros(1, 3, *size))
    history = lbfgs.LBFGS(image).history
    coefficients, direction = history.new_ones(len(history)), torch.zeros_like(history[0])
    precondition = FrequencyPreconditioner(size)

    def work() -> None:
        precondition(image.detach())
        lbfgs.dot_products(direction, history)
        torch.mv(history.T, coefficients, out=direction)

    return work


def parts_of(
    task: StyleTask, size: tuple[int, int]
) -> tuple[dict[str, Callable[[], object]], float]:
    """Return the parts of a step as functions, and the number of operations of the products."""
    bare = BareNetwork(task, size)
    layers = sorted({*task.recipe.content_layers, *task.recipe.style_layers})
    seen = dict(zip(layers, bare.activations(), strict=True))
    targets = loss_builder.style_targets(task.network, task.recipe, task.subjects().styles[0], size)
    products, roots, operations = [], [], 0.0
    for name in task.recipe.style_layers:
        rows = seen[name].detach().permute(0, 2, 3, 1).flatten(0, 2)
        rank = None
        if task.recipe.loss == "wasserstein":
            leading = Directions.of(targets[name], kept_share(rows.shape[1]))
            count = len(leading.scale)
            half = torch.randn(1, count, 2 * count)
            root = functools.partial(matrix_root, half @ half.mT, inverted=True)
            roots.append((count**3, root))
            rank = count + 1 if leading.projects else None
        work, count_of = product_work(rows, rank)
        products.append(work)
        operations += count_of
    rewritten, optimiser = BareNetwork(task, size, rewritten=True), optimiser_work(size)
    parts: dict[str, Callable[[], object]] = {
        "network": rewritten,
        "products": lambda: [it() for it in products],
        "roots": lambda: parallel.run(roots),
        "optimiser": optimiser,
    }
    return parts, operations


def network_operations(task: StyleTask, size: tuple[int, int]) -> float:
    """Return the number of operations of the bare network, forward and backward."""
    bare = BareNetwork(task, size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        bare.activations()
    # The gradient with respect to a convolution's input takes as many as the convolution.
    return 2.0 * counter.get_total_flops()


def measure(task: StyleTask, rounds: int) -> dict[str, Any]:
    """Return the median seconds of each part, of a step and of the bare network, and shares."""
    size = task.subjects().size
    parts, operations = parts_of(task, size)
    own = own_steps(task, size)
    sides = {**parts, "bare": BareNetwork(task, size), "step": lambda: next(own)}
    found: dict[str, list[float]] = {name: [] for name in sides}
    # L-BFGS needs as many steps until its history is full.
    for _ in range(lbfgs.HISTORY + 1):
        next(own)
    for number in range(rounds + 1):
        for name, side in sides.items():
            began = time.perf_counter()
            side()
            if number:  # The first round is a warm-up.
                found[name].append(time.perf_counter() - began)
    seconds = {name: statistics.median(them) for name, them in found.items()}
    shares = [bare / step for bare, step in zip(found["bare"], found["step"], strict=True)]
    # In each round, because another program may slow down some of them.
    least = [sum(values) for values in zip(*(found[it] for it in PARTS), strict=True)]
    limits = [bare / sum_of for bare, sum_of in zip(found["bare"], least, strict=True)]
    return {
        "size": size,
        "seconds": seconds,
        "share": statistics.median(shares),
        "limit": statistics.median(limits),
        "products / network, operations": operations / network_operations(task, size),
    }


def main(
    network: Annotated[str, typer.Option(help="The network.")] = "sketchnet",
    weights: Annotated[Path | None, typer.Option(help="Its checkpoint.")] = None,
    losses: Annotated[str, typer.Option(help="Some style losses.")] = LOSSES,
    content: Annotated[str, typer.Option(help="A file or a sample.")] = "cat",
    style: Annotated[str, typer.Option(help="A file or a painting of ours.")] = "swirls",
    size: Annotated[int, typer.Option(help="Longer side in pixels.", min=64)] = 512,
    rounds: Annotated[int, typer.Option(help="Turns of each side.", min=1)] = 25,
    out: Annotated[Path | None, typer.Option("--json", help="Write figures there.")] = None,
) -> None:
    """Time the parts of a style step alone, and print the largest possible share."""
    allocator.keep_freed_memory()
    loaded = registry.load(network, weights, device="cpu")
    rows = []
    for loss in split_names(losses):
        task = StyleTask.named(loaded, content, style, {"size": size, "loss": loss})
        rows.append({"loss": loss, **measure(task, rounds)})
    _print(network, rows)
    if out is not None:
        report = {
            "processor": processor_name(),
            "threads": torch.get_num_threads(),
            "network": network,
            "rows": rows,
        }
        out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def _print(network: str, rows: Sequence[dict[str, Any]]) -> None:
    timed = ("bare", *PARTS, "step")
    table = Table("loss", *(f"{it}, ms" for it in timed), "share", "limit", "operations")
    for row in rows:
        times = (f"{row['seconds'][it] * 1e3:.1f}" for it in timed)
        ratio = row["products / network, operations"]
        table.add_row(
            row["loss"], *times, f"{row['share']:.2f}", f"{row['limit']:.2f}", f"{ratio:.2f}"
        )
    console = Console(width=140)
    console.print(table)
    console.print(
        f"{network}, {torch.get_num_threads()} threads. Operations: those of the products, "
        "relative to the bare network's.",
        highlight=False,
    )


if __name__ == "__main__":
    typer.run(main)
