"""The background task that builds an index of dataset examples.

It is run as ``python -m explorer.library.index_task FILE``. By default, it builds an index of
SketchWorld drawings for SketchNet. The unfinished index is saved from time to time, and a later
task continues with the saved file. If several processes are started for the same file, one builds
the index and the others wait.
"""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from core.errors import ExplorerError
from core.files import make_folder
from explorer import cores, own_code
from explorer.library import background_task
from explorer.paths import home

if TYPE_CHECKING:
    from core.index.reader import Index

FOLDER, ENDING = "indexes", ".index"
MODULE = "explorer.library.index_task"
DRAWINGS = "sketchworld:5000"
# Number of top dataset examples that are kept per unit. Pages show nine of them; the labels of
# units are computed from all of them.
KEPT = 36
SAVE_SECONDS = 3.0


def index_file_of(weights: str) -> Path:
    """Return the path of the index that the app builds for SketchNet.

    Args:
        weights: fingerprint of SketchNet's weights.
    """
    return home() / FOLDER / f"sketchnet-{weights}{ENDING}"


def task_arguments(
    out: Path, network: str = "", weights: Path | None = None, images: str = ""
) -> list[str]:
    """Return the command-line arguments of a task that builds an index.

    Args:
        out: the index file.
        network: name of the network; by default SketchNet.
        weights: file of a user's own checkpoint; None for published weights.
        images: the collection, as ``core.datasets.sources.find_source`` reads it; by default
            SketchNet's drawings.
    """
    options = {"--network": network, "--weights": str(weights or "")}
    given = [part for name, value in options.items() if value for part in (name, value)]
    return [*given, "--images", images or DRAWINGS, str(out), *own_code.arguments()]


def open_or_discard(file: Path) -> "Index | None":
    """Open an index that the app has made itself, complete or not; delete a damaged file.

    Returns:
        The index; None if there is no file, or none any more.

    Raises:
        ExplorerError: something that is no file is in its place.
    """
    from core.index import reader

    if not file.exists():
        return None
    try:
        return reader.open_index(file)
    except ExplorerError as error:
        try:
            file.unlink()
        except OSError as reason:
            raise ExplorerError(f"{error}; it cannot be deleted: {reason.strerror}") from reason
        return None


def build_with_progress(
    out: Path, images: str, network: str = "", weights: Path | None = None
) -> None:
    """Build an index, and report the progress.

    If there is a saved file, continue with it. If the saved index is complete, do nothing.

    Args:
        out, network, weights, images: as for ``task_arguments``.

    Raises:
        ExplorerError: the index cannot be built.
    """
    from core.datasets import sources
    from core.index import build
    from core.networks import registry

    make_folder(out.parent)
    with _lock(out):
        before = open_or_discard(out)
        if before is not None and before.complete:
            return
        loaded = registry.load(network or registry.SKETCHNET, weights)
        source = sources.find_source(images)
        plan = build.plan_index(loaded, source, k=KEPT, by=build.STATISTICS)
        partial = build.open_accumulator(plan, source, out, resume=True)
        with cores.joined(cores.BACKGROUND) as share:
            steps = build.build_index(
                loaded, source, partial, out, save_seconds=SAVE_SECONDS, busy=share.count
            )
            for step in steps:
                background_task.report_progress(step.done, step.total)


@contextlib.contextmanager
def _lock(out: Path) -> Iterator[None]:
    """Hold the lock of an index file within the ``with`` statement; leave no lock file behind."""
    file = out.with_suffix(".lock")
    with filelock.FileLock(file):
        yield
        # Processes that wait for the lock find the index complete.
        file.unlink(missing_ok=True)


def main() -> None:
    """Make an index, until the process that started this one ends."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=main.__doc__)
    parser.add_argument("--network", default="", help="SketchNet by default")
    parser.add_argument("--weights", type=Path, help="a checkpoint of one's own")
    parser.add_argument("--images", default=DRAWINGS, help="the collection (%(default)s)")
    parser.add_argument("out", type=Path, help="the index to make")
    own_code.add_argument(parser)
    args = parser.parse_args()
    own_code.expect(args.module)
    background_task.run_task(
        lambda: build_with_progress(args.out, args.images, args.network, args.weights)
    )


if __name__ == "__main__":
    main()
