"""Commands that write down what was found: a report, and the Python that makes a picture."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from explorer.cli.options import (
    DeviceName,
    NetworkName,
    WeightsFile,
    check_writable,
    cli,
    read,
    write,
)


@cli.command()
def report(
    network: NetworkName,
    layer: Annotated[str, typer.Argument(help="The layer, such as relu3b.")],
    unit: Annotated[int | None, typer.Argument(help="One neuron; else the layer.")] = None,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    index: Annotated[
        Path | None, typer.Option(help="With an index, what excites the neuron stands beside.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Of the pictures, in pixels.")] = None,
    weights: WeightsFile = None,
    device: DeviceName = "auto",
) -> None:
    """Write the report of a layer or a neuron: one HTML file that stands by itself."""
    from core.index import reader
    from core.networks import registry
    from core.neurons import render_neurons
    from explorer.cli.run_job import run_recipe
    from explorer.reports import html_report as reports
    from explorer.store.results import Store

    check_writable(out, (".html", ".htm"))
    loaded = registry.load(network, weights, device)
    found = loaded.layer(layer)
    opened = None if index is None else reader.open_index(index)
    if opened is not None:
        opened.require(loaded)
    store = Store()
    recipe = render_neurons.plan(loaded, found.name, [] if unit is None else [unit], size)
    if weights is not None:
        store.remember_checkpoint(loaded.name, loaded.fingerprint, weights)
    pictures = {it.part: it for it in run_recipe(store, recipe, device)}
    if unit is None:
        text = reports.layer_report(loaded, found, recipe, pictures)
    else:
        text = reports.neuron_report(loaded, found, unit, recipe, pictures[unit], opened)
    write(out, text.encode())
    Console(stderr=True).print(f"{out}: {len(text) / 2**10:,.0f} KB", highlight=False)


@cli.command()
def script(
    picture: Annotated[Path, typer.Argument(help="A PNG that the explorer has saved.")],
) -> None:
    """Print the few lines of Python that make a saved picture again."""
    from explorer.rendering import png_metadata
    from explorer.reports import python_script

    recipe, part = png_metadata.read_recipe(read(picture, png_metadata.BYTES_AT_MOST))
    sys.stdout.write(python_script.python_script(recipe, part))
