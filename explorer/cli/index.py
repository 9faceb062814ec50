"""Commands that find the dataset examples of units, and the units that an image activates."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from core.errors import ExplorerError
from core.files import check_output, write_file
from core.recipes.neuron import STEPS
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, print_table, split_names
from explorer.cli.options import cli, option
from explorer.recipe_fields import NEURONS
from explorer.text import formatting

if TYPE_CHECKING:
    from core.index.accumulator import IndexAccumulator
    from core.index.reader import Hit, Index
    from core.progress import Progress

IndexFile = Annotated[Path, typer.Argument(help="An index that `index` made.")]
LayerNames = Annotated[str, typer.Option(help="Layers, such as relu2b,relu4b.")]
# At most this many skipped files are listed; the JSON output lists all of them.
SKIPPED_SHOWN = 10


@cli.command()
def index(
    network: options.NetworkName,
    images: Annotated[
        str,
        typer.Option(help="A folder, tar or zip, sketchworld:5000, or torchvision:NAME[:SPLIT]."),
    ],
    out: Annotated[Path, typer.Option(help="The index file to write.")],
    weights: options.WeightsFile = None,
    layers: LayerNames = "",
    k: Annotated[int, typer.Option("--k", help="Pictures to keep of each neuron.")] = 9,
    mean: Annotated[bool, typer.Option("--mean", help="Rank by the mean, too.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the file, and add what is new.")
    ] = False,
    engine: Annotated[
        str, typer.Option(envvar="EXPLORER_ENGINE", help="local (this machine) or ray.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(envvar="EXPLORER_RAY_ADDRESS", help="Of a Ray cluster, or auto.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Threads; by default one a processor.", min=1, max=256)
    ] = None,
    batch: Annotated[
        int, typer.Option(help="Pictures that a thread takes on at a time.", min=1, max=4096)
    ] = 16,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Find the pictures of a collection that excite each neuron most."""
    from core.datasets import sources
    from core.index import build
    from core.networks import registry
    from explorer.engine import RAY, check_engine

    check_engine(engine, address)
    check_output(out, ())
    source = sources.find_source(images)
    # With Ray, the network runs in other processes. This one only merges their results.
    loaded = registry.load(network, weights, "cpu" if engine == RAY else device)
    by = ("max", "mean") if mean else ("max",)
    plan = build.plan_index(loaded, source, split_names(layers), k, by)
    accumulator = build.open_accumulator(plan, source, out, resume)
    before, started = len(accumulator.pictures), time.monotonic()
    if engine == RAY:
        from explorer.cluster.index_builder import build_on_ray

        steps = build_on_ray(loaded, weights, source, accumulator, out, address)
    else:
        steps = build.build_index(loaded, source, accumulator, out, workers, batch)
    _run_steps(steps, f"indexing {network}", accumulator, out)
    seconds = time.monotonic() - started
    if as_json:
        print_json(_index_facts(out, accumulator, before, seconds))
        return
    _print_skipped(accumulator.skipped)
    fresh = len(accumulator.pictures) - before
    print_note(
        f"{fresh:,} pictures in {seconds:.1f} s; {out} knows {fresh + before:,} pictures "
        f"and {plan.units:,} neurons of {len(plan.layers)} layers"
    )


def _run_steps(
    steps: "Iterator[Progress]", what: str, accumulator: "IndexAccumulator", out: Path
) -> None:
    """Build an index step by step, with a progress bar.

    On Ctrl-C, save the unfinished index, and exit.

    Args:
        steps: the generator that builds the index.
        what: label of the progress bar.
        accumulator: the index that is being built.
        out: the index file.
    """
    from explorer.cli.run_job import INTERRUPTED, progress_bar

    with progress_bar() as bar, _interrupt_between_steps() as stop:
        task = bar.add_task(what, total=None)
        for step in steps:
            bar.update(task, completed=step.done, total=max(step.total, 1))
            if stop.is_set():
                break
        else:
            return
        accumulator.save(out)
    print_note(f"stopped after {len(accumulator.pictures):,} pictures; --resume goes on from there")
    raise typer.Exit(INTERRUPTED)


@contextmanager
def _interrupt_between_steps() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C or SIGTERM sets, so that the caller can finish the current step.

    A second signal raises KeyboardInterrupt as usual.
    """
    requested = threading.Event()
    defaults = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, default in defaults.items():
            signal.signal(number, default)

    def notice(*_: object) -> None:
        requested.set()
        restore()

    for number in defaults:
        signal.signal(number, notice)
    try:
        yield requested
    finally:
        restore()


def _index_facts(
    out: Path, accumulator: "IndexAccumulator", before: int, seconds: float
) -> dict[str, Any]:
    plan = accumulator.plan
    return {
        "index": str(out),
        "fingerprint": plan.fingerprint,
        "network": plan.network,
        "weights": plan.weights,
        "images": accumulator.source,
        "layers": [{"name": it.name, "channels": it.channels} for it in plan.layers],
        "k": plan.k,
        "by": plan.by,
        "pictures": len(accumulator.pictures),
        "added": len(accumulator.pictures) - before,
        "skipped": [
            {"picture": name, "why": why} for name, why in sorted(accumulator.skipped.items())
        ],
        "seconds": seconds,
    }


def _print_skipped(skipped: dict[str, str]) -> None:
    if not skipped:
        return
    print_note(f"{len(skipped):,} files were skipped:")
    for why in [skipped[name] for name in sorted(skipped)][:SKIPPED_SHOWN]:
        print_note(f"  {why}")
    if len(skipped) > SKIPPED_SHOWN:
        print_note(f"  and {len(skipped) - SKIPPED_SHOWN:,} more; --json names all")


@cli.command()
def top(
    index: IndexFile,
    layer: Annotated[str, typer.Argument(help="A layer that was indexed.")],
    unit: Annotated[int, typer.Argument(help="A neuron: its number in the layer.")],
    out: Annotated[Path | None, typer.Option(help="Write the crops as a grid, a PNG.")] = None,
    least: Annotated[bool, typer.Option("--least", help="Those that excite it least.")] = False,
    by: Annotated[str, typer.Option(help="max, or mean if it was indexed.")] = "max",
    show: Annotated[
        str, typer.Option(help="Evidence in the grid: heat, guided or deconvolution.")
    ] = "",
    outline: Annotated[
        bool, typer.Option("--outline", help="Outline what matters where all is seen.")
    ] = False,
    weights: options.WeightsFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List the pictures that excite a neuron most, and what it saw in them."""
    from core.datasets.image_source import printable
    from core.figures import crop_grids
    from core.images import image_io
    from core.index import reader
    from core.networks import registry

    if out is not None:
        check_output(out)
    elif show or outline:
        raise ExplorerError("evidence is drawn into a grid; name its file with --out")
    opened = reader.open_index(index)
    hits = opened.least(layer, unit, by) if least else opened.top(layer, unit, by)
    if out is not None and not hits:
        raise ExplorerError(
            f"none of {opened.count:,} pictures excites unit {unit} of {layer}, so there are no "
            "crops to draw; --least shows those that leave it at its lowest"
        )
    if out is not None:
        # The network is needed only for --show and --outline.
        needed = bool(show or outline)
        network = registry.load(opened.plan.network, weights) if needed else None
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
    print_table(
        ("", "picture", "label", "value", "row, col", "top, left, bottom, right"),
        (
            (
                str(it.rank),
                Text(printable(it.picture)),
                Text(label),
                f"{it.value:.4g}",
                f"{it.row}, {it.col}",
                ", ".join(map(str, it.box)),
            )
            for it, label in zip(hits, labels, strict=True)
        ),
    )


def _labels(index: "Index", hits: "tuple[Hit, ...]") -> list[str]:
    """Return the label of the image of each hit; "" for all if the collection no longer exists."""
    try:
        return [index.label(hit.picture) for hit in hits]
    except ExplorerError:
        return [""] * len(hits)


@cli.command()
def probe(
    network: options.NetworkName,
    image: Annotated[Path, typer.Argument(help="A picture.")],
    index: Annotated[
        Path | None, typer.Option(help="An index to compare with, for percentiles.")
    ] = None,
    weights: options.WeightsFile = None,
    layers: LayerNames = "",
    count: Annotated[int, typer.Option(help="Neurons to name of each layer.", min=1)] = 5,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Tell which neurons a picture excites, and what it is taken for."""
    from core.analysis import probe as analysis
    from core.images import image_io
    from core.index import reader
    from core.networks import registry

    picture = image_io.open_picture(image)
    compared = None if index is None else reader.open_index(index)
    loaded = registry.load(network, weights, device)
    found = analysis.probe(loaded, picture, compared, split_names(layers), count)
    if as_json:
        print_json(
            {
                "network": loaded.name,
                "image": str(image),
                "index": index and str(index),
                "classes": [{"label": it, "probability": share} for it, share in found.classes],
                "caveat": analysis.caveat(loaded),
                "layers": {name: [asdict(it) for it in its] for name, its in found.layers.items()},
            }
        )
        return
    classes = (f"{it} {formatting.probability(share)}" for it, share in found.classes)
    Console().print(f"probabilities: {', '.join(classes)}", markup=False)
    if caveat := analysis.caveat(loaded):
        print_note(caveat)
    standing = f"neurons that stand out among {compared.count:,} pictures" if compared else ""
    print_table(
        ("layer", standing or "highest neurons, and their activations"),
        (
            (name, "   ".join(map(_response_text, responses)))
            for name, responses in found.layers.items()
        ),
    )


def _response_text(response: Any) -> str:
    """Return a unit's response as text: ``12 (3.4)``, or ``12 (top 0.2 %)`` with a percentile."""
    if response.percentile is None:
        return f"{response.unit} ({response.value:.3g})"
    return f"{response.unit} ({formatting.standing(response.percentile)})"


@cli.command()
def figure(
    index: IndexFile,
    out: Annotated[Path, typer.Option(help="The figure to write, a PNG.")],
    layers: LayerNames = "",
    units: Annotated[int, typer.Option(help="Neurons of each layer.", min=1, max=64)] = 4,
    steps: Annotated[int, option(NEURONS, "steps")] = STEPS,
    weights: options.WeightsFile = None,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Draw what neurons want to see beside the crops they liked best."""
    from core.figures import crop_grids
    from core.images import image_io
    from core.index import reader
    from core.networks import registry
    from explorer.cli.run_job import progress_bar

    check_output(out)
    opened = reader.open_index(index)
    loaded = registry.load(opened.plan.network, weights, device)
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
