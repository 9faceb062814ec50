"""Starts the background tasks of the Library page: downloads of weights, and indexes."""

import re
from pathlib import Path

from explorer.library import background_task, catalogue, disk_quota, index_task
from explorer.paths import home
from explorer.store.results import Store


def start_download(network: str, visitor: str | None = None) -> None:
    """Start a task that downloads a network's published weights, unless it is running already.

    Args:
        network: name of the network.
        visitor: the visitor who starts the task; None for the machine's user.

    Raises:
        ExplorerError: too many tasks are running.
    """
    module = "explorer.library.download_task"
    background_task.start_task(f"fetch {network}", module, [network], visitor)


def start_index(
    network: str, weights: str, source: str, file: Path | None, visitor: str | None = None
) -> None:
    """Start a task that builds an index of an allowed collection, unless it is running already.

    Args:
        network: name of the network.
        weights: fingerprint of its weights.
        source: name of the collection.
        file: file of a user's own checkpoint; None for published weights.
        visitor: the visitor who starts the task; None for the machine's user.

    Raises:
        ExplorerError: as for ``catalogue.find_collection``, too many tasks are running, or there is
            no room.
    """
    path = catalogue.find_collection(source).path
    disk_quota.make_room(Store(), 0, visitor)
    out = index_file(network, weights, source)
    arguments = index_task.task_arguments(out, network, file, str(path))
    background_task.start_task(f"index {out.name}", index_task.MODULE, arguments, visitor)


def index_file(network: str, weights: str, source: str) -> Path:
    """Return the path of the index file for a network and a collection.

    Args:
        network: name of the network.
        weights: fingerprint of the network's weights.
        source: name of the collection.
    """
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{network} {source} {weights[:6]}")
    return home() / index_task.FOLDER / f"{name}{index_task.ENDING}"
