"""Benchmark of ``torch.compile``: ``python -m benchmarks.compiling``.

It times the expensive part of an optimisation step: the forward and backward passes through the
truncated network. The network is run uncompiled and compiled in turns. The time of the compilation
is measured, too, because only many faster steps make up for it.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from torch import Tensor, nn

from core.errors import ExplorerError
from core.networks import registry
from core.recipes.neuron import BATCH, STEPS


def step(extractor: nn.Module, image: Tensor, layer: str) -> float:
    """Run one forward and one backward pass, and return the seconds that both took."""
    began = time.perf_counter()
    value = extractor(image)[layer].float().mean()
    torch.autograd.grad(value, image)
    if image.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def main(
    network: Annotated[str, typer.Option(help="Its name.")] = "sketchnet",
    layer: Annotated[str, typer.Option(help="One of its layers.")] = "relu4b",
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    size: Annotated[int, typer.Option(help="Height and width of the pictures.", min=16)] = 64,
    rounds: Annotated[int, typer.Option(help="Steps of each side.", min=1)] = 30,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Time both, and print the number of images after which compiling has paid for itself."""
    loaded = registry.load(network, weights)
    name = loaded.layer(layer).name
    plain = loaded.extractor([name], for_gradients=True)
    compiled = torch.compile(loaded.extractor([name], for_gradients=True))
    image = torch.rand(BATCH, 3, size, size, device=loaded.device).requires_grad_()
    first_plain, first_compiled = step(plain, image, name), step(compiled, image, name)
    times = [(step(plain, image, name), step(compiled, image, name)) for _ in range(rounds)]
    slow, fast = (statistics.median(side) for side in zip(*times, strict=True))
    cost = first_compiled - first_plain
    # Seconds that compiled steps save per image.
    saved = (slow - fast) * STEPS / BATCH
    report = {
        "network": network,
        "layer": name,
        "size": size,
        "batch": BATCH,
        "plain_seconds": slow,
        "compiled_seconds": fast,
        "compiling_seconds": cost,
        "pictures_to_pay": cost / saved if saved > 0 else None,
    }
    Console().print(
        f"a step of {BATCH} pictures: {slow * 1e3:.1f} ms as it is, {fast * 1e3:.1f} ms compiled; "
        f"compiling takes {cost:.0f} s"
        + (f", the gain of {cost / saved:.0f} pictures" if saved > 0 else " and gains nothing")
    )
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        typer.run(main)
    except ExplorerError as error:
        sys.exit(f"error: {error}")
