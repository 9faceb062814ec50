"""The Typer program of the command line, and the options and arguments that commands share."""

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
    """Build the command-line option for a field of a recipe, with the field's help text.

    Args:
        kind: kind of the recipe.
        name: name of the field.
        declarations: names of the option, such as ``--l2``; by default Typer derives the name from
            the parameter's name.
        bounded: whether Typer checks the bounds of a number; otherwise only the recipe checks them.
        settings: further arguments of ``typer.Option``.
    """
    field = FIELDS[kind][name]
    if bounded and field.bounds:
        settings["min"], settings["max"] = field.bounds
    return typer.Option(*declarations, help=field.help, **settings)


def argument(kind: str, name: str) -> Any:
    """Build the command-line argument for a field of a recipe, with the field's help text."""
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
