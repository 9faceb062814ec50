"""The background task that downloads published weights.

It is run as ``python -m explorer.library.download_task NETWORK``. torchvision or timm downloads the
file and checks its hash. The progress is the size of the partial file that they write.
"""

import argparse
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ExplorerError, named
from core.networks import known_networks, known_timm
from explorer.library import background_task

POLL_SECONDS = 0.2
BYTES_PER_MB = 1_000_000


def download_with_progress(name: str) -> None:
    """Download the published weights of a network, unless the file exists, and report the progress.

    Raises:
        ExplorerError: there is no such network, or the download fails.
    """
    if name in known_timm.known_timm():
        _download_timm(name)
        return
    from core.networks import torchvision_models

    if name not in torchvision_models.list_classifiers():
        raise ExplorerError(f"there is no network {named(name)}")
    weights = torchvision_models.published_weights(name)
    file = torchvision_models.weights_file(weights)
    total = int(float(weights.meta["_file_size"]) * BYTES_PER_MB)
    delete_partial_downloads(file)
    with _progress(lambda: file.parent.glob(f"{file.name}.*"), total):
        torchvision_models.download(name, progress=False)


def _download_timm(name: str) -> None:
    from core.networks import timm_models

    network = known_timm.known_timm()[name]
    total = round(known_networks.known_networks()[name].megabytes * BYTES_PER_MB)
    with _progress(lambda: network.folder.glob("blobs/*.incomplete"), total):
        timm_models.load_published(name)


@contextmanager
def _progress(partial_files: Callable[[], Iterator[Path]], total: int) -> Iterator[None]:
    """Report the size of a partial file every ``POLL_SECONDS`` while a download runs.

    Args:
        partial_files: returns the file that the download writes, or none yet.
        total: size of the complete file in bytes.
    """
    finished = threading.Event()

    def report() -> None:
        while not finished.wait(POLL_SECONDS):
            sizes = [it.stat().st_size for it in partial_files() if it.is_file()]
            background_task.report_progress(min(max(sizes, default=0), total), total)

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        finished.set()
        reporter.join()
    background_task.report_progress(total, total)


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
