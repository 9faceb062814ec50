"""The command that dreams one picture at several depths, and tells what is seen in each."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from core.errors import ExplorerError
from core.recipes.dream import DREAM_SIZES, STRENGTH_RANGE
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

if TYPE_CHECKING:
    from core.experiments.concept_growth import DreamMeasures
    from core.networks.layers import Layer
    from core.networks.network import Network
    from core.recipes.dream import DreamRecipe

# As on the page.
SIZE, GROWN = 384, 5


@cli.command()
def dream_depths(
    network: NetworkName,
    image: Annotated[str, typer.Argument(help="A picture, or one of ours by its name: cat.")],
    out: Annotated[Path, typer.Option(help="The labelled row to write, a PNG.")],
    layers: Annotated[
        str, typer.Option(help="2 to 8 layers, such as relu2b,relu4b; evenly chosen by default.")
    ] = "",
    size: Annotated[
        int, typer.Option(help="Longer side of each dream.", min=DREAM_SIZES[0], max=2048)
    ] = SIZE,
    strength: Annotated[
        float, typer.Option(help="1 for the usual.", min=STRENGTH_RANGE[0], max=STRENGTH_RANGE[1])
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Where all chance comes from.")] = 0,
    weights: WeightsFile = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Dream one picture at several depths, and tell what the network sees in each."""
    from core.dreams import depth_series
    from core.experiments import concept_growth
    from core.networks import registry
    from explorer.cli.run_job import run_recipe
    from explorer.store.results import Store

    check_writable(out)
    loaded = registry.load(network, weights, device)
    chosen = _layers(loaded, layers)
    store = Store()
    fingerprint = store_named_image(store, image, DREAM_SIZES[1])
    if weights is not None:
        store.remember_checkpoint(loaded.name, loaded.fingerprint, weights)
    recipes = depth_series.plan_series(loaded, chosen, fingerprint, size, strength, seed)
    dreamt = [run_recipe(store, recipe, device, shipped=False)[0].image for recipe in recipes]
    told = concept_growth.measure_dreams(loaded, store.input(fingerprint) or b"", recipes, dreamt)
    titles = [f"{layer.name}, depth {layer.depth:.2f}" for layer in chosen]
    write(out, _row(dreamt, titles, told))
    if as_json:
        files = {"network": loaded.name, "image": image, "out": str(out)}
        settings = {"size": size, "strength": strength, "seed": seed}
        rows = [
            _report(layer, recipe, it)
            for layer, recipe, it in zip(chosen, recipes, told, strict=True)
        ]
        print_json({**files, **settings, "depths": rows})
        return
    table = Table("layer", "depth", "seen in the dream", "labels whose neurons grew most")
    for layer, it in zip(chosen, told, strict=True):
        table.add_row(layer.name, f"{layer.depth:.2f}", _classes(it), ", ".join(_grown(it)))
    Console().print(table)


def _layers(network: "Network", text: str) -> "list[Layer]":
    """Read the layers that are named, each once, from shallow to deep; some by default."""
    from core.experiments import concept_growth

    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        return concept_growth.spread(network)
    found = {network.layer(name).name: network.layer(name) for name in names}
    low, high = concept_growth.DEPTHS
    if not low <= len(found) <= high:
        raise ExplorerError(f"{len(found)} layers are named; name {low} to {high} different ones")
    return sorted(found.values(), key=lambda layer: layer.index)


def _row(dreamt: list[bytes], titles: list[str], told: "list[DreamMeasures]") -> bytes:
    from core.figures import dream_row
    from core.images import image_io

    words = [[f"sees: {_classes(it, 2)}", *_grown(it)] for it in told]
    drawn = dream_row.draw_row([image_io.open_picture(it) for it in dreamt], titles, words)
    return image_io.encode_png(drawn)


def _classes(told: "DreamMeasures", count: int = 3) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in told.classes[:count])


def _grown(told: "DreamMeasures") -> list[str]:
    return [f"{it.concept} {2**it.value:.1f} times" for it in told.grown[:GROWN]]


def _report(layer: "Layer", recipe: "DreamRecipe", told: "DreamMeasures") -> dict[str, Any]:
    """Sum up one depth as JSON values."""
    return {
        "layer": layer.name,
        "depth": layer.depth,
        "job": recipe.key,
        "classes": [{"label": name, "probability": share} for name, share in told.classes],
        "grown": [asdict(it) for it in told.grown],
    }
