"""The command that paints one photograph in one painting's style at several depths."""

import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from core.recipes.style import STYLE_SIZES
from core.recipes.style_grid import MATRIX, SHOWS, StyleDepthsRecipe
from explorer.cli.options import (
    AsJson,
    DeviceName,
    NetworkName,
    WeightsFile,
    check_writable,
    cli,
    print_json,
    store_named_image,
    write,
)
from explorer.cli.style import (
    Balance,
    Fresh,
    Loss,
    Picture,
    PngOut,
    Seed,
    Size,
    Steps,
    StylePicture,
)

if TYPE_CHECKING:
    from core.experiments.style_grid_measures import GridMeasures
    from core.networks.network import Network
    from explorer.store.results import Store

GROWN = 3


@cli.command()
def style_depths(
    network: NetworkName,
    content: Picture,
    style: StylePicture,
    out: PngOut,
    show: Annotated[str, typer.Option(help=f"Some of {', '.join(SHOWS)}; or all.")] = MATRIX,
    style_layers: Annotated[
        str | None, typer.Option(help="Rows of the matrix: relu1b,relu3b. Some by default.")
    ] = None,
    content_layers: Annotated[
        str | None, typer.Option(help="Columns of the matrix. Some by default.")
    ] = None,
    stages: Annotated[
        str | None, typer.Option(help="Layers of the other parts. Some by default.")
    ] = None,
    balance: Balance = None,
    size: Size = StyleDepthsRecipe.size,
    steps: Steps = None,
    loss: Loss = StyleDepthsRecipe.loss,
    seed: Seed = StyleDepthsRecipe.seed,
    weights: WeightsFile = None,
    fresh: Fresh = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Paint one picture by every depth of style and content, as one labelled sheet."""
    from core.networks.registry import load
    from core.style import grid as depths
    from explorer.rendering import render_recipe
    from explorer.store.results import Store

    check_writable(out)
    loaded = load(network, weights, device)
    store = Store()
    photograph, painting = (store_named_image(store, it, STYLE_SIZES[1]) for it in (content, style))
    recipe = depths.plan_grid(
        loaded,
        photograph,
        painting,
        seed,
        shows=SHOWS if show == "all" else _names(show),
        style_depths=_names(style_layers),
        content_depths=_names(content_layers),
        stages=_names(stages),
        balance=balance,
        size=size,
        steps=steps,
        loss=loss,
    )
    if weights is not None:
        store.remember_checkpoint(loaded.name, loaded.fingerprint, weights)
    seconds = _paint(store, recipe, device, fresh)
    found = store.pictures(recipe)
    pictures = [found[number] for number in recipe.pictures]
    inputs = {it: store.input(it) or b"" for it in recipe.inputs}
    write(
        out,
        render_recipe.render_sheet(
            recipe, pictures, inputs, store.checkpoint(recipe.weights), device
        ),
    )
    encoded = {number: it.image for number, it in enumerate(pictures)}
    _tell(loaded, recipe, inputs, encoded, seconds, out, as_json)


def _names(text: str | None) -> tuple[str, ...] | None:
    if not text:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _paint(store: "Store", recipe: StyleDepthsRecipe, device: str, fresh: bool) -> float:
    """Paint what the store lacks, as a job, and tell the seconds that it took."""
    from explorer.cli.run_job import run_job, visitor_name
    from explorer.jobs.job_queue import Jobs

    started = time.monotonic()
    job = Jobs(store).submit(recipe, visitor_name(), fresh=fresh, shipped=False)
    if job.open:
        run_job(store, job, device)
    return time.monotonic() - started


def _tell(
    network: "Network",
    recipe: StyleDepthsRecipe,
    inputs: dict[str, bytes],
    pictures: dict[int, bytes],
    seconds: float,
    out: Path,
    as_json: bool,
) -> None:
    """Say what was measured: of each picture as JSON, or of each depth as a table."""
    from core.experiments import style_grid_measures as telling

    told = telling.measure_pictures(
        telling.build_evaluator(network, recipe, inputs), recipe, pictures
    )
    depths = telling.average_by_layer(recipe, told)
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
                "measured": _plain(told.get(parts.index(cell.recipe))),
            }
            for cell in recipe.cells()
        ]
        means = {layer: _plain(it) for layer, it in depths.items()}
        settings = json.loads(recipe.to_json())
        print_json(
            {**settings, "cells": cells, "depths": means, "seconds": seconds, "out": str(out)}
        )
        return
    Console().print(_table(network, depths))
    Console(stderr=True, soft_wrap=True).print(f"{out}: {seconds:.1f} s", highlight=False)


def _plain(measured: "GridMeasures | None") -> dict[str, Any] | None:
    return None if measured is None else asdict(measured)


def _table(network: "Network", depths: "Mapping[str, GridMeasures]") -> Table:
    """Write a row for each layer that spoke for style alone, over all depths of content."""
    columns = ("style's distance", "edges kept", "colours to the painting's", "eyes", "grew most")
    table = Table("style by", "depth", *columns)
    for layer, it in depths.items():
        eyes = "not asked" if it.eyes is None else f"{2**it.eyes:.1f} times"
        grown = ", ".join(f"{one.concept} {2**one.value:.1f} times" for one in it.grown[:GROWN])
        numbers = (
            f"{statistics.mean(it.gram.values()):.2f}",
            f"{it.edges:.0%}",
            f"{it.to_painting:.0f}",
        )
        table.add_row(layer, f"{network.layer(layer).depth:.2f}", *numbers, eyes, grown)
    return table
