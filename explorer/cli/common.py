"""What the commands share: options, tables, JSON, and checks of files to be written."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import ExplorerError

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


def check_writable(out: Path) -> None:
    """Refuse, before any work, a file that could not be written."""
    if out.suffix.lower() != ".png":
        raise ExplorerError(f"{out} must end in .png")
    if not out.parent.is_dir():
        raise ExplorerError(f"there is no folder {out.parent} to write {out.name} into")


def write(out: Path, data: bytes) -> None:
    """Write a file."""
    try:
        out.write_bytes(data)
    except OSError as error:
        raise ExplorerError(f"{out} cannot be written: {error}") from error
