"""The command that builds an index of dataset examples."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.files import check_output
from explorer import cores
from explorer.cli import options
from explorer.cli.command_io import print_json, print_note, split_names
from explorer.cli.network_session import load_network, weights_file
from explorer.cli.options import cli

if TYPE_CHECKING:
    from core.index.accumulator import IndexAccumulator
    from core.progress import Progress

# At most this many skipped files are listed; the JSON output lists all of them.
SKIPPED_SHOWN = 10


@cli.command()
def index(
    network: options.NetworkName,
    images: options.CollectionName,
    out: Annotated[Path, typer.Option(help="The index file to write.")],
    weights: options.WeightsFile = None,
    layers: options.LayerNames = "",
    k: Annotated[int, typer.Option("--k", help="Pictures to keep of each neuron.")] = 9,
    mean: Annotated[bool, typer.Option("--mean", help="Rank by the mean, too.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the file, and add what is new.")
    ] = False,
    engine: options.EngineName = "local",
    address: options.ClusterAddress = None,
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
    from explorer.engine import RAY, check_engine

    check_engine(engine, address)
    check_output(out, ())
    source = sources.find_source(images)
    # With Ray, the network runs in other processes. This one only merges their results.
    weights = weights_file(network, weights)
    loaded = load_network(network, weights, "cpu" if engine == RAY else device)
    by = ("max", "mean") if mean else ("max",)
    plan = build.plan_index(loaded, source, split_names(layers), k, by)
    accumulator = build.open_accumulator(plan, source, out, resume)
    before, started = len(accumulator.pictures), time.monotonic()
    what = f"indexing {network}"
    if engine == RAY:
        from explorer.cluster.index_builder import build_on_ray

        steps = build_on_ray(loaded, weights, source, accumulator, out, address)
        _run_steps(steps, what, accumulator, out)
    else:
        with cores.joined(cores.BACKGROUND) as share:
            steps = build.build_index(
                loaded, source, accumulator, out, workers, batch, busy=share.count
            )
            _run_steps(steps, what, accumulator, out)
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
