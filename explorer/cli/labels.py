"""The command that lists and searches units by what they detect."""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import ExplorerError, named, quoted
from core.networks.known_networks import SKETCHNET, find_architecture
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table
from explorer.cli.network_session import load_network
from explorer.cli.options import cli

if TYPE_CHECKING:
    from core.analysis.unit_names import UnitNames
    from core.analysis.unit_search import FoundUnit


@cli.command()
def labels(
    network: options.NetworkName,
    search: Annotated[
        str, typer.Option(help="Only these: eyes, texture, 'relu4b 121', '#121', 'eye relu5b'.")
    ] = "",
    least: Annotated[
        float, typer.Option(help="Leave out labels with an IoU below this.", min=0.0, max=1.0)
    ] = 0.0,
    count: Annotated[
        bool, typer.Option("--count", help="Count clear labels by layer, kind and concept.")
    ] = False,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List what each neuron picks out: its concept with the overlap (IoU), or its class."""
    from core.analysis import unit_search

    if count:
        if search or least or weights:
            raise ExplorerError(
                "--count counts every clear label; leave out --search, --least and --weights"
            )
        _print_counts(network, as_json)
        return
    names = _read_names(network, weights, classes, least)
    found = unit_search.search(names, search)
    units = found.found if search else [it for it in found.found if it.named.name]
    for typed, meant in found.respelled.items():
        print_note(f"nothing is called {quoted(typed)}; this is like it: {', '.join(meant)}")
    if not found.complete:
        print_note("no neuron fits all of these words; these fit some")
    if as_json:
        print_json([_as_json(it) for it in units])
    elif not units:
        print_note(found.problem)
    else:
        rows = (_row(it) for it in units)
        print_table(("layer", "unit", "concept", "kind", "IoU", "why"), rows)


def _read_names(
    network: str, weights: Path | None, classes: Path | None, least: float
) -> "UnitNames":
    """Return the names of a network's units; SketchNet's without loading it, as they ship."""
    from core.analysis import unit_names

    if weights is None and network == SKETCHNET:
        names = unit_names.shipped_names(least=least)
    else:
        from core.analysis import unit_labels

        loaded = load_network(network, weights, "cpu", classes)
        names = unit_labels.names_of(loaded, least)
    # Classes have no IoU, so none is as high as asked for.
    named_units = tuple(it for it in names.named if not least or it.iou is not None)
    return replace(names, named=named_units)


def _print_counts(network: str, as_json: bool) -> None:
    """Print how many labels of SketchNet are clear, by layer, kind and concept."""
    from core.sketchnet import labels as shipped
    from core.sketchnet.dissection import label_counts

    if find_architecture(network) != SKETCHNET:
        raise ExplorerError(
            f"there are no labels to count for {named(network)}: they are measured in a world "
            f"whose every pixel is known, so only {SKETCHNET} has them"
        )
    layers = shipped.load().layers
    if as_json:
        print_json({name: asdict(it) for name, it in label_counts.summary(layers).items()})
    else:
        sys.stdout.write(label_counts.describe_counts(layers) + "\n")


def _as_json(found: "FoundUnit") -> dict[str, object]:
    it = found.named
    return {
        "layer": it.layer,
        "unit": it.unit,
        "concept": it.name,
        "kind": it.kind,
        "iou": it.iou,
        "why": found.why,
    }


def _row(found: "FoundUnit") -> tuple[str, ...]:
    it = found.named
    overlap = "" if it.iou is None else f"{it.iou:.2f}"
    return it.layer, str(it.unit), it.name, it.kind, overlap, found.why
