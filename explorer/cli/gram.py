"""The command that shows which units of a layer are active together in an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.files import check_output, write_file
from explorer.cli import options
from explorer.cli.command_io import open_image, print_json, print_table
from explorer.cli.network_session import load_network
from explorer.cli.options import cli

if TYPE_CHECKING:
    from core.networks.layers import Layer
    from core.networks.network import Network
    from core.style.gram_matrix import ChannelCorrelations

# Number of pairs of units in the table, and in the JSON output.
SHOWN, LISTED = 10, 100


@cli.command()
def gram(
    network: options.NetworkName,
    image: options.ImageName,
    layer: options.LayerName,
    out: Annotated[Path, typer.Option(help="Where the heat-map goes, .html.")],
    size: Annotated[
        int, typer.Option(help="Longer side at which it is looked at.", min=32, max=2048)
    ] = 512,
    weights: options.WeightsFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Show which neurons of a layer respond together in a picture, which is its style."""
    from core.images import image_io
    from core.style import gram_matrix
    from explorer.charts.cosine_matrix import cosine_matrix

    check_output(out, (".html",))
    loaded = load_network(network, weights, device)
    picture = image_io.to_tensor(image_io.resize_longer_side(open_image(image), size))
    found = gram_matrix.channel_correlations(loaded, picture, layer)
    names = _names(loaded, loaded.layer(layer))
    figure = cosine_matrix(found.cosines, found.order(), names)
    title = f"{loaded.name} {found.layer}: which neurons respond together in {Path(image).name}"
    figure.update_layout(title=title)
    write_file(out, figure.to_html(include_plotlyjs=True).encode())
    if as_json:
        print_json(_report(found, names, image, out))
        return
    pairs = (
        (names[one], names[other], f"{cosine:.3f}") for one, other, cosine in found.pairs(SHOWN)
    )
    print_table(("neuron", "neuron", "cosine"), pairs)


def _names(network: "Network", layer: "Layer") -> list[str]:
    """Return the short name of each unit."""
    from core.analysis import unit_labels
    from explorer.text import neuron_names

    labels = (unit_labels.unit_name(network, layer, unit) for unit in range(layer.channels))
    return [neuron_names.short_name(unit, label) for unit, label in enumerate(labels)]


def _report(
    found: "ChannelCorrelations", names: list[str], image: str, out: Path
) -> dict[str, Any]:
    return {
        "image": image,
        "layer": found.layer,
        "channels": len(found.gram),
        "silent": int((~found.active).sum()),
        "order": found.order(),
        "pairs": [
            {"neurons": [one, other], "names": [names[one], names[other]], "cosine": cosine}
            for one, other, cosine in found.pairs(LISTED)
        ],
        "out": str(out),
    }
