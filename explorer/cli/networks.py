"""Commands that list networks and their layers."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from explorer.cli.options import AsJson, NetworkName, WeightsFile, cli, print_json

if TYPE_CHECKING:
    from core.networks.layers import Layer


@cli.command()
def networks(as_json: AsJson = False) -> None:
    """List the networks that can be explored."""
    from core.networks.registry import describe_networks

    rows = describe_networks()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table("network", "parameters", "source", "ready")
    for row in rows:
        ready = "yes" if row.ready else f"after a download of {row.download_mb:.0f} MB"
        table.add_row(row.name, f"{row.parameters / 1e6:.1f} M", row.source, ready)
    Console().print(table)


@cli.command()
def layers(
    network: NetworkName,
    weights: WeightsFile = None,
    every: Annotated[bool, typer.Option("--all", help="Also layers few people want.")] = False,
    as_json: AsJson = False,
) -> None:
    """List a network's layers from the image to the logits."""
    from core.networks.registry import load

    loaded = load(network, weights, device="cpu")
    rows = loaded.layers if every else loaded.shown
    if as_json:
        print_json([_layer_facts(row) for row in rows])
        return
    height, width = loaded.input_size
    table = Table("layer", "channels", "stride", "receptive field", f"output at {height} x {width}")
    for row in rows:
        field = _times(row.receptive_field) or "the whole picture"
        table.add_row(row.name, str(row.channels), _times(row.stride), field, _times(row.size))
    Console().print(table)


def _layer_facts(layer: "Layer") -> dict[str, Any]:
    names = ("name", "node", "channels", "stride", "receptive_field", "size", "depth", "shown")
    return {name: getattr(layer, name) for name in names}


def _times(size: tuple[int, int] | None) -> str:
    """Write a (height, width); nothing for a layer without positions."""
    if size is None:
        return ""
    return str(size[0]) if size[0] == size[1] else f"{size[0]} x {size[1]}"
