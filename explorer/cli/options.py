"""What the commands share: options, tables, JSON, and checks of files to be written."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ExplorerError

if TYPE_CHECKING:
    from PIL.Image import Image

    from explorer.store.results import Store

cli = typer.Typer(
    help="See inside an image network: neurons, dreams and style at every depth.",
    pretty_exceptions_enable=False,
    add_completion=False,
)

NetworkName = Annotated[str, typer.Argument(help="A network's name; `networks` lists them.")]
WeightsFile = Annotated[
    Path | None, typer.Option("--weights", help="A checkpoint of your own: .safetensors or .pth.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def print_json(content: Any) -> None:
    """Print JSON on standard output."""
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


def check_writable(out: Path, endings: tuple[str, ...] = (".png",)) -> None:
    """Refuse, before any work, a file that could not be written."""
    if out.suffix.lower() not in endings:
        raise ExplorerError(f"{out} must end in {' or '.join(endings)}")
    if not out.parent.is_dir():
        raise ExplorerError(f"there is no folder {out.parent} to write {out.name} into")


def write(out: Path, data: bytes) -> None:
    """Write a file."""
    try:
        out.write_bytes(data)
    except OSError as error:
        raise ExplorerError(f"{out} cannot be written: {error}") from error


def read(file: Path, at_most: int) -> bytes:
    """Read a file that is not too large."""
    try:
        if file.stat().st_size > at_most:
            raise ExplorerError(f"{file} is larger than {at_most // 2**20} MB")
        return file.read_bytes()
    except OSError as error:
        raise ExplorerError(f"{file} cannot be read: {error.strerror}") from error


def open_image(text: str) -> "Image":
    """Open the picture of a file, or one of those that are always at hand, by its name.

    Raises:
        ExplorerError: there is neither.
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


def store_named_image(store: "Store", text: str | None, longest: int) -> str:
    """Keep the picture that work starts from, and give its fingerprint; "" for None.

    Args:
        store: where it is kept.
        text: names it, as ``open_named`` reads it.
        longest: its longer side in pixels at most; a larger one is made smaller.
    """
    from core.images import image_io

    if text is None:
        return ""
    picture = open_image(text)
    if max(picture.size) > longest:
        picture = image_io.resize_longer_side(picture, longest)
    return store_image(store, picture)


def store_image(store: "Store", picture: "Image") -> str:
    """Keep a picture that work starts from, upright RGB, and give its fingerprint."""
    from core.images import image_io

    fingerprint = image_io.fingerprint(picture)
    store.put_input(fingerprint, image_io.encode_png(picture))
    return fingerprint
