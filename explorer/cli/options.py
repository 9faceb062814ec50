"""The Typer program of the command line, and the options and arguments that commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.recipes.recipe import SEED_RANGE
from explorer.cli.checked_command import CheckedGroup, Program
from explorer.recipe_fields import FIELDS, STYLE
from explorer.recipe_fields.field import SEED

cli = Program(
    cls=CheckedGroup,
    help="See inside an image network: neurons, dreams and style at every depth.",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def option(kind: str, name: str, *declarations: str, **settings: Any) -> Any:
    """Build the command-line option for a field of a recipe, with the field's help and bounds.

    Args:
        kind: kind of the recipe.
        name: name of the field.
        declarations: names of the option, such as ``--l2``; by default Typer derives the name from
            the parameter's name.
        settings: further arguments of ``typer.Option``.
    """
    field = FIELDS[kind][name]
    low, high = field.bounds or (None, None)
    return typer.Option(*declarations, help=field.help, **{"min": low, "max": high, **settings})


def argument(kind: str, name: str) -> Any:
    """Build the command-line argument for a field of a recipe, with the field's help text."""
    return typer.Argument(help=FIELDS[kind][name].help)


NetworkName = Annotated[str, typer.Argument(help="A network's name; `networks` lists them.")]
LayerName = Annotated[str, typer.Argument(help="A layer's name; `layers` lists them.")]
LayerNames = Annotated[str, typer.Option(help="Layers, such as relu2b,relu4b.")]
CollectionName = Annotated[
    str, typer.Option(help="A folder, tar or zip, sketchworld:5000, or torchvision:NAME[:SPLIT].")
]
IndexFile = Annotated[Path, typer.Argument(help="An index that `index` made.")]
ImageName = Annotated[str, argument(STYLE, "content")]
PngOut = Annotated[Path, typer.Option(help="Where the picture goes, a PNG.")]
WeightsFile = Annotated[
    Path | None,
    typer.Option("--weights", help="A checkpoint of your own: .safetensors, .pth or .ckpt."),
]
ClassesFile = Annotated[
    Path | None,
    typer.Option("--classes", help="A file of class names, one a line, for --weights."),
]
LOWEST_SEED, HIGHEST_SEED = SEED_RANGE
Seed = Annotated[int, typer.Option(help=SEED.help, min=LOWEST_SEED, max=HIGHEST_SEED)]
Fresh = Annotated[bool, typer.Option("--fresh", help="Make anew what is in the store.")]
ReportFile = Annotated[Path | None, typer.Option(help="A report to write, an HTML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EngineName = Annotated[
    str,
    typer.Option(
        envvar="EXPLORER_ENGINE",
        help="What does the work: local (this machine) or ray (a cluster).",
    ),
]
ClusterAddress = Annotated[
    str | None,
    typer.Option(
        envvar="EXPLORER_RAY_ADDRESS", help="Of a Ray cluster, such as 10.0.0.1:6379 or auto."
    ),
]
DeviceName = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
