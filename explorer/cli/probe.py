"""The command that shows which units a picture activates."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table, split_names
from explorer.cli.network_session import load_network
from explorer.cli.options import cli
from explorer.text import formatting


@cli.command()
def probe(
    network: options.NetworkName,
    image: Annotated[Path, typer.Argument(help="A picture.")],
    index: Annotated[
        Path | None, typer.Option(help="An index to compare with, for percentiles.")
    ] = None,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    layers: options.LayerNames = "",
    count: Annotated[int, typer.Option(help="Neurons to name of each layer.", min=1)] = 5,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Show which neurons a picture excites, and what it is taken for."""
    from core.analysis import probe as analysis
    from core.images import image_io
    from core.index import reader

    picture = image_io.open_picture(image)
    compared = None if index is None else reader.open_index(index)
    loaded = load_network(network, weights, device, classes)
    found = analysis.probe(loaded, picture, compared, split_names(layers), count)
    if as_json:
        print_json(
            {
                "network": loaded.name,
                "image": str(image),
                "index": index and str(index),
                "classes": [{"label": it, "probability": share} for it, share in found.classes],
                "caveat": analysis.caveat(loaded),
                "layers": {name: [asdict(it) for it in its] for name, its in found.layers.items()},
            }
        )
        return
    likely = ", ".join(f"{it} {formatting.probability(share)}" for it, share in found.classes)
    # A network without a head tells no classes apart.
    if likely:
        Console().print(f"probabilities: {likely}", markup=False)
    if caveat := analysis.caveat(loaded):
        print_note(caveat)
    standing = f"neurons that stand out among {compared.count:,} pictures" if compared else ""
    print_table(
        ("layer", standing or "highest neurons, and their activations"),
        (
            (name, "   ".join(map(_response_text, responses)))
            for name, responses in found.layers.items()
        ),
    )


def _response_text(response: Any) -> str:
    """Return a unit's response as text: ``12 (3.4)``, or ``12 (top 0.2 %)`` with a percentile."""
    if response.percentile is None:
        return f"{response.unit} ({formatting.number(response.value)})"
    return f"{response.unit} ({formatting.standing(response.percentile)})"
