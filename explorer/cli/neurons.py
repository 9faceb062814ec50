"""The command that renders what neurons want to see."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from core.errors import ExplorerError
from explorer.cli.common import (
    AsJson,
    DeviceName,
    NetworkName,
    WeightsFile,
    check_writable,
    cli,
    print_json,
    write,
)

if TYPE_CHECKING:
    from core.layers import Layer
    from core.networks import Network
    from core.recipes import NeuronRecipe
    from explorer.store import Store, StoredPicture


@cli.command()
def neurons(
    network: NetworkName,
    layer: Annotated[str, typer.Argument(help="A layer's name; `layers` lists them.")],
    units: Annotated[str, typer.Option(help="Such as 0-15,40; all by default.")] = "",
    size: Annotated[int, typer.Option(help="Height and width of each picture in pixels.")] = 128,
    steps: Annotated[int, typer.Option(help="Steps of ascent.")] = 256,
    seed: Annotated[int, typer.Option(help="Where all chance comes from.")] = 0,
    weights: WeightsFile = None,
    out: Annotated[Path | None, typer.Option(help="Write one montage, a PNG.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Render anew what is in the store.")
    ] = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Render what neurons of a layer want to see."""
    from core.networks import load
    from core.neurons import plan
    from explorer import replay, work
    from explorer.store import Store

    if out is not None:
        check_writable(out)
    loaded = load(network, weights, device)
    found = loaded.layer(layer)
    recipe = plan(loaded, layer, parse_units(units, loaded, found), size, steps, seed)
    if out is not None:
        replay.check_montage(recipe)
    store = Store()
    if weights is not None:
        store.remember_checkpoint(loaded.name, loaded.fingerprint, weights)
    started = time.monotonic()
    rendered = _make(store, recipe, fresh, out is not None, device)
    wall = time.monotonic() - started
    by_unit = store.pictures(recipe)
    pictures = [by_unit[unit] for unit in recipe.units]
    if out is not None:
        write(out, work.sheet(recipe, pictures))
    if as_json:
        print_json(_report(store, recipe, pictures, rendered, out))
        return
    Console().print(_neuron_table(pictures))
    kept = f"; {len(pictures) - rendered} came from the store" if rendered < len(pictures) else ""
    Console(stderr=True).print(f"{rendered} rendered in {wall:.1f} s{kept}")


def _make(store: "Store", recipe: "NeuronRecipe", fresh: bool, exact: bool, device: str) -> int:
    """Render what the store lacks, as a job.

    Args:
        store: where the pictures go.
        recipe: what is wanted.
        fresh: render also what the store has.
        exact: pictures that came with the project, which are lossy, will not do.
        device: where to compute.

    Returns:
        How many units were rendered.
    """
    from explorer.cli.working import visitor, work_on
    from explorer.jobs import Jobs

    parts = recipe.parts()
    there = set() if fresh else store.present([it.key for it in parts], not exact)
    job = Jobs(store).submit(recipe, visitor(), fresh=fresh, shipped=not exact)
    if job.open:
        work_on(store, job, device)
    return sum(len(it.units) for it in parts if it.key not in there)


def _report(
    store: "Store",
    recipe: "NeuronRecipe",
    pictures: list["StoredPicture"],
    rendered: int,
    out: Path | None,
) -> dict[str, Any]:
    """Sum up what was made, as JSON values."""
    names = ("network", "weights", "layer", "size", "steps", "seed")
    results = [store.get(part.key) for part in recipe.parts()]
    return {
        **{name: getattr(recipe, name) for name in names},
        "seconds": sum(it.seconds for it in results if it),
        "rendered": rendered,
        "out": str(out) if out is not None else None,
        "units": [{"unit": it.part, **it.facts} for it in pictures],
    }


def _neuron_table(pictures: list["StoredPicture"]) -> Table:
    table = Table("unit", "clean activation", "")
    for picture in pictures:
        remark = "dead" if picture.facts["dead"] else ""
        table.add_row(str(picture.part), f"{picture.facts['activation']:.4g}", remark)
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
        if high >= layer.channels:
            raise ExplorerError(
                f"there is no unit {high} in {layer.name} of {network.name}; "
                f"its units are 0 to {layer.channels - 1}"
            )
        chosen.update(dict.fromkeys(range(low, high + 1)))
    return list(chosen)
