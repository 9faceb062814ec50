"""Commands that list networks and their layers."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from explorer.cli import options
from explorer.cli.command_io import print_json, print_table
from explorer.cli.options import cli

if TYPE_CHECKING:
    from core.networks.layers import Layer


@cli.command()
def networks(as_json: options.AsJson = False) -> None:
    """List the networks that can be explored."""
    from core.networks.registry import describe_networks

    rows = describe_networks()
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


@cli.command()
def layers(
    network: options.NetworkName,
    weights: options.WeightsFile = None,
    every: Annotated[bool, typer.Option("--all", help="Also layers few people want.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """List a network's layers from the image to the logits."""
    from core.networks.registry import load

    loaded = load(network, weights, device="cpu")
    rows = loaded.layers if every else loaded.shown
    if as_json:
        print_json([_layer_facts(row) for row in rows])
        return
    height, width = loaded.input_size
    print_table(
        ("layer", "channels", "stride", "receptive field", f"output at {height} x {width}"),
        (
            (
                it.name,
                str(it.channels),
                _times(it.stride),
                _times(it.receptive_field) or "the whole picture",
                _times(it.size),
            )
            for it in rows
        ),
    )


def _layer_facts(layer: "Layer") -> dict[str, Any]:
    names = ("name", "node", "channels", "stride", "receptive_field", "size", "depth", "shown")
    return {name: getattr(layer, name) for name in names}


def _times(size: tuple[int, int] | None) -> str:
    """Return a (height, width) as text: ``4``, ``3 x 5``, or "" for a layer without positions."""
    if size is None:
        return ""
    return str(size[0]) if size[0] == size[1] else f"{size[0]} x {size[1]}"
