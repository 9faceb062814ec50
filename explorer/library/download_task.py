"""Download a network's published weights: ``python -m explorer.library.download_task NAME``, as an
errand.

torchvision's own loader does it, and checks the hash; how far it is can be told by the size of the
file that it writes beside.
"""

import argparse
import threading
from pathlib import Path

from core.errors import ExplorerError
from explorer.library import background_task

POLL_SECONDS = 0.2
MEGA = 1_000_000


def download_with_progress(name: str) -> None:
    """Download the published weights of a network where they are not here yet.

    Raises:
        ExplorerError: there is no such network, or they cannot be downloaded.
    """
    from core.networks import registry

    if name not in registry.list_networks():
        raise ExplorerError(f"there is no network {name}")
    weights = registry.published_weights(name)
    file = registry.weights_file(weights)
    total = int(float(weights.meta["_file_size"]) * MEGA)
    delete_partial_downloads(file)
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(file, total, over), daemon=True)
    watch.start()
    try:
        registry.download(name, progress=False)
    finally:
        over.set()
        watch.join()
    background_task.report_progress(total, total)


def _watch(file: Path, total: int, over: threading.Event) -> None:
    """Say again and again how much of a file is there."""
    while not over.wait(POLL_SECONDS):
        sizes = [it.stat().st_size for it in file.parent.glob(f"{file.name}.*") if it.is_file()]
        background_task.report_progress(min(max(sizes, default=0), total), total)


def delete_partial_downloads(file: Path) -> None:
    """Take away what downloads that were stopped have left."""
    for partial in file.parent.glob(f"{file.name}.*.partial"):
        partial.unlink(missing_ok=True)


def main() -> None:
    """Download the published weights of a network, until the process that started this ends."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.library.download_task", description=main.__doc__
    )
    parser.add_argument("network", help="its name in the catalogue")
    name = parser.parse_args().network
    background_task.run_task(lambda: download_with_progress(name))


if __name__ == "__main__":
    main()
