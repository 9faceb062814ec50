"""Users' own checkpoints, and the image collections that the server's owner has allowed.

Checkpoints are safetensors files in the folder ``networks`` of the data folder. The network of a
checkpoint is named by its architecture and a title, such as ``resnet18:birds``. Collections are the
folders that ``app --library`` names, and the folders and archives in them. Visitors see the names
of collections, never the paths.
"""

import os
import re
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadCheckpoint, ExplorerError, named, unknown
from core.files import FOLDER, make_folder, require_path
from explorer.jobs import ownership
from explorer.library import background_task, checkpoint_task, disk_quota, index_task
from explorer.paths import checkpoints_folder, home
from explorer.store.results import Store

# The environment variable with the folders that ``app --library`` names. The command sets it.
VARIABLE = "EXPLORER_LIBRARY"
# Separates architecture and title in file names, because some systems do not allow a colon.
SEPARATOR = "--"
TITLE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
# The largest size of an uploaded checkpoint in megabytes, and the largest number of checkpoints.
LARGEST_FILE, OWN_AT_MOST = 128, 24
# Endings of the files that may be uploaded. The format is found in the content.
ENDINGS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors")
# Held while an upload is read, so that several of them do not fill the memory together.
_READING = threading.Lock()
ARCHIVES = (".tar", ".zip")


@dataclass(frozen=True)
class OwnCheckpoint:
    """A user's own checkpoint.

    Attributes:
        name: name of the checkpoint's network: architecture, colon, title; ``resnet18:birds``.
        file: the checkpoint's safetensors file.
    """

    name: str
    file: Path

    @property
    def architecture(self) -> str:
        """The name of the architecture that the weights fit."""
        return self.name.partition(":")[0]


@dataclass(frozen=True)
class ImageCollection:
    """A collection of images that the server's owner has allowed.

    Attributes:
        name: the name that visitors see: ``photos`` for a folder that the owner has allowed, and
            ``photos/cats`` for a folder or archive in that folder.
        path: path of the folder or archive; visitors never see it.
    """

    name: str
    path: Path


def configure(folders: Sequence[Path]) -> None:
    """Set the folders of collections for the server that this process will run.

    Raises:
        ExplorerError: one of the paths is not a folder.
    """
    for folder in folders:
        require_path(folder, FOLDER, hint=" for --library")
    os.environ[VARIABLE] = os.pathsep.join(str(it.resolve()) for it in folders)


def list_collections() -> dict[str, ImageCollection]:
    """Return the collections by name: each allowed folder, and the folders and archives in it.

    Symbolic links to a path outside of the allowed folder are left out.
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
    """Return a collection by its name, after checking the symbolic links in it.

    Raises:
        UnknownName: the owner has allowed no collection of this name.
        ExplorerError: a symbolic link in the collection leads to a path outside of it.
    """
    allowed = list_collections()
    if name not in allowed:
        raise unknown("collection", name, allowed)
    path = allowed[name].path
    for folder, below, files in os.walk(path) if path.is_dir() else ():
        for inner in (*below, *files):
            if not _within(Path(folder) / inner, path):
                raise ExplorerError(
                    f"{name} has a link that leads out of it ({named(inner)}); its owner must "
                    "take it out"
                )
    return allowed[name]


def _within(path: Path, root: Path) -> bool:
    """Whether a path is inside a folder after all links are resolved."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False  # The links form a cycle.


def list_checkpoints() -> dict[str, OwnCheckpoint]:
    """Return the users' own checkpoints by the names of their networks."""
    files = sorted(checkpoints_folder().glob(f"*{SEPARATOR}*.safetensors"))
    names = (file.stem.replace(SEPARATOR, ":", 1) for file in files)
    return {name: OwnCheckpoint(name, file) for name, file in zip(names, files, strict=True)}


def add_checkpoint(
    architecture: str, title: str, file: str, content: bytes, visitor: str | None = None
) -> str:
    """Check that an uploaded checkpoint fits its network, and store it as safetensors.

    The content is read in a process of its own, with limits of memory and time. Uploads are read
    one after the other.

    Args:
        architecture: name of a network of the catalogue.
        title: the title in the network's name, such as ``birds``.
        file: name of the uploaded file, for error messages.
        content: the content of the file: safetensors, or of ``torch.save``.
        visitor: the visitor to whom the checkpoint belongs; None for the machine's user.

    Returns:
        The name of the network, such as ``resnet18:birds``.

    Raises:
        ExplorerError: the title is invalid or taken, or there is no room for it.
        BadCheckpoint: the file is too large, cannot be read, or does not fit the network.
    """
    _check_upload(title, content)
    name = f"{architecture}:{title}"
    folder = checkpoints_folder()
    make_folder(folder)
    out = folder / f"{architecture}{SEPARATOR}{title}.safetensors"
    store = Store()
    if not _READING.acquire(timeout=checkpoint_task.SECONDS):
        raise ExplorerError("others are adding checkpoints at the moment; try again later")
    try:
        _check_place(name)
        disk_quota.make_room(store, len(content), visitor)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            # Error messages contain the names of these files, so they get that of the upload.
            path = Path(file)
            ending = path.suffix.lower() if path.suffix.lower() in ENDINGS else ENDINGS[0]
            stem = re.sub(r"[^\w.-]", "_", path.stem)[:40] or "sent"
            own = f"{stem}{ending}"
            upload, clean = (Path(temporary) / part / own for part in ("sent", "clean"))
            for it in (upload, clean):
                it.parent.mkdir()
            upload.write_bytes(content)
            fingerprint = checkpoint_task.convert(name, upload, clean)
            clean.replace(out)
    finally:
        _READING.release()
    store.remember_checkpoint(name, fingerprint, out)
    store.set_checkpoint_owner(name, visitor or "")
    return name


def removable_checkpoints(store: Store, visitor: str | None = None) -> list[str]:
    """Return the names of the networks whose uploaded checkpoints a visitor may remove."""
    return [
        name
        for name in list_checkpoints()
        if ownership.may_change(visitor, store.checkpoint_owner(name))
    ]


def remove_checkpoint(name: str, visitor: str | None = None) -> None:
    """Delete an uploaded checkpoint; results that were made with it stay.

    Args:
        name: name of the checkpoint's network, such as ``resnet18:birds``.
        visitor: the visitor who removes it; None for the machine's user.

    Raises:
        UnknownName: there is no such checkpoint.
        NotYours: it belongs to somebody else.
    """
    own, store = list_checkpoints(), Store()
    if name not in own:
        raise unknown("checkpoint", name, own)
    ownership.check_owner(visitor, store.checkpoint_owner(name), name)
    own[name].file.unlink(missing_ok=True)
    store.set_checkpoint_owner(name, None)


def _check_place(name: str) -> None:
    """Check that a network's name is free, and that one more checkpoint may be added."""
    known = list_checkpoints()
    if name in known:
        raise ExplorerError(f"there is a {name} already; choose another title")
    if len(known) >= OWN_AT_MOST:
        raise ExplorerError(
            f"this server keeps {OWN_AT_MOST} checkpoints at most; remove one of yours first"
        )


def _check_upload(title: str, content: bytes) -> None:
    if not TITLE.fullmatch(title):
        raise ExplorerError(
            "a title has small letters, digits and hyphens, up to 32, such as birds-2"
        )
    if len(content) > LARGEST_FILE * 2**20:
        raise BadCheckpoint(f"the file has more than {LARGEST_FILE} MB")


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
        ExplorerError: as for ``find_collection``, too many tasks are running, or there is no room.
    """
    path = find_collection(source).path
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
