"""Functions that commands share: printing, parsing names, reading and writing files."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table

from core.errors import ExplorerError

if TYPE_CHECKING:
    from PIL.Image import Image


def split_names(text: str | None) -> tuple[str, ...]:
    """Return the names in a text: ``relu1b, relu3b`` becomes ``("relu1b", "relu3b")``."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def print_table(columns: Iterable[str], rows: Iterable[Iterable[RenderableType]]) -> None:
    """Print a table on standard output."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def print_note(words: str) -> None:
    """Print a line on standard error."""
    Console(stderr=True, soft_wrap=True).print(words, highlight=False, markup=False)


def print_json(content: Any) -> None:
    """Print JSON on standard output."""
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


def check_writable(out: Path, endings: tuple[str, ...] = (".png",)) -> None:
    """Check the name and the folder of an output file before any work is done.

    Raises:
        ExplorerError: the name has none of the ``endings``, or the folder does not exist.
    """
    if out.suffix.lower() not in endings:
        raise ExplorerError(f"{out} must end in {' or '.join(endings)}")
    if not out.parent.is_dir():
        raise ExplorerError(f"there is no folder {out.parent} to write {out.name} into")


def write(out: Path, data: bytes) -> None:
    """Write a file.

    Raises:
        ExplorerError: the file cannot be written.
    """
    try:
        out.write_bytes(data)
    except OSError as error:
        raise ExplorerError(f"{out} cannot be written: {error}") from error


def read(file: Path, at_most: int) -> bytes:
    """Read a file of at most ``at_most`` bytes.

    Raises:
        ExplorerError: the file is larger, or cannot be read.
    """
    try:
        if file.stat().st_size > at_most:
            raise ExplorerError(f"{file} is larger than {at_most // 2**20} MB")
        return file.read_bytes()
    except OSError as error:
        raise ExplorerError(f"{file} cannot be read: {error.strerror}") from error


def open_image(text: str) -> "Image":
    """Open an image file, or an image that ships with the project.

    Args:
        text: path of the file, or name of the shipped image, such as ``cat``.

    Raises:
        ExplorerError: there is no file with this path and no shipped image with this name.
    """
    from core import paintings
    from core.datasets import samples
    from core.images import image_io

    path = Path(text)
    if path.is_file():
        return image_io.open_picture(path)
    if text in samples.SAMPLES or text in samples.STYLES:
        return samples.picture(text)
    if text in paintings.PAINTINGS:
        return paintings.picture(text)
    known = ", ".join((*samples.SAMPLES, *samples.STYLES, *paintings.PAINTINGS))
    raise ExplorerError(f"there is no file {text}; name one, or one of ours: {known}")
