"""Commands that show the dataset examples of units."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from core.errors import ExplorerError
from core.files import check_output, write_file
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table, split_names
from explorer.cli.network_session import load_network
from explorer.cli.options import cli, option
from explorer.recipe_fields import NEURONS
from explorer.text import formatting

if TYPE_CHECKING:
    from core.index.reader import Hit, Index


@cli.command()
def top(
    index: options.IndexFile,
    layer: Annotated[str, typer.Argument(help="A layer that was indexed.")],
    unit: Annotated[int, typer.Argument(help="A neuron: its number in the layer.")],
    out: Annotated[Path | None, typer.Option(help="Write the crops as a grid, a PNG.")] = None,
    least: Annotated[bool, typer.Option("--least", help="Those that excite it least.")] = False,
    by: Annotated[str, typer.Option(help="max, or mean if it was indexed.")] = "max",
    show: Annotated[
        str, typer.Option(help="Evidence in the grid: heat, guided or deconvolution.")
    ] = "",
    outline: Annotated[
        bool, typer.Option("--outline", help="Outline what matters if all of it is seen.")
    ] = False,
    weights: options.WeightsFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List the pictures that excite a neuron most, and what it saw in them."""
    from core.figures import crop_grids
    from core.images import image_io
    from core.index import reader

    if out is not None:
        check_output(out)
    elif show or outline:
        raise ExplorerError("evidence is drawn into a grid; name its file with --out")
    opened = reader.open_index(index)
    hits = opened.least(layer, unit, by) if least else opened.top(layer, unit, by)
    if out is not None:
        if not hits:
            raise ExplorerError(
                f"none of {opened.count:,} pictures excites unit {unit} of {layer}, so there are "
                "no crops to draw; --least shows those that leave it at its lowest"
            )
        # The network is needed only for --show and --outline.
        needed = bool(show or outline)
        network = load_network(opened.plan.network, weights) if needed else None
        grid = crop_grids.draw_crop_grid(
            opened, layer, unit, network=network, by=by, least=least, how=show
        )
        write_file(out, image_io.encode_png(grid))
    labels, dead = _labels(opened, hits), opened.dead(layer, unit)
    if dead:
        print_note(f"unit {unit} of {layer} is dead: none of {opened.count:,} pictures excites it")
    if as_json:
        rows = [{**asdict(hit), "label": label} for hit, label in zip(hits, labels, strict=True)]
        facts = {"network": opened.plan.network, "layer": layer, "unit": unit, "by": by}
        facts |= {"dead": dead}
        print_json({**facts, "pictures": opened.count, "out": out and str(out), "hits": rows})
        return
    _print_hits(hits, labels)


def _print_hits(hits: "tuple[Hit, ...]", labels: list[str]) -> None:
    """Print a table of hits and their labels."""
    from core.datasets.image_source import printable

    columns = ("", "picture", "label", "value", "row, col", "top, left, bottom, right")
    rows = (
        (
            str(it.rank),
            Text(printable(it.picture)),
            Text(label),
            formatting.number(it.value, 4),
            f"{it.row}, {it.col}",
            ", ".join(map(str, it.box)),
        )
        for it, label in zip(hits, labels, strict=True)
    )
    print_table(columns, rows)


def _labels(index: "Index", hits: "tuple[Hit, ...]") -> list[str]:
    """Return the label of the image of each hit; "" for all if the collection no longer exists."""
    try:
        return [index.label(hit.picture) for hit in hits]
    except ExplorerError:
        return [""] * len(hits)


@cli.command()
def figure(
    index: options.IndexFile,
    out: Annotated[Path, typer.Option(help="The figure to write, a PNG.")],
    layers: options.LayerNames = "",
    units: Annotated[int, typer.Option(help="Neurons of each layer.", min=1, max=64)] = 4,
    steps: Annotated[int | None, option(NEURONS, "steps")] = None,
    weights: options.WeightsFile = None,
    classes: options.ClassesFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Draw the feature visualisations of neurons beside the crops that excite them most."""
    from core.figures import crop_grids
    from core.images import image_io
    from core.index import reader
    from explorer.cli.run_job import progress_bar

    check_output(out)
    opened = reader.open_index(index)
    loaded = load_network(opened.plan.network, weights, device, classes)
    names = split_names(layers) or [it.name for it in opened.plan.layers]
    chosen = {name: crop_grids.most_distinctive(opened, name, units) for name in names}
    with progress_bar() as shown:
        task = shown.add_task(f"drawing {loaded.name}", total=1.0)
        drawn = crop_grids.draw_figure(
            loaded, opened, chosen, steps, listen=lambda share: shown.update(task, completed=share)
        )
    write_file(out, image_io.encode_png(drawn))
    if as_json:
        print_json({"out": str(out), "network": loaded.name, "units": chosen})
