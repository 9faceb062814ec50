"""Functions that commands share: printing, parsing names, reading and writing files."""

import contextlib
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.table import Table

from core.files import is_there, require_path, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

REPORT_ENDINGS = (".html", ".htm")
# Pictures of a collection that could not be used, which commands name.
LEFT_OUT_SHOWN = 5


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


class _Printer(logging.Handler):
    """Prints warnings on standard error, and remembers their messages."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.printed.add(record.getMessage())
        print_note(self.format(record))


@contextlib.contextmanager
def printing_warnings() -> Iterator[set[str]]:
    """Print the explorer's warnings within the ``with`` statement; yield those printed so far."""
    printer, logger = _Printer(), logging.getLogger("explorer")
    logger.addHandler(printer)
    try:
        yield printer.printed
    finally:
        logger.removeHandler(printer)


def print_json(content: Any) -> None:
    """Print JSON on standard output."""
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


def print_left_out(skipped: "Mapping[str, str]") -> None:
    """Print why pictures of a collection were left out: of the first ones, and how many more.

    Args:
        skipped: reasons, which name the picture, by name of the picture.
    """
    for reason in islice(skipped.values(), LEFT_OUT_SHOWN):
        print_note(f"left out: {reason}")
    if len(skipped) > LEFT_OUT_SHOWN:
        print_note(f"and {len(skipped) - LEFT_OUT_SHOWN:,} more")


def write_report(out: "Path", report: str) -> None:
    """Write a report, an HTML file, and print its size.

    Raises:
        OSError: the file cannot be written.
    """
    write_file(out, report.encode())
    print_note(f"{out}: {len(report) / 2**10:,.0f} KB")


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
    if text not in shipped or is_there(text):
        hint = f"; name one, or one of ours: {', '.join(shipped)}"
        return image_io.open_picture(require_path(text, hint=hint))
    return paintings.picture(text) if text in paintings.PAINTINGS else samples.picture(text)
