"""Networks and collections that this server has, beside SketchNet and its drawings.

Weights of one's own lie in the folder ``networks`` of the data folder, always as safetensors, and
their network is called ``resnet18:birds``: the architecture and a title. Collections are those in
the folders that the server's owner named with ``app --library``; a visitor knows them by name only.
"""

import os
import re
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadCheckpoint, ExplorerError, unknown
from explorer.library.background_task import BackgroundTask
from explorer.paths import home
from explorer.store.results import Store

VARIABLE = "EXPLORER_LIBRARY"
NETWORKS = "networks"
BETWEEN = "--"  # in a file's name, where a colon is not allowed everywhere
TITLE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
# A checkpoint that a browser sends, in megabytes, and how many a server keeps.
LARGEST_FILE, OWN_AT_MOST = 128, 24
ARCHIVES = (".tar", ".zip")
_ERRANDS: dict[str, BackgroundTask] = {}
_STARTING = threading.Lock()


@dataclass(frozen=True)
class OwnCheckpoint:
    """Weights of one's own.

    Attributes:
        name: of the network: architecture, colon, title.
        file: its safetensors.
    """

    name: str
    file: Path

    @property
    def architecture(self) -> str:
        """The network that they fit."""
        return self.name.partition(":")[0]


@dataclass(frozen=True)
class ImageCollection:
    """Pictures that the server's owner has allowed.

    Attributes:
        name: what visitors call it: the folder, or the folder and what is in it.
        path: where it lies; never shown.
    """

    name: str
    path: Path


def configure(folders: Sequence[Path]) -> None:
    """Name the folders of collections for the server that this process is about to run.

    Raises:
        ExplorerError: one of them is no folder.
    """
    for folder in folders:
        if not folder.is_dir():
            raise ExplorerError(f"there is no folder {folder} for --library")
    os.environ[VARIABLE] = os.pathsep.join(str(it.resolve()) for it in folders)


def list_collections() -> dict[str, ImageCollection]:
    """List the collections by name: each folder as a whole, and the folders and archives in it.

    What leads out of the owner's folder by a link is left out.
    """
    found: dict[str, ImageCollection] = {}
    for text in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        root = Path(text)
        if not root.is_dir():
            continue
        found.setdefault(root.name, ImageCollection(root.name, root))
        for inner in sorted(root.iterdir()):
            name = f"{root.name}/{inner.name}"
            fits = inner.is_dir() or inner.suffix.lower() in ARCHIVES
            if fits and not inner.name.startswith(".") and _within(inner, root):
                found.setdefault(name, ImageCollection(name, inner))
    return found


def find_collection(name: str) -> ImageCollection:
    """Find a collection by its name, and make sure that nothing in it leads elsewhere.

    Raises:
        UnknownName: the owner has allowed none of this name.
        ExplorerError: a link in it leads out of it.
    """
    found = list_collections()
    if name not in found:
        raise unknown("collection", name, found)
    path = found[name].path
    for folder, below, files in os.walk(path) if path.is_dir() else ():
        for inner in (*below, *files):
            if not _within(Path(folder) / inner, path):
                raise ExplorerError(
                    f"{name} has a link that leads out of it ({inner}); its owner must take it out"
                )
    return found[name]


def _within(path: Path, root: Path) -> bool:
    """Tell whether a path, with all links followed, lies in a folder."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False  # A circle of links.


def list_checkpoints() -> dict[str, OwnCheckpoint]:
    """List the weights of one's own, by the names of their networks."""
    files = sorted((home() / NETWORKS).glob(f"*{BETWEEN}*.safetensors"))
    names = (file.stem.replace(BETWEEN, ":", 1) for file in files)
    return {name: OwnCheckpoint(name, file) for name, file in zip(names, files, strict=True)}


def add_checkpoint(architecture: str, title: str, file: str, content: bytes) -> str:
    """Keep a checkpoint that somebody sent, once it is known to fit its network.

    Args:
        architecture: a network of the catalogue.
        title: what it shall be called.
        file: the name of what was sent; only its ending matters.
        content: ``.safetensors`` or ``.pth``; the latter is read with ``weights_only=True``.

    Returns:
        The name of the network.

    Raises:
        ExplorerError: a title is bad or taken, or there are too many.
        BadCheckpoint: it is too large, cannot be read, or does not fit.
    """
    from core import checkpoints
    from core.networks import registry

    _check(title, content)
    name = f"{architecture}:{title}"
    if name in list_checkpoints():
        raise ExplorerError(f"there is a {name} already; choose another title")
    if len(list_checkpoints()) >= OWN_AT_MOST:
        raise ExplorerError(f"this server keeps {OWN_AT_MOST} checkpoints at most")
    ending = ".safetensors" if file.lower().endswith(".safetensors") else ".pth"
    folder = home() / NETWORKS
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as room:
        # Messages name the file as its sender knows it.
        stem = re.sub(r"[^\w.-]", "_", Path(file).stem)[:40]
        sent = Path(room) / f"{stem or 'sent'}{ending}"
        sent.write_bytes(content)
        state, classes = checkpoints.read_checkpoint(sent)
        kept = Path(room) / " kept.safetensors"
        checkpoints.write_safetensors(kept, state, classes)
        network = registry.load(name, kept, "cpu")
        out = folder / f"{architecture}{BETWEEN}{title}.safetensors"
        kept.replace(out)
    Store().remember_checkpoint(name, network.fingerprint, out)
    return name


def _check(title: str, content: bytes) -> None:
    if not TITLE.fullmatch(title):
        raise ExplorerError(
            "a title has small letters, digits and hyphens, up to 32, such as birds-2"
        )
    if len(content) > LARGEST_FILE * 2**20:
        raise BadCheckpoint(f"the file has more than {LARGEST_FILE} MB")


def running_task(key: str) -> BackgroundTask | None:
    """Give the errand of a name, if there was one."""
    return _ERRANDS.get(key)


def start_download(network: str) -> None:
    """Have published weights downloaded, unless that goes on already."""
    _start(f"fetch {network}", "explorer.library.download_task", [network])


def start_index(network: str, weights: str, source: str, file: Path | None) -> None:
    """Have an index made over an allowed collection, or gone on with.

    Args:
        network: the network's name.
        weights: its fingerprint.
        source: the collection's name.
        file: of weights of one's own.

    Raises:
        ExplorerError: as ``collection``.
    """
    path = find_collection(source).path
    out = index_file(network, weights, source)
    out.parent.mkdir(parents=True, exist_ok=True)
    options = [] if file is None else ["--weights", str(file)]
    arguments = ["--network", network, *options, "--images", str(path), str(out)]
    _start(f"index {out.name}", "explorer.library.index_task", arguments)


def index_file(network: str, weights: str, source: str) -> Path:
    """Tell where the index of a network over a collection lies, or will."""
    from explorer.library import index_task

    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{network} {source} {weights[:6]}")
    return home() / index_task.FOLDER / f"{name}{index_task.ENDING}"


def _start(key: str, module: str, arguments: Sequence[str]) -> None:
    with _STARTING:
        before = _ERRANDS.get(key)
        if before is None or not before.open:
            _ERRANDS[key] = BackgroundTask(module, arguments)
