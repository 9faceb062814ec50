"""Benchmark of a large dream's memory: ``python -m benchmarks.large_dream --size 4096``.

It renders one dream and encodes it as PNG. It prints by how much the peak memory exceeds the memory
of the process before the dream, after the network was loaded. It also prints the longest time
between two progress reports, because a dream can be stopped only at a report.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from core import allocator
from core.datasets import samples
from core.dreams import render_dreams
from core.images import image_io
from core.networks import registry

PAGE_KIB = resource.getpagesize() / 1024  # size of a memory page in KiB


def main(
    network: Annotated[str, typer.Option(help="Its name.")] = "sketchnet",
    layer: Annotated[str, typer.Option(help="The layer that dreams.")] = "relu3b",
    weights: Annotated[Path | None, typer.Option(help="A checkpoint.")] = None,
    size: Annotated[int, typer.Option(help="Height and width of the dream.")] = 4096,
    steps: Annotated[int, typer.Option(help="Steps at each of four sizes.")] = 2,
) -> None:
    """Dream once, and print time, memory and the longest pause."""
    if sys.platform != "linux":
        raise SystemExit("error: memory is read as Linux tells it")
    allocator.keep_freed_memory()
    loaded = registry.load(network, weights, "cpu")
    photograph = samples.picture("astronaut")
    name, png = image_io.fingerprint(photograph), image_io.encode_png(photograph)
    recipe = render_dreams.plan(loaded, [layer], name, size=size, steps=steps)
    before = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB
    started = last = time.perf_counter()
    longest = 0.0
    for progress in render_dreams.render(loaded, recipe, {name: png}):
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
        for picture in progress.pictures:
            image_io.encode_png(image_io.to_picture(picture.image))
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"size": size, "steps": steps, "tile": recipe.tile, "seconds": seconds}
    print(json.dumps({**found, "peak_mib": (peak - before) / 1024, "longest_pause": longest}))


if __name__ == "__main__":
    typer.run(main)
