"""The command that renders one photograph in the style of one painting at several depths."""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from core.files import check_output, write_file
from core.recipes.style_grid import MATRIX, SHOWS, StyleDepthsRecipe
from explorer.cli import options
from explorer.cli.command_io import print_note, print_table, split_names
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import cli, option
from explorer.cli.style import Balance, Loss, Size, Steps, StyleImage
from explorer.recipe_fields import STYLE, STYLE_DEPTHS, recipe_settings
from explorer.text.formatting import percent

if TYPE_CHECKING:
    from core.experiments.style_grid_measures import GridMeasures
    from core.networks.network import Network

# Number of labels in each row of the table.
GROWN = 3


@cli.command()
def style_depths(
    network: options.NetworkName,
    content: options.ImageName,
    style: StyleImage,
    out: options.PngOut,
    show: Annotated[str, option(STYLE_DEPTHS, "shows")] = MATRIX,
    style_layers: Annotated[str | None, option(STYLE_DEPTHS, "style_depths")] = None,
    content_layers: Annotated[str | None, option(STYLE_DEPTHS, "content_depths")] = None,
    stages: Annotated[str | None, option(STYLE_DEPTHS, "stages")] = None,
    balance: Balance = None,
    size: Size = StyleDepthsRecipe.size,
    steps: Steps = None,
    loss: Loss = StyleDepthsRecipe.loss,
    seed: options.Seed = StyleDepthsRecipe.seed,
    weights: options.WeightsFile = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Paint one picture with style and content from every depth, as one labelled sheet."""
    from core.style import grid
    from explorer.rendering import render_recipe

    settings = recipe_settings(STYLE_DEPTHS, locals())
    check_output(out)
    session = NetworkSession(network, weights, device)
    recipe = grid.plan_grid(
        session.network,
        session.store_named(STYLE, content),
        session.store_named(STYLE, style),
        shows=SHOWS if show == "all" else split_names(show) or None,
        style_depths=split_names(style_layers) or None,
        content_depths=split_names(content_layers) or None,
        stages=split_names(stages) or None,
        **settings,
    )
    pictures = session.run(recipe, fresh, shipped=False)
    inputs = {it: session.store.input(it) or b"" for it in recipe.inputs}
    checkpoint = session.store.checkpoint(recipe.weights)
    write_file(out, render_recipe.render_sheet(recipe, pictures, inputs, checkpoint, device))
    encoded = {number: it.image for number, it in enumerate(pictures)}
    _report(session, recipe, inputs, encoded, out, as_json)


def _report(
    session: NetworkSession,
    recipe: StyleDepthsRecipe,
    inputs: dict[str, bytes],
    pictures: dict[int, bytes],
    out: Path,
    as_json: bool,
) -> None:
    """Print the measurements of each picture as JSON, or their means by style layer as a table."""
    from core.experiments import style_grid_measures

    evaluator = style_grid_measures.build_evaluator(session.network, recipe, inputs)
    measures = style_grid_measures.measure_pictures(evaluator, recipe, pictures)
    depths = style_grid_measures.average_by_layer(recipe, measures)
    if as_json:
        parts = list(recipe.parts())
        cells = [
            {
                "show": cell.show,
                "row": cell.row,
                "column": cell.column,
                "style_layers": cell.recipe.style_layers,
                "content_layers": cell.recipe.content_layers,
                "job": cell.recipe.key,
                "measured": _json_values(measures.get(parts.index(cell.recipe))),
            }
            for cell in recipe.cells()
        ]
        means = {layer: _json_values(it) for layer, it in depths.items()}
        session.print_report(recipe, out, cells=cells, depths=means)
        return
    columns = ("style's distance", "edges kept", "colours to the painting's", "eyes", "grew most")
    print_table(("style by", "depth", *columns), _rows(session.network, depths))
    print_note(f"{out}: {session.seconds:.1f} s")


def _json_values(measured: "GridMeasures | None") -> dict[str, Any] | None:
    return None if measured is None else asdict(measured)


def _rows(network: "Network", depths: "Mapping[str, GridMeasures]") -> Iterator[tuple[str, ...]]:
    """Yield a table row for each style layer.

    The values are means over the pictures that have only this style layer. These pictures differ in
    the content layer.
    """
    for layer, it in depths.items():
        grown = ", ".join(f"{one.concept} {2**one.value:.1f} times" for one in it.grown[:GROWN])
        yield (
            layer,
            f"{network.layer(layer).depth:.2f}",
            f"{statistics.mean(it.gram.values()):.2f}",
            f"{percent(it.edges)}",
            f"{it.to_painting:.0f}",
            "not asked" if it.eyes is None else f"{2**it.eyes:.1f} times",
            grown,
        )
