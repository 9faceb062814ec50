"""The indexes that pages look things up in: SketchNet's own, and those of the server's owner.

Pages use every finished index of their network's weights among the ``*.index`` files in the folder
``indexes`` of the data folder and the files that ``app --index`` names. A link chooses by name.
"""

import functools
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from core.datasets.sources import SKETCHWORLD
from core.errors import ExplorerError
from core.index import reader
from core.index.reader import Index
from core.networks.network import Network
from core.networks.registry import SKETCHNET
from explorer.jobs import supervisor
from explorer.library import index_task
from explorer.library.index_task import IndexTask
from explorer.paths import home

# The command that starts the server leaves here which files were named.
VARIABLE = "EXPLORER_INDEXES"
LOG = logging.getLogger(__name__)
OPEN_AT_MOST = 64
_MAKING: dict[Path, IndexTask] = {}
_STARTING = threading.Lock()


def configure(files: Sequence[Path]) -> None:
    """Name index files for the server that this process is about to run.

    Raises:
        ExplorerError: one of them cannot be opened.
    """
    for file in files:
        reader.open_index(file)
    os.environ[VARIABLE] = os.pathsep.join(str(file.resolve()) for file in files)


def finished_indexes(network: Network) -> dict[str, Index]:
    """Open the finished indexes of a network by their names, those named by the owner first."""
    named = [Path(it) for it in os.environ.get(VARIABLE, "").split(os.pathsep) if it]
    folder = home() / index_task.FOLDER
    found: dict[str, Index] = {}
    for file in [*named, *sorted(folder.glob(f"*{index_task.ENDING}"))]:
        index = _open(file)
        if index is not None and index.complete and index.plan.weights == network.fingerprint:
            found.setdefault(file.name.removesuffix(index_task.ENDING), index)
    return found


def _open(file: Path) -> Index | None:
    """Open a file, once for as long as it stays the same; None if that is impossible."""
    try:
        state = file.stat()
        return _opened(file, state.st_mtime_ns, state.st_size)
    except (OSError, ExplorerError) as error:
        # Only the owner can do something about it.
        LOG.warning("%s cannot be used: %s", file, error)
        return None


@functools.lru_cache(maxsize=OPEN_AT_MOST)
def _opened(file: Path, changed: int, size: int) -> Index:
    return reader.open_index(file)


def describe_index(index: Index) -> str:
    """Say of what collection an index is: ``5,000 drawings of SketchWorld``."""
    kind, _, rest = index.plan.collection.partition(" ")
    if kind == SKETCHWORLD:
        return f"{index.count:,} drawings of SketchWorld"
    return f"{index.count:,} pictures in {Path(rest).name if rest else kind}"


def image_noun(index: Index, count: int = 2) -> str:
    """Name the pictures of a collection: ``drawings`` or ``pictures``."""
    one = "drawing" if index.plan.collection.startswith(SKETCHWORLD) else "picture"
    return one if count == 1 else f"{one}s"


def running_task(network: Network) -> IndexTask | None:
    """Give what makes SketchNet's own index; None if nothing does."""
    return _MAKING.get(index_task.index_file_of(network.fingerprint))


def can_build(network: Network) -> bool:
    """Tell whether the server makes an index of a network by itself."""
    return network.name == SKETCHNET and supervisor.worker_count() > 0


def start_build(network: Network) -> None:
    """Have SketchNet's own index made, or gone on with, unless that goes on already."""
    file = index_task.index_file_of(network.fingerprint)
    with _STARTING:
        before = _MAKING.get(file)
        if before is None or not before.open:
            _MAKING[file] = IndexTask(file)
