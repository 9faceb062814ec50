"""Listing of the files in a folder and all its subfolders, also through links, without loops."""

import os
from collections.abc import Iterator
from pathlib import Path


def list_files(root: Path) -> Iterator[str]:
    """Yield the paths of all files, relative to a folder and with ``/`` between the parts.

    The files of a folder come first, sorted by name, then its subfolders. Hidden files and folders
    are left out. A link to a folder is followed, but no folder is listed twice: a folder inside
    ``root`` is listed under its own path, and a folder outside under the first link to it.

    What is no regular file, such as a named pipe, and folders that cannot be read are yielded as
    files, so that whoever opens them learns the reason.

    Args:
        root: the folder, without links in its path.

    Raises:
        OSError: ``root`` itself cannot be read.
    """
    listed: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        folder = root / relative
        try:
            known = folder.stat()
            if (known.st_dev, known.st_ino) in listed:
                continue
            with os.scandir(folder) as scanned:
                inner = sorted(scanned, key=lambda it: it.name)
        except OSError:
            if not relative:
                raise
            yield relative
            continue
        listed.add((known.st_dev, known.st_ino))
        subfolders = []
        for entry in inner:
            name = f"{relative}/{entry.name}".lstrip("/")
            if entry.name.startswith("."):
                continue
            if not _is_folder(entry):
                yield name
            elif not entry.is_symlink() or not _is_listed_itself(Path(entry.path), root):
                subfolders.append(name)
        waiting += reversed(subfolders)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether a name in a folder is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False  # The link leads to itself.


def _is_listed_itself(link: Path, root: Path) -> bool:
    """Whether a link leads to a folder inside ``root`` that is listed under its own path."""
    target = link.resolve()
    if not target.is_relative_to(root):
        return False
    return not any(part.startswith(".") for part in target.relative_to(root).parts)
