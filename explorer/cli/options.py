"""The command-line program, and options and arguments that its commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from explorer.recipe_fields import FIELDS, SEED, STYLE

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
