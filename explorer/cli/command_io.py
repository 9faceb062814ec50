"""Functions that commands share: printing, parsing names, reading and writing files."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table

from core.files import require_path

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

    shipped = (*samples.SAMPLES, *samples.STYLES, *paintings.PAINTINGS)
    if text not in shipped or Path(text).is_file():
        hint = f"; name one, or one of ours: {', '.join(shipped)}"
        return image_io.open_picture(require_path(text, hint=hint))
    return paintings.picture(text) if text in paintings.PAINTINGS else samples.picture(text)
