"""The command that finds the circuit of a unit."""

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from core.files import check_output
from explorer.cli import options
from explorer.cli.command_io import (
    REPORT_ENDINGS,
    print_json,
    print_left_out,
    print_table,
    write_report,
)
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import cli

if TYPE_CHECKING:
    from core.analysis.circuits import Circuit
    from core.networks.unit_graph import UnitRef


@cli.command()
def circuit(
    network: options.NetworkName,
    layer: options.LayerName,
    unit: Annotated[int, typer.Argument(help="The neuron.")],
    depth: Annotated[int, typer.Option(help="Layers each way.", min=1, max=3)] = 2,
    images: options.CollectionName = "sketchworld:360",
    pictures: Annotated[
        int | None,
        typer.Option(
            help="Pictures of the collection to use; fewer for large images.", min=1, max=5000
        ),
    ] = None,
    out: options.ReportFile = None,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Show which neurons a neuron reads, and which it feeds."""
    from core.analysis.circuit_meter import CircuitMeter, pictures_for
    from core.analysis.picture_sample import sample_pictures
    from core.datasets import sources
    from explorer.reports import circuit_report

    if out is not None:
        check_output(out, REPORT_ENDINGS)
    session = NetworkSession(network, weights, device, classes)
    loaded = session.network
    found = loaded.layer_with_units(layer, [unit])
    source = sources.find_source(images)
    sample = sample_pictures(loaded, source, pictures or pictures_for(loaded))
    print_left_out(sample.skipped)
    made = CircuitMeter(loaded, sample).circuit(found, unit, depth)
    if out is not None:
        text = circuit_report.circuit_report(loaded, made, source.text, _pictures(session, made))
        write_report(out, text)
    if as_json:
        print_json({"images": source.text, **made.to_json()})
        return
    middle = circuit_report.unit_words(loaded, made.middle)
    Console(soft_wrap=True).print(
        f"{middle}: {circuit_report.describe(loaded, made)}", highlight=False, markup=False
    )
    print_table(
        ("from", "to", "share", "predicted", "measured"),
        (
            (
                *(
                    Text(f"{circuit_report.short_words(loaded, it)} of {it.layer}")
                    for it in (edge.source, edge.target)
                ),
                circuit_report.strength(edge.share),
                circuit_report.strength(edge.predicted),
                "" if edge.measured is None else circuit_report.strength(edge.measured),
            )
            for edge in made.edges
        ),
    )


def _pictures(session: NetworkSession, made: "Circuit") -> "dict[UnitRef, bytes]":
    """Return the pictures of a circuit's units; those that are missing are made."""
    from core.networks.unit_graph import UnitRef
    from core.neurons import render_neurons
    from explorer import layer_pages

    network = session.network
    units: dict[str, list[int]] = defaultdict(list)
    found: dict[UnitRef, bytes] = {}
    for node in made.nodes:
        part = layer_pages.part_of(network, network.layer(node.layer), node.unit)
        stored = session.store.picture(part.key, node.unit)
        if stored is None:
            units[node.layer].append(node.unit)
        else:
            found[node.ref] = stored.image
    for layer, some in units.items():
        for it in session.run(render_neurons.plan(network, layer, sorted(some))):
            found[UnitRef(layer, it.part)] = it.image
    return found
