"""Commands that write an HTML report, and that print a Python script for a saved picture."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.files import check_output, read_file
from explorer.cli import options
from explorer.cli.command_io import REPORT_ENDINGS, write_report
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import cli


@cli.command()
def report(
    network: options.NetworkName,
    layer: Annotated[str, typer.Argument(help="The layer, such as relu3b.")],
    unit: Annotated[int | None, typer.Argument(help="One neuron; else the layer.")] = None,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    index: Annotated[
        Path | None, typer.Option(help="With an index, what excites the neuron stands beside.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Of the pictures, in pixels.")] = None,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    device: options.DeviceName = "auto",
) -> None:
    """Write a report on a layer or a neuron: one HTML file that needs no other file."""
    from core.index import reader
    from core.neurons import render_neurons
    from explorer.reports import html_report

    check_output(out, REPORT_ENDINGS)
    session = NetworkSession(network, weights, device, classes)
    loaded = session.network
    found = loaded.layer(layer)
    opened = None if index is None else reader.open_index(index)
    if opened is not None:
        opened.require(loaded)
    recipe = render_neurons.plan(loaded, found.name, [] if unit is None else [unit], size)
    pictures = {it.part: it for it in session.run(recipe)}
    if unit is None:
        text = html_report.layer_report(loaded, found, recipe, pictures)
    else:
        text = html_report.neuron_report(loaded, found, unit, recipe, pictures[unit], opened)
    write_report(out, text)


@cli.command()
def script(
    picture: Annotated[Path, typer.Argument(help="A PNG that the explorer has saved.")],
) -> None:
    """Print the few lines of Python that make a saved picture again."""
    from explorer.rendering import png_metadata
    from explorer.reports import python_script

    recipe, part = png_metadata.read_recipe(read_file(picture, png_metadata.BYTES_AT_MOST))
    sys.stdout.write(python_script.python_script(recipe, part))
