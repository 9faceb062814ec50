"""The command line: results on standard output, progress on standard error.

It exits with 0 when all went well, 1 with one sentence when something is refused, and 2 when the
command itself is misspelt. PyTorch takes seconds to import, so commands import what they need.
"""

import importlib
import json
import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from core.errors import ExplorerError

if TYPE_CHECKING:
    from core.layers import Layer
    from core.networks import Network
    from core.recipes import NeuronRecipe
    from explorer.store import Store, StoredPicture

ROOT = Path(__file__).resolve().parent.parent

cli = typer.Typer(
    help="See inside an image network: neurons, dreams and style at every depth.",
    pretty_exceptions_enable=False,
    add_completion=False,
)

NetworkName = Annotated[str, typer.Argument(help="A network's name; `networks` lists them.")]
WeightsFile = Annotated[
    Path | None, typer.Option("--weights", help="A checkpoint of your own: .safetensors or .pth.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DeviceName = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def main() -> None:
    """Run the command line, and turn what is refused into one sentence and exit code 1."""
    try:
        cli()
    except ExplorerError as error:
        Console(stderr=True, soft_wrap=True).print(f"error: {error}", markup=False, highlight=False)
        sys.exit(1)


@cli.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Start the app if no command is named."""
    if context.invoked_subcommand is None:
        app()


@cli.command()
def app(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port; by default 8501 or the next free one.")
    ] = None,
) -> None:
    """Start the app in the browser."""
    from streamlit.web.cli import main_run

    # PyTorch takes seconds to import; meanwhile the server starts and the browser opens.
    threading.Thread(target=importlib.import_module, args=["core.networks"], daemon=True).start()
    # Streamlit reads its settings from the folder it is started in.
    os.chdir(ROOT)
    arguments = [str(ROOT / "explorer" / "app.py"), "--server.address", host]
    if port is not None:
        arguments += ["--server.port", str(port)]
    main_run.main(arguments, standalone_mode=False)


@cli.command()
def networks(as_json: AsJson = False) -> None:
    """List the networks that can be explored."""
    from core.networks import catalogue

    rows = catalogue()
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table("network", "parameters", "source", "ready")
    for row in rows:
        ready = "yes" if row.ready else f"after a download of {row.download_mb:.0f} MB"
        table.add_row(row.name, f"{row.parameters / 1e6:.1f} M", row.source, ready)
    Console().print(table)


@cli.command()
def layers(
    network: NetworkName,
    weights: WeightsFile = None,
    every: Annotated[bool, typer.Option("--all", help="Also layers few people want.")] = False,
    as_json: AsJson = False,
) -> None:
    """List a network's layers from the image to the logits."""
    from core.networks import load

    loaded = load(network, weights, device="cpu")
    rows = loaded.layers if every else loaded.shown
    if as_json:
        print_json([_layer_facts(row) for row in rows])
        return
    height, width = loaded.input_size
    table = Table("layer", "channels", "stride", "receptive field", f"output at {height} x {width}")
    for row in rows:
        field = _times(row.receptive_field) or "the whole picture"
        table.add_row(row.name, str(row.channels), _times(row.stride), field, _times(row.size))
    Console().print(table)


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
    from explorer.store import Store

    if out is not None:
        check_writable(out)
    loaded = load(network, weights, device)
    found = loaded.layer(layer)
    recipes = plan(loaded, layer, parse_units(units, loaded, found), size, steps, seed)
    store = Store()
    started = time.monotonic()
    rendered = _render_missing(store, loaded, recipes, fresh)
    wall = time.monotonic() - started
    pictures, seconds = _collect(store, recipes)
    if out is not None:
        _write_montage(out, recipes, pictures)
    report = {
        "network": loaded.name,
        "weights": loaded.fingerprint,
        "layer": found.name,
        "size": size,
        "steps": steps,
        "seed": seed,
        "seconds": seconds,
        "rendered": rendered,
        "out": str(out) if out is not None else None,
        "units": [{"unit": picture.part, **picture.facts} for picture in pictures],
    }
    if as_json:
        print_json(report)
        return
    Console().print(_neuron_table(pictures))
    kept = f"; {len(pictures) - rendered} came from the store" if rendered < len(pictures) else ""
    Console(stderr=True).print(f"{rendered} rendered in {wall:.1f} s{kept}")


def _render_missing(
    store: "Store", network: "Network", recipes: list["NeuronRecipe"], fresh: bool
) -> int:
    """Render what the store lacks, with a bar on standard error; say how many units that was."""
    from explorer.rendering import render_neurons

    missing = [recipe for recipe in recipes if fresh or store.get(recipe.key) is None]
    if not missing:
        return 0
    units = sum(len(recipe.units) for recipe in missing)
    bar = Progress(
        TextColumn("rendering neurons"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("unit-steps, time left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task("", total=sum(len(it.units) * it.steps for it in missing))
        behind = 0
        for recipe in missing:
            for progress in render_neurons(store, network, recipe):
                bar.update(task, completed=behind + progress.done * len(recipe.units))
            behind += recipe.steps * len(recipe.units)
    return units


def _collect(store: "Store", recipes: list["NeuronRecipe"]) -> tuple[list["StoredPicture"], float]:
    """Get the pictures of recipes that are in the store, in their order, and what they took."""
    pictures, seconds = [], 0.0
    for recipe in recipes:
        result = store.get(recipe.key)
        if result is not None:
            pictures += [result.pictures[unit] for unit in recipe.units]
            seconds += result.seconds
    return pictures, seconds


def _neuron_table(pictures: list["StoredPicture"]) -> Table:
    table = Table("unit", "clean activation", "")
    for picture in pictures:
        remark = "dead" if picture.facts["dead"] else ""
        table.add_row(str(picture.part), f"{picture.facts['activation']:.4g}", remark)
    return table


def _write_montage(
    out: Path, recipes: list["NeuronRecipe"], pictures: list["StoredPicture"]
) -> None:
    import torch

    from core import images
    from explorer.rendering import RECIPE_CHUNK

    tiles = torch.cat([images.to_tensor(images.open_picture(it.image)) for it in pictures])
    text = "[" + ",".join(recipe.to_json() for recipe in recipes) + "]"
    png = images.encode_png(images.to_picture(images.montage(tiles)), {RECIPE_CHUNK: text})
    try:
        out.write_bytes(png)
    except OSError as error:
        raise ExplorerError(f"{out} cannot be written: {error}") from error


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


def check_writable(out: Path) -> None:
    """Refuse, before any work, a file that could not be written."""
    if out.suffix.lower() != ".png":
        raise ExplorerError(f"{out} must end in .png")
    if not out.parent.is_dir():
        raise ExplorerError(f"there is no folder {out.parent} to write {out.name} into")


def _layer_facts(layer: "Layer") -> dict[str, Any]:
    names = ("name", "node", "channels", "stride", "receptive_field", "size", "depth", "shown")
    return {name: getattr(layer, name) for name in names}


def _times(size: tuple[int, int] | None) -> str:
    """Write a (height, width); nothing for a layer without positions."""
    if size is None:
        return ""
    return str(size[0]) if size[0] == size[1] else f"{size[0]} x {size[1]}"


def print_json(content: Any) -> None:
    """Print JSON on standard output."""
    sys.stdout.write(json.dumps(content, indent=2) + "\n")
