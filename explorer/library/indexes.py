"""The indexes of dataset examples that pages use.

A page uses the complete indexes that were built with the weights of the network that it shows. They
are searched among the files that ``app --index`` names and the files ``*.index`` in the folder
``indexes`` of the data folder. The URL of a page contains the name of one of the indexes.
"""

import functools
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from core.datasets.image_source import printable
from core.datasets.sources import SKETCHWORLD
from core.errors import ExplorerError
from core.index import reader
from core.index.reader import Index
from core.networks.known_networks import SKETCHNET
from core.networks.network import Network
from explorer.jobs import supervisor
from explorer.library import background_task, index_task
from explorer.library.background_task import BackgroundTask
from explorer.paths import home

# The environment variable with the index files that ``app --index`` names. The command sets it.
VARIABLE = "EXPLORER_INDEXES"
LOG = logging.getLogger(__name__)
OPEN_AT_MOST = 64


def configure(files: Sequence[Path]) -> None:
    """Set the index files for the server that this process will run.

    Raises:
        ExplorerError: one of the files cannot be opened.
    """
    for file in files:
        reader.open_index(file)
    os.environ[VARIABLE] = os.pathsep.join(str(file.resolve()) for file in files)


def finished_indexes(network: Network) -> dict[str, Index]:
    """Open the complete indexes for a network's weights, by name.

    Those that ``app --index`` names come first.
    """
    found: dict[str, Index] = {}
    for file, follow_links in _files().items():
        index = _open(file, follow_links)
        if index is not None and index.complete and not index.misfit(network):
            found.setdefault(file.name.removesuffix(index_task.ENDING), index)
    return found


def unreadable_files() -> list[str]:
    """Return the names of the index files that cannot be opened; the log says why."""
    return [file.name for file, links in _files().items() if _open(file, links) is None]


def _files() -> dict[Path, bool]:
    """Return the index files, and whether their images may be links out of the collection.

    They may if the owner has named the file. The files in the data folder are of collections that
    visitors choose, in which such links are not allowed (``catalogue.find_collection``).
    """
    named = [Path(it) for it in os.environ.get(VARIABLE, "").split(os.pathsep) if it]
    try:
        in_folder = sorted((home() / index_task.FOLDER).glob(f"*{index_task.ENDING}"))
    except OSError:
        LOG.exception("the indexes in the data folder cannot be listed")
        in_folder = []
    return {file: file in named for file in [*named, *in_folder]}


def _open(file: Path, follow_links: bool) -> Index | None:
    """Open an index, or return a cached one if its file is unchanged; None if that fails."""
    try:
        state = file.stat()
    except OSError:
        return None
    return _open_cached(file, state.st_mtime_ns, state.st_size, follow_links)


@functools.lru_cache(maxsize=OPEN_AT_MOST)
def _open_cached(file: Path, changed: int, size: int, follow_links: bool) -> Index | None:
    """Open an index; None if that fails, so that a damaged file is read and logged only once."""
    try:
        return reader.open_index(file, follow_links)
    except ExplorerError as error:
        # Visitors cannot repair the file, so the reason goes to the log and not to a page.
        LOG.warning("%s", error)
        return None


def describe_index(index: Index) -> str:
    """Describe the collection of an index, such as ``5,000 drawings of SketchWorld``."""
    kind, _, rest = index.plan.collection.partition(" ")
    if kind == SKETCHWORLD:
        return f"{index.count:,} drawings of SketchWorld"
    return f"{index.count:,} pictures in {printable(Path(rest).name if rest else kind)}"


def image_noun(index: Index, count: int = 2) -> str:
    """Return the noun for ``count`` images of an index, such as ``drawings`` or ``picture``."""
    one = "drawing" if index.plan.collection.startswith(SKETCHWORLD) else "picture"
    return one if count == 1 else f"{one}s"


def build_task(network: Network) -> BackgroundTask | None:
    """Return the last task for the index that the app builds for SketchNet; it may have ended.

    None if this process has started no such task.
    """
    return background_task.latest_task(str(index_task.index_file_of(network.fingerprint)))


def can_build(network: Network) -> bool:
    """Whether the server can build an index for a network without a collection of the owner.

    It can for SketchNet, which has SketchWorld drawings, if ``EXPLORER_WORKERS`` is not 0.
    """
    return network.name == SKETCHNET and supervisor.worker_count() > 0


def start_build(network: Network) -> None:
    """Start a task that builds SketchNet's index of SketchWorld drawings, unless it is running."""
    file = index_task.index_file_of(network.fingerprint)
    background_task.start_task(str(file), index_task.MODULE, index_task.task_arguments(file))
