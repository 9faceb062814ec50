"""Does the number of threads change how a convolution rounds? ``benchmarks.thread_rounding``.

Convolutions of random shapes run with one thread and with more. The table has, by the number of
threads, how many of the shapes give other bits than with one thread. Random numbers come from a
fixed seed, so that runs on several machines compare the same shapes.
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor
from torch.nn import functional as F

from benchmarks.machine import processor_name

THREADS = (2, 3, 4, 6, 8)
CHANNELS, FILTERS, KERNELS = (16, 24, 32, 48, 64, 96, 128), (16, 32, 48, 64, 96, 128), (1, 3, 3, 5)
SIDES = (8, 80)
PRECISIONS = (torch.bfloat16, torch.float32)


def convolutions(draw: random.Random, precision: torch.dtype) -> dict[str, Callable[[], Tensor]]:
    """Return the forward passes and the gradient of one convolution of a random shape."""
    kernel = draw.choice(KERNELS)
    channels, filters = draw.choice(CHANNELS), draw.choice(FILTERS)
    height, width = draw.randint(*SIDES), draw.randint(*SIDES)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape).to(precision).to(memory_format=torch.channels_last)

    image, weight = normal(1, channels, height, width), normal(filters, channels, kernel, kernel)
    towards = normal(1, filters, height - kernel + 1, width - kernel + 1)

    def gradient() -> Tensor:
        wanted = image.clone().requires_grad_()
        return torch.autograd.grad(F.conv2d(wanted, weight), wanted, towards)[0]

    return {
        "forward": lambda: F.conv2d(image, weight),
        "forward with zero padding": lambda: F.conv2d(image, weight, padding=kernel // 2),
        "gradient for the image": gradient,
    }


def count_differing(shapes: int, precision: torch.dtype) -> dict[str, Counter[int]]:
    """Return, for each pass and number of threads, how many shapes differ from one thread."""
    torch.manual_seed(0)
    draw, found = random.Random(0), dict[str, Counter[int]]()
    for _ in range(shapes):
        for name, compute in convolutions(draw, precision).items():
            differing = found.setdefault(name, Counter())
            torch.set_num_threads(1)
            alone = compute()
            for count in THREADS:
                torch.set_num_threads(count)
                differing[count] += not torch.equal(alone, compute())
    return found


def main(
    shapes: Annotated[int, typer.Option(help="Convolutions of each precision.", min=1)] = 100,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write them here.")] = None,
) -> None:
    """Print how many convolutions round in another way with more threads."""
    threads, rows = torch.get_num_threads(), []
    print(f"{processor_name()}, {torch.backends.cpu.get_cpu_capability()}, {shapes} shapes\n")
    print(f"| pass | precision | {' | '.join(f'{it} threads' for it in THREADS)} |")
    print(f"| --- | --- |{' --- |' * len(THREADS)}")
    for precision in PRECISIONS:
        for name, differing in count_differing(shapes, precision).items():
            kind = str(precision).removeprefix("torch.")
            print(f"| {name} | {kind} | {' | '.join(str(differing[it]) for it in THREADS)} |")
            rows.append({"pass": name, "precision": kind, "differing": dict(differing)})
    torch.set_num_threads(threads)
    if json_file is not None:
        figures = {"processor": processor_name(), "shapes": shapes, "rows": rows}
        json_file.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    typer.run(main)
