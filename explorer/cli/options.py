"""Options and arguments that commands share, their output, and files they read and write."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table

from core.errors import ExplorerError
from explorer.recipe_fields import FIELDS, SEED, STYLE

if TYPE_CHECKING:
    from PIL.Image import Image

cli = typer.Typer(
    help="See inside an image network: neurons, dreams and style at every depth.",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def option(kind: str, name: str, *declarations: str, bounded: bool = False, **settings: Any) -> Any:
    """Return the option of a recipe's field, with its help text.

    Args:
        kind: of the recipe.
        name: of the field.
        declarations: how the option is written, where that is not its parameter's name.
        bounded: whether the option itself refuses numbers out of bounds; else the recipe does.
        settings: further ones of ``typer.Option``.
    """
    field = FIELDS[kind][name]
    if bounded and field.bounds:
        settings["min"], settings["max"] = field.bounds
    return typer.Option(*declarations, help=field.help, **settings)


def argument(kind: str, name: str) -> Any:
    """Return the argument of a recipe's field, with its help text."""
    return typer.Argument(help=FIELDS[kind][name].help)


NetworkName = Annotated[str, typer.Argument(help="A network's name; `networks` lists them.")]
LayerName = Annotated[str, typer.Argument(help="A layer's name; `layers` lists them.")]
ImageName = Annotated[str, argument(STYLE, "content")]
PngOut = Annotated[Path, typer.Option(help="Where the picture goes, a PNG.")]
WeightsFile = Annotated[
    Path | None, typer.Option("--weights", help="A checkpoint of your own: .safetensors or .pth.")
]
Seed = Annotated[int, typer.Option(help=SEED.help)]
Fresh = Annotated[bool, typer.Option("--fresh", help="Make anew what is in the store.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def split_names(text: str | None) -> tuple[str, ...]:
    """Return the names in a text such as ``relu1b, relu3b``."""
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
    """Check that a file can be written, before any work.

    Raises:
        ExplorerError: its name has another ending, or its folder does not exist.
    """
    if out.suffix.lower() not in endings:
        raise ExplorerError(f"{out} must end in {' or '.join(endings)}")
    if not out.parent.is_dir():
        raise ExplorerError(f"there is no folder {out.parent} to write {out.name} into")


def write(out: Path, data: bytes) -> None:
    """Write a file.

    Raises:
        ExplorerError: it cannot be written.
    """
    try:
        out.write_bytes(data)
    except OSError as error:
        raise ExplorerError(f"{out} cannot be written: {error}") from error


def read(file: Path, at_most: int) -> bytes:
    """Read a file of at most ``at_most`` bytes.

    Raises:
        ExplorerError: it is larger, or cannot be read.
    """
    try:
        if file.stat().st_size > at_most:
            raise ExplorerError(f"{file} is larger than {at_most // 2**20} MB")
        return file.read_bytes()
    except OSError as error:
        raise ExplorerError(f"{file} cannot be read: {error.strerror}") from error


def open_image(text: str) -> "Image":
    """Open the image of a file, or one that ships with the project, by its name.

    Raises:
        ExplorerError: there is no such file and no such name.
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
