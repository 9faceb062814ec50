"""Benchmark of the speed of dreams: ``python -m benchmarks.dream --weights FILE``.

Three sides (implementations) dream in turns, with the same image, octaves and steps:

- this project;
- the classic loop of Google's DeepDream notebook of 2015, written plainly in PyTorch (the whole
  network, contiguous layout, full precision). It runs in a separate process, because this project
  changes how the present process allocates memory;
- the limit: only the forward and backward passes through the truncated network, with images of the
  same sizes.

The unit is megapixel-steps per second. The speeds of two sides are compared within each round, and
the table gives the median of these ratios.
"""

import functools
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from core import allocator
from core.datasets import samples
from core.dreams import render_dreams
from core.images import image_io, resize
from core.networks import registry
from core.networks.network import Network
from core.optim import objectives
from core.recipes.dream import DreamRecipe

# Random shift in pixels and step size of the classic loop.
JITTER, STEP_SIZE = 32, 1.5 / 255
Side = Callable[[Network, DreamRecipe, bytes], None]


def explorer(network: Network, recipe: DreamRecipe, png: bytes) -> None:
    """Dream as the project does."""
    for _ in render_dreams.render(network, recipe, {recipe.image: png}):
        pass


def classic(network: Network, recipe: DreamRecipe, png: bytes) -> None:
    """Dream as the notebook does.

    Each step rolls the image by a random shift and maximises the energy of a layer. At the next
    larger octave, the change so far ("detail") is enlarged and added to the image of that size.
    """
    base = image_io.to_tensor(image_io.resize_longer_side(image_io.open_picture(png), recipe.size))
    generator = torch.Generator().manual_seed(recipe.seed)
    module = network.module.to(memory_format=torch.contiguous_format)
    seen: list[Tensor] = []
    place = module.get_submodule(recipe.layers[0])
    handle = place.register_forward_hook(lambda _, __, output: seen.append(output))
    mean, std = (torch.tensor(it).view(1, 3, 1, 1) for it in (network.mean, network.std))
    detail = torch.zeros_like(base)
    try:
        for size in render_dreams.octave_sizes(base, recipe):
            fresh = resize.resize_image(base, size)
            picture = fresh + resize.resize_image(detail, size)
            for _ in range(recipe.steps):
                shift = torch.randint(-JITTER, JITTER + 1, (2,), generator=generator).tolist()
                picture = picture.roll(shift, (2, 3)).detach().requires_grad_()
                seen.clear()
                module((picture - mean) / std)
                (gradient,) = torch.autograd.grad(seen[0].square().sum() / 2, picture)
                picture = picture.detach() + STEP_SIZE * gradient / gradient.abs().mean()
                picture = picture.clamp(0, 1).roll([-it for it in shift], (2, 3))
            detail = picture - fresh
    finally:
        handle.remove()


def limit(network: Network, recipe: DreamRecipe, png: bytes) -> None:
    """Run only the forward and backward passes of a dream through the truncated network."""
    base = image_io.to_tensor(image_io.resize_longer_side(image_io.open_picture(png), recipe.size))
    extractor = network.extractor(list(recipe.layers), for_gradients=True)
    objective = objectives.energy(recipe.layers[0])
    for size in render_dreams.octave_sizes(base, recipe):
        picture = resize.resize_image(base, size).requires_grad_()
        for _ in range(recipe.steps):
            torch.autograd.grad(objective(extractor(picture)).sum(), picture)


SIDES: dict[str, Side] = {
    "neuron explorer": explorer,
    "the classic loop": classic,
    "the limit": limit,
}
# Sides that run in a separate process.
SEPARATE = ("the classic loop",)
_load = functools.cache(registry.load)


def seconds(
    side: str, network: str, weights: Path | None, recipe: DreamRecipe, png: bytes, threads: int
) -> float:
    """Run one dream of the side ``side`` in the present process, and return the seconds."""
    if side not in SEPARATE:
        allocator.keep_freed_memory()
    torch.set_num_threads(threads)
    loaded = _load(network, weights, "cpu")
    started = time.perf_counter()
    SIDES[side](loaded, recipe, png)
    return time.perf_counter() - started


def main(
    network: Annotated[str, typer.Option(help="Its name.")] = "squeezenet1_0",
    layers: Annotated[
        str, typer.Option(help="Layers that are outputs of modules.")
    ] = "features.5,features.8,features.12",
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    size: Annotated[int, typer.Option(help="Longer side of the picture.", min=64)] = 512,
    rounds: Annotated[int, typer.Option(help="Dreams of each side.", min=1)] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Time all sides in turns."""
    loaded = _load(network, weights, "cpu")
    threads = torch.get_num_threads()
    apart = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    photograph = samples.picture("astronaut")
    name, png = image_io.fingerprint(photograph), image_io.encode_png(photograph)
    table = Table("layer", "side", "megapixel-steps a second", "explorer is so many times as fast")
    found: dict[str, dict[str, list[float]]] = {}
    for layer in layers.split(","):
        recipe = render_dreams.plan(loaded, [layer.strip()], name, size=size)
        base = image_io.to_tensor(image_io.resize_longer_side(photograph, size))
        work = (
            recipe.steps
            * sum(rows * cols for rows, cols in render_dreams.octave_sizes(base, recipe))
            / 1e6
        )
        paces: dict[str, list[float]] = {side: [] for side in SIDES}
        for number in range(rounds + 1):
            for side in SIDES:
                task = (side, network, weights, recipe, png, threads)
                took = apart.submit(seconds, *task).result() if side in SEPARATE else seconds(*task)
                if number:  # The first round is a warm-up.
                    paces[side].append(work / took)
        ours = paces["neuron explorer"]
        for side, values in paces.items():
            ratios = [one / other for one, other in zip(ours, values, strict=True)]
            low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
            words = f"{middle:.2f} ({low:.2f} to {high:.2f})"
            table.add_row(recipe.layer, side, f"{statistics.median(values):.2f}", words)
        found[recipe.layer] = paces
    apart.shutdown()
    Console().print(f"{network}, {size} px, {torch.get_num_threads()} threads, medians")
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
