"""The commands of style: transfer, texture, reconstruction of content."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from core.errors import ExplorerError
from core.recipes.style import COLOURS, INITS, LOSSES, METHODS, POOLINGS, STYLE_SIZES, StyleRecipe
from explorer.cli.dreams import parse_layers
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
    from explorer.store.results import Store, StoredPicture

# What several commands take. Where nothing is given, the network's usual settings apply.
Picture = Annotated[str, typer.Argument(help="A picture's file, or the name of a sample.")]
StylePicture = Annotated[
    str, typer.Argument(help="A painting's file, or one of ours: swirls, dots, mosaic ...")
]
PngOut = Annotated[Path, typer.Option(help="Where the picture goes, a PNG.")]
Layers = Annotated[
    str | None,
    typer.Option(help="Such as relu1a,relu2a, or relu1a:2,relu2a:1 with what each has to say."),
]
Loss = Annotated[str, typer.Option(help=f"What style is: {' or '.join(LOSSES)}.")]
Balance = Annotated[float | None, typer.Option(help="How much content has to say beside style.")]
Size = Annotated[int, typer.Option(help="Longer side of each picture in pixels.")]
Steps = Annotated[int | None, typer.Option(help="Steps at each size, from small to large.")]
Method = Annotated[str | None, typer.Option(help=f"How it climbs: {' or '.join(METHODS)}.")]
Rate = Annotated[float | None, typer.Option(help="How far a step leads.")]
Variation = Annotated[float | None, typer.Option(help="How much differences cost: smoothness.")]
Pooling = Annotated[str | None, typer.Option(help=f"Of the network: {', '.join(POOLINGS)}.")]
StyleScale = Annotated[float, typer.Option(help="Size of the paintings beside the picture's.")]
Seed = Annotated[int, typer.Option(help="Where all chance comes from.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Paint anew what is in the store.")]


@cli.command()
def style(
    network: NetworkName,
    content: Picture,
    style: StylePicture,
    out: PngOut,
    content_layers: Layers = None,
    style_layers: Layers = None,
    balance: Balance = None,
    size: Size = StyleRecipe.size,
    steps: Steps = None,
    loss: Loss = StyleRecipe.loss,
    keep_colours: Annotated[
        bool, typer.Option("--keep-colours", help="Keep the content's colours: paint its light.")
    ] = False,
    colours: Annotated[
        str | None, typer.Option(help=f"Whose colours: {', '.join(COLOURS)}.")
    ] = None,
    init: Annotated[str, typer.Option(help=f"What it starts from: {', '.join(INITS)}.")] = INITS[0],
    start: Annotated[str | None, typer.Option(help="Start from this picture.")] = None,
    beside: Annotated[
        list[str] | None, typer.Option("--and", help="Another painting; may be repeated.")
    ] = None,
    shares: Annotated[
        str, typer.Option(help="How much each painting has to say, such as 2,1.")
    ] = "",
    mask: Annotated[
        list[str] | None,
        typer.Option(help="Paint where this picture is bright; repeated, one for each painting."),
    ] = None,
    style_scale: StyleScale = StyleRecipe.style_scale,
    variation: Variation = None,
    pooling: Pooling = None,
    method: Method = None,
    rate: Rate = None,
    seed: Seed = StyleRecipe.seed,
    weights: WeightsFile = None,
    fresh: Fresh = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Paint a picture in the style of another one."""
    check_writable(out)
    settings = {
        **_layers("content", content_layers),
        **_layers("style", style_layers),
        "balance": balance,
        "size": size,
        "steps": steps,
        "loss": loss,
        "colours": colours or ("light" if keep_colours else None),
        "init": "picture" if start is not None else init,
        "style_shares": _numbers(shares),
        "style_scale": style_scale,
        "variation": variation,
        "pooling": pooling,
        "method": method,
        "rate": rate,
        "seed": seed,
    }
    pictures = {"content": [content], "styles": [style, *(beside or [])]}
    masks = [*([] if start is None else [("start", start)]), *(("mask", it) for it in mask or [])]
    _run(network, pictures, masks, settings, out, weights, fresh, device, as_json)


@cli.command()
def texture(
    network: NetworkName,
    style: StylePicture,
    layers: Annotated[str, typer.Argument(help="The layers that speak: relu1a,relu2a.")],
    out: PngOut,
    size: Size = StyleRecipe.size,
    steps: Steps = None,
    loss: Loss = StyleRecipe.loss,
    style_scale: StyleScale = StyleRecipe.style_scale,
    variation: Variation = None,
    pooling: Pooling = None,
    method: Method = None,
    rate: Rate = None,
    seed: Seed = StyleRecipe.seed,
    weights: WeightsFile = None,
    fresh: Fresh = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Make a texture: the style of a picture alone, from noise."""
    check_writable(out)
    settings = {
        **_layers("style", layers),
        "init": "noise",
        "size": size,
        "steps": steps,
        "loss": loss,
        "style_scale": style_scale,
        "variation": variation,
        "pooling": pooling,
        "method": method,
        "rate": rate,
        "seed": seed,
    }
    _run(network, {"styles": [style]}, [], settings, out, weights, fresh, device, as_json)


@cli.command()
def reconstruct(
    network: NetworkName,
    content: Picture,
    layer: Annotated[str, typer.Argument(help="What this layer knows of it; or several.")],
    out: PngOut,
    size: Size = StyleRecipe.size,
    steps: Steps = None,
    variation: Variation = None,
    pooling: Pooling = None,
    method: Method = None,
    rate: Rate = None,
    seed: Seed = StyleRecipe.seed,
    weights: WeightsFile = None,
    fresh: Fresh = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Reconstruct a picture, from noise, from what one layer sees in it."""
    check_writable(out)
    settings = {
        **_layers("content", layer),
        "init": "noise",
        "size": size,
        "steps": steps,
        "variation": variation,
        "pooling": pooling,
        "method": method,
        "rate": rate,
        "seed": seed,
    }
    _run(network, {"content": [content]}, [], settings, out, weights, fresh, device, as_json)


def _run(
    name: str,
    pictures: Mapping[str, Sequence[str]],
    others: Sequence[tuple[str, str]],
    settings: Mapping[str, Any],
    out: Path,
    weights: Path | None,
    fresh: bool,
    device: str,
    as_json: bool,
) -> None:
    """Paint as a job, write the picture, and tell how each cost fell."""
    from core.networks.registry import load
    from core.style import transfer
    from explorer.cli.run_job import run_recipe
    from explorer.store.results import Store

    network = load(name, weights, device)
    store = Store()
    inputs = _inputs(store, pictures, others)
    recipe = transfer.plan(network, **settings, **inputs)
    if weights is not None:
        store.remember_checkpoint(network.name, network.fingerprint, weights)
    started = time.monotonic()
    (picture,) = run_recipe(store, recipe, device, fresh=fresh, shipped=False)
    seconds = time.monotonic() - started
    write(out, picture.image)
    _tell(recipe, picture, seconds, out, as_json)


def _inputs(
    store: "Store", pictures: Mapping[str, Sequence[str]], others: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Keep all pictures that are named, and give their fingerprints by the recipe's settings."""
    kept: dict[str, Any] = {}
    if "content" in pictures:
        kept["content"] = store_named_image(store, pictures["content"][0], STYLE_SIZES[1])
    if "styles" in pictures:
        kept["styles"] = tuple(
            store_named_image(store, it, STYLE_SIZES[1]) for it in pictures["styles"]
        )
    for what, it in others:
        fingerprint = store_named_image(store, it, STYLE_SIZES[1])
        if what == "start":
            kept["start"] = fingerprint
        else:
            kept["masks"] = (*kept.get("masks", ()), fingerprint)
    return kept


def _layers(what: str, text: str | None) -> dict[str, Any]:
    """Read layers with their weights as settings of a recipe; none where there is no text."""
    if not text:
        return {}
    names, weights = parse_layers(text)
    return {f"{what}_layers": tuple(names), f"{what}_weights": weights}


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(it) for it in text.split(",")) if text else ()
    except ValueError:
        raise ExplorerError(f"shares {text!r} cannot be read; write them like 2,1") from None


def _tell(
    recipe: StyleRecipe, picture: "StoredPicture", seconds: float, out: Path, as_json: bool
) -> None:
    """Say how each cost fell, and where the picture is."""
    losses = json.loads(str(picture.facts["losses"]))
    if as_json:
        ends = {name: {"start": it["start"], "end": it["end"]} for name, it in losses.items()}
        settings = json.loads(recipe.to_json())
        print_json({**settings, "losses": ends, "seconds": seconds, "out": str(out)})
        return
    table = Table("cost of", "at the start", "at the end")
    for name, it in losses.items():
        table.add_row(name, f"{it['start']:.4g}", f"{it['end']:.4g}")
    Console().print(table)
    Console(stderr=True, soft_wrap=True).print(f"{out}: {seconds:.1f} s", highlight=False)
