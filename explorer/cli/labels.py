"""The command that lists the measured concepts of units."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from core.errors import ExplorerError, named, quoted
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table
from explorer.cli.options import cli


@cli.command()
def labels(
    network: options.NetworkName,
    search: Annotated[str, typer.Option(help="Only these, such as eye, stripes or texture.")] = "",
    least: Annotated[
        float, typer.Option(help="Leave out labels with an IoU below this.", min=0.0, max=1.0)
    ] = 0.0,
    count: Annotated[
        bool, typer.Option("--count", help="Count clear labels by layer, kind and concept.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the concept that each neuron picks out best, with their overlap (IoU)."""
    from core.analysis.unit_labels import labels_of
    from core.networks import registry
    from core.sketchnet.dissection import label_counts

    known = labels_of(registry.load(network, device="cpu"))
    if known is None:
        raise ExplorerError(
            f"there are no labels for {named(network)}: they are measured in a world whose every "
            f"pixel is known, so only {registry.SKETCHNET} has them"
        )
    if count:
        if search or least:
            raise ExplorerError("--count counts every clear label; leave out --search and --least")
        if as_json:
            print_json(
                {name: asdict(it) for name, it in label_counts.summary(known.layers).items()}
            )
        else:
            sys.stdout.write(label_counts.describe_counts(known.layers) + "\n")
        return
    found = known.search(search, least)
    if as_json:
        print_json([asdict(label) for label in found])
        return
    if not found:
        print_note(f"no neuron picks out {quoted(search)}")
        return
    rows = ((it.layer, str(it.unit), it.concept, it.kind, f"{it.iou:.2f}") for it in found)
    print_table(("layer", "unit", "concept", "kind", "IoU"), rows)
