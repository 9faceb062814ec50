"""The command that makes the index of lesson 2 for SketchNet, which ships with the project.

It is run as ``python -m explorer.prebuilt.lesson_index``. Run it again when the weights, the
drawings or the file format of indexes change.
"""

from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from core.datasets import sources
from core.files import replacing
from core.index import build
from core.networks import registry
from explorer.ui.lessons import top_examples


def write_index(path: Path) -> None:
    """Build the index of the lesson's drawings into a new file, which replaces an existing one."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    source = sources.find_source(top_examples.DRAWINGS)
    # The lesson shows no percentiles, so the large table of a random sample has one drawing.
    plan = replace(build.plan_index(network, source), sample=1)
    with replacing(path) as partial, Progress(console=Console(stderr=True)) as shown:
        task = shown.add_task("looking at drawings", total=None)
        accumulator = build.open_accumulator(plan, source, partial)
        for step in build.build_index(network, source, accumulator, partial):
            shown.update(task, completed=step.done, total=step.total)


def main() -> None:
    """Build the index of lesson 2 for SketchNet, and replace the file that ships."""
    write_index(top_examples.SHIPPED)


if __name__ == "__main__":
    typer.run(main)
