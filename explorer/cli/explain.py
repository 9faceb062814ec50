"""The command that shows which neurons raise the logit of a class, and which lower it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from core.files import check_output, write_file
from explorer.cli import options
from explorer.cli.command_io import (
    REPORT_ENDINGS,
    print_json,
    print_note,
    print_table,
    split_names,
    write_report,
)
from explorer.cli.network_session import load_network
from explorer.cli.options import cli
from explorer.text import formatting

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.analysis.explanation import Explanation


@cli.command()
def explain(
    network: options.NetworkName,
    image: options.ImageName,
    class_name: Annotated[
        str, typer.Option("--class", help="The class; by default the likeliest.")
    ] = "",
    against: Annotated[
        str, typer.Option(help="Another class: what tells the two apart is shown.")
    ] = "",
    layers: options.LayerNames = "",
    count: Annotated[int, typer.Option(help="Neurons for and against of each layer.", min=1)] = 5,
    out: Annotated[
        Path | None,
        typer.Option(help="A sheet with heat maps, a PNG; or a report, an HTML file."),
    ] = None,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Show which neurons raise the logit of an answer, and which lower it."""
    from core.analysis import explanation
    from core.analysis import probe as analysis
    from core.figures.explanation_sheet import draw_explanation
    from core.images import image_io
    from explorer.cli.command_io import open_image
    from explorer.reports import explanation_report

    if out is not None:
        check_output(out, (".png", *REPORT_ENDINGS))
    picture = open_image(image)
    loaded = load_network(network, weights, device, classes)
    found = explanation.explain(loaded, picture, class_name, against, split_names(layers), count)
    if out is not None:
        neurons = _neuron_pictures(found)
        if out.suffix.lower() in REPORT_ENDINGS:
            write_report(out, explanation_report.explanation_report(found, image, neurons))
        else:
            write_file(out, image_io.encode_png(draw_explanation(found, neurons)))
            print_note(f"{out}: written")
    if caveat := analysis.caveat(loaded):
        print_note(caveat)
    if as_json:
        print_json(_as_json(found, image))
        return
    versus = f" rather than {found.against}" if found.against else ""
    share = formatting.probability(found.probability)
    Console(soft_wrap=True).print(
        f"why {found.wanted} ({share}){versus}", highlight=False, markup=False
    )
    print_table(
        ("layer", "raise it (change without the neuron)", "lower it"),
        ((it.layer, _words(it.raising), _words(it.lowering)) for it in found.layers),
    )


def _neuron_pictures(found: "Explanation") -> "dict[tuple[str, int], Image]":
    """Return the pictures of the neurons that are in the store, by layer and unit."""
    from core.images import image_io
    from explorer import layer_pages
    from explorer.store.results import Store

    store, pictures = Store(), {}
    for it in found.layers:
        layer = found.network.layer(it.layer)
        for unit in (one.unit for one in (*it.raising, *it.lowering)):
            recipe = layer_pages.part_of(found.network, layer, unit)
            picture = store.picture(recipe.key, unit)
            if picture is not None:
                pictures[layer.name, unit] = image_io.open_picture(picture.image)
    return pictures


def _words(units: Any) -> str:
    return "   ".join(
        f"{it.name or it.unit} {formatting.signed(it.contribution)} "
        f"({formatting.signed(-it.effect)})"
        for it in units
    )


def _as_json(found: "Explanation", image: str) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "network": found.network.name,
        "image": image,
        "class": found.wanted,
        "against": found.against or None,
        "probability": found.probability,
        "layers": {
            it.layer: {
                "for": [asdict(unit) for unit in it.raising],
                "against": [asdict(unit) for unit in it.lowering],
            }
            for it in found.layers
        },
    }
