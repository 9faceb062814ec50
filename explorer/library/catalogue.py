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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import BadCheckpoint, ExplorerError, named, unknown
from core.files import FOLDER, is_there, make_folder, require_path, unusable
from core.networks import known_networks
from core.networks.known_networks import NetworkInfo
from explorer.jobs import ownership
from explorer.library import checkpoint_task, disk_quota
from explorer.paths import checkpoints_folder
from explorer.store.results import Store

# The environment variable with the folders that ``app --library`` names. The command sets it.
VARIABLE = "EXPLORER_LIBRARY"
# The source of the networks of checkpoints.
OWN = "added here"
# Separates architecture and title in file names, because some systems do not allow a colon.
SEPARATOR = "--"
TITLE_CHARACTERS = 32
TITLE = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{TITLE_CHARACTERS - 1}}}")
# The largest size of an uploaded checkpoint in megabytes, and the largest number of checkpoints.
LARGEST_FILE, OWN_AT_MOST = 1024, 24
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
        try:
            inside = sorted(root.iterdir())
        except OSError:
            # It is no folder (any more), or may not be read.
            continue
        found.setdefault(root.name, ImageCollection(root.name, root))
        for inner in inside:
            name = f"{root.name}/{inner.name}"
            fits = is_there(inner, FOLDER) or inner.suffix.lower() in ARCHIVES
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
    for folder, below, files in os.walk(path) if is_there(path, FOLDER) else ():
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


def describe_checkpoints() -> tuple[NetworkInfo, ...]:
    """Return a description of the network of each checkpoint of the library."""
    own = list_checkpoints()
    known = {it.name: it for it in known_networks.describe_networks()} if own else {}
    return tuple(
        replace(known[it.architecture], name=name, source=OWN, ready=True, download_mb=0.0)
        for name, it in own.items()
        if it.architecture in known
    )


def weights_file(name: str) -> Path | None:
    """Return the file of a checkpoint of the library by the name of its network.

    Args:
        name: name of a network, such as ``resnet18:birds``.

    Returns:
        The file; None if the library has no checkpoints.

    Raises:
        UnknownName: the library has others, and none of this name.
    """
    own = list_checkpoints()
    if own and name not in own:
        raise unknown("checkpoint", name, own, "the library")
    return own[name].file if own else None


def add_checkpoint(
    architecture: str,
    title: str,
    file: str,
    content: bytes,
    visitor: str | None = None,
    classes: Sequence[str] = (),
    report: Callable[[float], object] = lambda _: None,
) -> str:
    """Check that an uploaded checkpoint fits its network, and store it as safetensors.

    The content is read in a process of its own, with limits of memory and time. Uploads are read
    one after the other.

    Args:
        architecture: name of a network of the catalogue; "" for the one that the content fits.
        title: the title in the network's name, such as ``birds``.
        file: name of the uploaded file, for error messages.
        content: the content of the file: safetensors, or of ``torch.save``.
        visitor: the visitor to whom the checkpoint belongs; None for the machine's user.
        classes: the names of the classes; by default those in the file.
        report: called with the share of the work that is done, from 0 to 1.

    Returns:
        The name of the network, such as ``resnet18:birds``.

    Raises:
        ExplorerError: the title is invalid or taken, or there is no room for it.
        FitsAnother: the content fits another network.
        BadCheckpoint: the file is too large, cannot be read, or does not fit the network.
    """
    _check_upload(title, content)
    folder = checkpoints_folder()
    make_folder(folder)
    store = Store()
    if not _READING.acquire(timeout=checkpoint_task.SECONDS):
        raise ExplorerError("others are adding checkpoints at the moment; try again later")
    try:
        _check_place(architecture and f"{architecture}:{title}")
        disk_quota.make_room(store, len(content), visitor)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            upload, clean = (Path(temporary) / it / _plain_file(file) for it in ("sent", "clean"))
            for it in (upload, clean):
                it.parent.mkdir()
            upload.write_bytes(content)
            made = checkpoint_task.convert(architecture, upload, clean, classes, report)
            upload.unlink()
            name = f"{made.network}:{title}"
            _check_place(name)
            # As float32, it may be larger than what was sent.
            disk_quota.make_room(store, clean.stat().st_size, visitor)
            out = folder / f"{made.network}{SEPARATOR}{title}.safetensors"
            clean.replace(out)
    except OSError as error:
        raise unusable(folder, error, "written") from error
    finally:
        _READING.release()
    store.remember_checkpoint(name, made.fingerprint, out)
    store.set_checkpoint_owner(name, visitor or "")
    return name


def _plain_file(file: str) -> str:
    """Return the name of an upload as a plain file name, because error messages contain it."""
    path = Path(file)
    ending = path.suffix.lower() if path.suffix.lower() in ENDINGS else ENDINGS[0]
    stem = re.sub(r"[^\w.-]", "_", path.stem)[:40] or "sent"
    return f"{stem}{ending}"


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
    """Check that a network's name is free, and that one more checkpoint may be added.

    Args:
        name: the name; "" if it is not known yet.
    """
    known = list_checkpoints()
    if name in known:
        raise ExplorerError(f"there is a {name} already; choose another title")
    if len(known) >= OWN_AT_MOST:
        raise ExplorerError(
            f"this server keeps {OWN_AT_MOST} checkpoints at most; remove one of yours first"
        )


def title_of_file(file_name: str) -> str:
    """Return a title made of the name of a file: ``my-birds`` for ``My birds.pth``.

    It is empty if the name has neither letters nor digits.
    """
    words = re.sub("[^a-z0-9]+", "-", Path(file_name).stem.lower())
    return words.strip("-")[:TITLE_CHARACTERS].strip("-")


def _check_upload(title: str, content: bytes) -> None:
    if not TITLE.fullmatch(title):
        raise ExplorerError(
            "a title has small letters, digits and hyphens, up to 32, such as birds-2"
        )
    if len(content) > LARGEST_FILE * 2**20:
        raise BadCheckpoint(
            f"the file has more than {LARGEST_FILE:,} MB; send model.state_dict() alone, or name "
            "the file on the command line with --weights"
        )
