"""The command that renders what neurons want to see."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from core.errors import ExplorerError
from core.recipes.neuron import CANVASES, OBJECTIVES, SIZE_RANGE, STEPS
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
    from PIL.Image import Image

    from core.networks.layers import Layer
    from core.networks.network import Network
    from core.recipes.neuron import NeuronRecipe
    from explorer.store.results import Store, StoredPicture

# Another name for a channel of the last layer.
LOGIT = "logit"


Units = Annotated[str, typer.Option(help="Such as 0-15,40; all by default.")]
Size = Annotated[
    int | None,
    typer.Option(help="Height and width in pixels; by default what suits the layer."),
]
Steps = Annotated[int, typer.Option(help="Steps of ascent, at most.")]
Seed = Annotated[int, typer.Option(help="Where all chance comes from.")]
ObjectiveName = Annotated[
    str, typer.Option(help=f"What to climb: {', '.join((*OBJECTIVES, LOGIT))}.")
]
CanvasName = Annotated[str, typer.Option(help=f"What is free: {', '.join(CANVASES)}.")]
Diversity = Annotated[int, typer.Option(help="Pictures of each neuron, made to differ.", min=1)]
Negative = Annotated[bool, typer.Option("--negative", help="What the neurons want least.")]
FromImage = Annotated[
    str | None,
    typer.Option(help="Start from this picture; a caricature or inversion is made of it."),
]
SpectrumOf = Annotated[
    Path | None,
    typer.Option(help="A folder of pictures whose frequencies the canvas maco keeps to."),
]
TotalVariation = Annotated[float, typer.Option(help="How much differences cost.")]
L2 = Annotated[float, typer.Option("--l2", help="How much contrast costs.")]
Blur = Annotated[float, typer.Option(help="How much sharpness costs.")]
Out = Annotated[Path | None, typer.Option(help="Write one montage, a PNG.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Render anew what is in the store.")]


@cli.command()
def neurons(
    network: NetworkName,
    layer: Annotated[str, typer.Argument(help="A layer's name; `layers` lists them.")],
    units: Units = "",
    size: Size = None,
    steps: Steps = STEPS,
    seed: Seed = 0,
    objective: ObjectiveName = OBJECTIVES[0],
    canvas: CanvasName = CANVASES[0],
    diversity: Diversity = 1,
    negative: Negative = False,
    from_image: FromImage = None,
    spectrum: SpectrumOf = None,
    total_variation: TotalVariation = 0.0,
    l2: L2 = 0.0,
    blur: Blur = 0.0,
    weights: WeightsFile = None,
    out: Out = None,
    fresh: Fresh = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Render what neurons of a layer want to see."""
    from core.networks.registry import load
    from core.neurons.render_neurons import plan
    from explorer.rendering import render_recipe, replay
    from explorer.store.results import Store

    if out is not None:
        check_writable(out)
    loaded = load(network, weights, device)
    found = loaded.layer(layer)
    store = Store()
    settings = {"count": diversity, "negative": negative, "canvas": canvas}
    penalties = {"total_variation": total_variation, "l2": l2, "blur": blur}
    inputs = {
        "image": store_named_image(store, from_image, SIZE_RANGE[1]),
        "spectrum": _keep_spectrum(store, spectrum),
    }
    settings |= {"objective": _objective(objective, loaded, found), **penalties, **inputs}
    chosen = parse_units(units, loaded, found)
    recipe = plan(loaded, layer, chosen, size, steps, seed, **settings)
    if out is not None:
        replay.check_montage(recipe)
    if weights is not None:
        store.remember_checkpoint(loaded.name, loaded.fingerprint, weights)
    started = time.monotonic()
    rendered = _make(store, recipe, fresh, out is not None, device)
    wall = time.monotonic() - started
    by_number = store.pictures(recipe)
    pictures = [by_number[number] for number in recipe.pictures]
    if out is not None:
        write(out, render_recipe.render_sheet(recipe, pictures))
    if as_json:
        print_json(_report(store, recipe, pictures, rendered, out))
        return
    Console().print(_neuron_table(recipe, pictures))
    kept = f"; {len(pictures) - rendered} came from the store" if rendered < len(pictures) else ""
    Console(stderr=True).print(f"{rendered} rendered in {wall:.1f} s{kept}")


def _objective(name: str, network: "Network", layer: "Layer") -> str:
    """Take ``logit`` for what it is: a channel of the layer that gives the classes' scores."""
    if name != LOGIT:
        return name
    if layer != network.shown[-1]:
        raise ExplorerError(
            f"logits are in {network.shown[-1].name}, not in {layer.name}; "
            "name that layer, or take the objective channel"
        )
    return OBJECTIVES[0]


def _keep_spectrum(store: "Store", folder: Path | None) -> str:
    """Measure and keep the spectrum of a folder of pictures, and give its fingerprint."""
    from core.errors import BadPicture
    from core.images import image_io
    from core.optim import natural_spectrum

    if folder is None:
        return ""
    if not folder.is_dir():
        raise ExplorerError(f"there is no folder {folder}")

    def pictures() -> "Iterator[Image]":
        for path in sorted(it for it in folder.rglob("*") if it.is_file()):
            with contextlib.suppress(BadPicture):
                yield image_io.open_picture(path)

    found = natural_spectrum.measure(pictures())
    store.put_input(found.fingerprint, found.to_bytes())
    return found.fingerprint


def _make(store: "Store", recipe: "NeuronRecipe", fresh: bool, exact: bool, device: str) -> int:
    """Render what the store lacks, as a job.

    Args:
        store: where the pictures go.
        recipe: what is wanted.
        fresh: render also what the store has.
        exact: pictures that came with the project, which are lossy, will not do.
        device: where to compute.

    Returns:
        How many pictures were rendered.
    """
    from explorer.cli.run_job import run_recipe

    parts = recipe.parts()
    there = set() if fresh else store.present([it.key for it in parts], not exact)
    run_recipe(store, recipe, device, fresh=fresh, shipped=not exact)
    return sum(len(it.pictures) for it in parts if it.key not in there)


def _report(
    store: "Store",
    recipe: "NeuronRecipe",
    pictures: list["StoredPicture"],
    rendered: int,
    out: Path | None,
) -> dict[str, Any]:
    """Sum up what was made, as JSON values."""
    settings = {
        name: value
        for name, value in json.loads(recipe.to_json()).items()
        if name not in ("kind", "version", "units")
    }
    results = [store.get(part.key) for part in recipe.parts()]
    return {
        **settings,
        "seconds": sum(it.seconds for it in results if it),
        "rendered": rendered,
        "out": str(out) if out is not None else None,
        "units": [{**_place(recipe, it.part), **it.facts} for it in pictures],
    }


def _place(recipe: "NeuronRecipe", number: int) -> dict[str, int]:
    """Tell of which unit a picture is, and which one where it has several."""
    unit = recipe.unit_of(number)
    place = {} if unit is None else {"unit": unit}
    return place if len(recipe.pictures) == len(recipe.units) else {**place, "picture": number}


def _neuron_table(recipe: "NeuronRecipe", pictures: list["StoredPicture"]) -> Table:
    each = recipe.unit_of(pictures[0].part) is not None
    table = Table("unit" if each else "picture", "clean activation", "")
    for picture in pictures:
        remark = "dead" if picture.facts["dead"] else ""
        name = recipe.unit_of(picture.part) if each else picture.part
        table.add_row(str(name), f"{picture.facts['activation']:.4g}", remark)
    return table


def parse_units(text: str, network: "Network", layer: "Layer") -> list[int]:
    """Read unit numbers such as ``0-15,40``, each once, in the order given.

    Raises:
        ExplorerError: the text is misspelt, or a unit is not in the layer.
    """
    chosen: dict[int, None] = {}
    for piece in text.replace(" ", "").split(",") if text else []:
        first, dash, last = piece.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ExplorerError(f"units {text!r} cannot be read; write them like 0-15,40")
        low, high = int(first), int(last) if dash else int(first)
        if low > high:
            raise ExplorerError(f"units {piece!r} run backwards; write {high}-{low}")
        network.layer_with_units(layer.name, [high])
        chosen.update(dict.fromkeys(range(low, high + 1)))
    return list(chosen)
