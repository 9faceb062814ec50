"""Commands that list networks and their layers."""

from dataclasses import asdict, fields
from typing import Annotated, Any

import typer

from core.networks import known_networks
from core.networks.known_networks import TIMM, KnownLayer, find_architecture
from explorer.cli import options
from explorer.cli.command_io import print_json, print_table
from explorer.cli.network_session import weights_file
from explorer.cli.options import cli


@cli.command()
def networks(
    search: Annotated[
        str, typer.Option(help="Only networks whose name has this text, timm's among them.")
    ] = "",
    as_json: options.AsJson = False,
) -> None:
    """List the networks that can be explored."""
    from explorer.library import catalogue

    every = (*known_networks.describe_networks(), *catalogue.describe_checkpoints())
    rows = [it for it in every if search in it.name and (search or it.ready or it.source != TIMM)]
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    ready = ("yes" if it.ready else f"after a download of {it.download_mb:.0f} MB" for it in rows)
    print_table(
        ("network", "parameters", "source", "ready"),
        (
            (it.name, f"{it.parameters / 1e6:.1f} M", it.source, when)
            for it, when in zip(rows, ready, strict=True)
        ),
    )
    if not search and len(rows) < len(every):
        typer.echo(f"and {len(every) - len(rows)} of timm; --search TEXT lists those with TEXT")


@cli.command()
def layers(
    network: options.NetworkName,
    weights: options.WeightsFile = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Also layers that are seldom used; this loads the network."),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List a network's layers from the image to the logits."""
    weights = weights_file(network, weights)
    known = known_networks.known_networks()[find_architecture(network, weights is not None)]
    rows: tuple[KnownLayer, ...] = known.layers
    height, width = known.input_size
    if every or weights is not None or not rows:
        from core.networks.registry import load

        loaded = load(network, weights, device="cpu")
        rows = loaded.layers if every else loaded.shown
        height, width = loaded.input_size
    if as_json:
        print_json([_layer_facts(row) for row in rows])
        return
    print_table(
        (
            *("layer", "channels", "stride", "local receptive field", "exact receptive field"),
            f"output at {height} x {width}",
        ),
        (
            (
                it.name,
                str(it.channels),
                _times(it.stride),
                _times(it.local_field) or "the whole picture",
                _times(it.receptive_field) or "the whole picture",
                _times(it.size),
            )
            for it in rows
        ),
    )


def _layer_facts(layer: KnownLayer) -> dict[str, Any]:
    return {field.name: getattr(layer, field.name) for field in fields(KnownLayer)}


def _times(size: tuple[int, int] | None) -> str:
    """Return a (height, width) as text: ``4``, ``3 x 5``, or "" for a layer without positions."""
    if size is None:
        return ""
    return str(size[0]) if size[0] == size[1] else f"{size[0]} x {size[1]}"
