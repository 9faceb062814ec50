"""Indexes that the app makes: SketchNet's own, on first use, and those over allowed collections.

``python -m explorer.library.index_task FILE`` makes one in a process of its own (see
``explorer.library.background_task``), by default SketchNet's over drawings of SketchWorld. What it
has found when it ends is in the file, and the next one goes on from there. Of several that want
the same file, one makes it and others wait.
"""

import argparse
from pathlib import Path

import filelock

from core.errors import ExplorerError
from explorer.library import background_task
from explorer.library.background_task import BackgroundTask
from explorer.paths import home

FOLDER, ENDING = "indexes", ".index"
DRAWINGS = "sketchworld:5000"
# Enough for what the labels among a neuron's best pictures say; the first nine are shown.
KEPT = 36
SAVE_SECONDS = 3.0


def index_file_of(weights: str) -> Path:
    """Tell where the index for SketchNet with some weights lies, or will."""
    return home() / FOLDER / f"sketchnet-{weights}{ENDING}"


class IndexTask(BackgroundTask):
    """A process that makes an index, and how many pictures it has looked at."""

    def __init__(
        self, out: Path, network: str = "", weights: Path | None = None, images: str = ""
    ) -> None:
        """Start it.

        Args:
            out: the index.
            network: its network; SketchNet by default.
            weights: a checkpoint of one's own.
            images: the collection, as ``core.datasets.sources.find_source`` reads it; SketchNet's
            drawings by
                default.
        """
        out.parent.mkdir(parents=True, exist_ok=True)
        options = {"--network": network, "--weights": str(weights or "")}
        given = [part for name, it in options.items() if it for part in (name, it)]
        super().__init__(
            "explorer.library.index_task", [*given, "--images", images or DRAWINGS, str(out)]
        )


def build_with_progress(
    out: Path, images: str, network: str = "", weights: Path | None = None
) -> None:
    """Make the index, or go on with it, unless it is there.

    Raises:
        ExplorerError: it cannot be made.
    """
    from core.datasets import sources
    from core.index import build, reader
    from core.networks import registry

    with filelock.FileLock(out.with_suffix(".lock")):
        if out.exists():
            try:
                if reader.open_index(out).complete:
                    return
            except ExplorerError:
                out.unlink()  # Damaged, so nothing can go on from it.
        loaded = registry.load(network or registry.SKETCHNET, weights)
        source = sources.find_source(images)
        plan = build.plan_index(loaded, source, k=KEPT, by=build.STATISTICS)
        tally = build.open_accumulator(plan, source, out, resume=True)
        for step in build.build_index(loaded, source, tally, out, save_seconds=SAVE_SECONDS):
            background_task.report_progress(step.done, step.total)


def main() -> None:
    """Make an index, until the process that started this one ends."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.library.index_task", description=main.__doc__
    )
    parser.add_argument("--network", default="", help="SketchNet by default")
    parser.add_argument("--weights", type=Path, help="a checkpoint of one's own")
    parser.add_argument("--images", default=DRAWINGS, help="the collection (%(default)s)")
    parser.add_argument("out", type=Path, help="the index to make")
    given = parser.parse_args()
    background_task.run_task(
        lambda: build_with_progress(given.out, given.images, given.network, given.weights)
    )


if __name__ == "__main__":
    main()
