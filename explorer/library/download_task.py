"""The background task that downloads published weights.

It is run as ``python -m explorer.library.download_task NETWORK``. torchvision downloads the file
and checks its hash. The progress is the size of the partial file that torchvision writes.
"""

import argparse
import threading
from pathlib import Path

from core.errors import ExplorerError, named
from explorer.library import background_task

POLL_SECONDS = 0.2
BYTES_PER_MB = 1_000_000


def download_with_progress(name: str) -> None:
    """Download the published weights of a network, unless the file exists, and report the progress.

    Raises:
        ExplorerError: there is no such network, or the download fails.
    """
    from core.networks import registry

    if name not in registry.list_networks():
        raise ExplorerError(f"there is no network {named(name)}")
    weights = registry.published_weights(name)
    file = registry.weights_file(weights)
    total = int(float(weights.meta["_file_size"]) * BYTES_PER_MB)
    delete_partial_downloads(file)
    finished = threading.Event()
    arguments = (file, total, finished)
    reporter = threading.Thread(target=_report_size, args=arguments, daemon=True)
    reporter.start()
    try:
        registry.download(name, progress=False)
    finally:
        finished.set()
        reporter.join()
    background_task.report_progress(total, total)


def _report_size(file: Path, total: int, finished: threading.Event) -> None:
    """Report the size of the partial file every ``POLL_SECONDS`` until the download is finished."""
    while not finished.wait(POLL_SECONDS):
        sizes = [it.stat().st_size for it in file.parent.glob(f"{file.name}.*") if it.is_file()]
        background_task.report_progress(min(max(sizes, default=0), total), total)


def delete_partial_downloads(file: Path) -> None:
    """Delete the partial files that stopped downloads of ``file`` have left."""
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
