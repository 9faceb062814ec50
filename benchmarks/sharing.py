"""Benchmark of several computing programs at once, which share the processor's cores.

``python -m benchmarks.sharing`` starts a process for each of some jobs: a style transfer, a dream,
neurons and an index. Each loads everything, and then they compute one after the other, all at once
with shared cores, and all at once with each using all cores. The table has the time of all together
divided by the sum of their times alone, on one data folder and on two. It exits with 1 if a picture
differs from that made alone. Then a page of the app is run again and again while jobs compute.
"""

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.server import ROOT, Server, Visitor
from explorer.cores import FOLDER_VARIABLE
from explorer.paths import HOME_VARIABLE

KINDS = ("style", "dream", "neurons", "index")
# The jobs that run at once.
GROUPS = (
    ("style",), ("style", "style"), ("style", "index"), ("dream", "neurons"),
    ("style", "dream", "neurons"), ("dream", "neurons", "index"),
)  # fmt: skip
SIZE, DRAWINGS = 256, 1500
PAGE_SECONDS, PAUSE_SECONDS = 20.0, 0.2
PAGES = (("layer=relu3b", "layers"), ("layer=relu4a&unit=3", "neuron"))


def main(
    rounds: Annotated[int, typer.Option(help="Medians of this many.", min=1)] = 3,
    page: Annotated[bool, typer.Option(help="Also time a page meanwhile.")] = True,
    job: Annotated[str, typer.Option(hidden=True, help="The kind of one job's process.")] = "",
    number: Annotated[int, typer.Option(hidden=True, help="The job's number.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Compute groups of jobs in three ways, and print the times of all together."""
    if job:
        compute(job, number)
        return
    found: dict[str, Any] = {"groups": [], "page": None}
    table = Table("at once", "sum alone, s", "shared, one folder", "two folders", "not shared")
    wrong = []
    for group in GROUPS:
        row = measure(group, rounds)
        found["groups"].append(row)
        alone = row["alone"]
        ratios = (f"{row[way]:.1f} s = {row[way] / alone:.2f}" for way in WAYS)
        table.add_row(" + ".join(group), f"{alone:.1f}", *ratios)
        wrong += row["different"]
    console = Console(width=120)
    console.print(table)
    if page:
        found["page"] = time_page()
        console.print(f"a page's run meanwhile: {found['page']}")
    for it in wrong:
        console.print(f"other pixels: {it}")
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(1 if wrong else 0)


# How a group runs at once: the number of data folders, and whether cores are shared.
WAYS = {"one folder": (1, True), "two folders": (2, True), "not shared": (1, False)}


def measure(group: tuple[str, ...], rounds: int) -> dict[str, Any]:
    """Return the median seconds of a group in each way, and the jobs whose pictures differed."""
    seconds: dict[str, list[float]] = {"alone": [], **{way: [] for way in WAYS}}
    different = []
    for _ in range(rounds):
        runs = [run([kind], 1, True, first) for first, kind in enumerate(group)]
        seconds["alone"].append(sum(it[0] for it in runs))
        pixels = [it[1][0] for it in runs]
        for way, (folders, shared) in WAYS.items():
            took, made = run(group, folders, shared)
            seconds[way].append(took)
            pairs = zip(group, pixels, made, strict=True)
            different += [f"{kind}, {way}" for kind, one, other in pairs if one != other]
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {"group": group, **medians, "different": different}


def run(
    kinds: Sequence[str], folders: int, shared: bool, first: int = 0
) -> tuple[float, list[str]]:
    """Run jobs at once; return the seconds until all are done, and the hashes of their pictures.

    Args:
        kinds: the kinds of the jobs.
        folders: number of data folders.
        shared: whether the jobs know of each other.
        first: number of the first job.
    """
    with tempfile.TemporaryDirectory() as folder:
        processes = []
        for number, kind in enumerate(kinds, start=first):
            places = {
                HOME_VARIABLE: f"{folder}/home{number % folders}",
                # Processes with different tables do not know of each other.
                FOLDER_VARIABLE: f"{folder}/cores{0 if shared else number}",
            }
            processes.append(_start(kind, number, places))
        started = time.perf_counter()
        _go(processes)
        made = [process.stdout.readline().strip() for process in processes]
        seconds = time.perf_counter() - started
        for process in processes:
            process.communicate()
    if not all(made):
        raise RuntimeError("a job failed; its message is above")
    return seconds, made


def _start(kind: str, number: int, places: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start the process of one job, with other environment variables, and wait until it is ready.

    Args:
        kind, number: as for ``compute``.
        places: the environment variables.
    """
    options = ["--job", kind, "--number", str(number)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sharing", *options],
        env={**os.environ, **places},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()  # type: ignore[union-attr]
    return process


def _go(processes: "Sequence[subprocess.Popen[str]]") -> None:
    """Run processes that compute their jobs."""
    for process in processes:
        process.stdin.write("go\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]


def compute(kind: str, number: int) -> None:
    """Load what a job needs; when a line comes, compute it, and print the hash of its pictures.

    Return when another line comes or the input ends.
    """
    from core.datasets import samples
    from core.dreams import render_dreams
    from core.images import image_io
    from core.networks import registry
    from core.neurons import render_neurons
    from core.style import transfer
    from explorer.cli.run_job import run_recipe
    from explorer.library import index_task
    from explorer.paths import home
    from explorer.rendering import render_recipe
    from explorer.store.results import Store

    network = registry.load(registry.SKETCHNET)
    render_recipe.remember_network(network)
    store = Store()
    names = []
    for sample in ("astronaut", "coffee"):
        picture = samples.picture(sample)
        names.append(image_io.fingerprint(picture))
        store.put_input(names[-1], image_io.encode_png(picture))
    # The seed is the job's number, so that equal jobs do not share their results.
    if kind == "style":
        pair = {"content": names[0], "styles": (names[1],)}
        recipe: Any = transfer.plan(network, number, size=SIZE, steps=20, **pair)
    elif kind == "dream":
        recipe = render_dreams.plan(network, ["relu4b"], names[0], number, size=512)
    else:
        recipe = render_neurons.plan(network, "relu3b", range(32), seed=number)
    print("ready", flush=True)
    sys.stdin.readline()
    if kind == "index":
        file = home() / f"{number}.index"
        with contextlib.redirect_stdout(sys.stderr):
            index_task.build_with_progress(file, f"sketchworld:{DRAWINGS}")
        content = file.read_bytes()
    else:
        pictures = run_recipe(store, recipe, "auto", fresh=True, shipped=False)
        content = b"".join(it.image for it in pictures)
    print(hashlib.sha256(content).hexdigest(), flush=True)
    # The end of a Python process with PyTorch computes for half a second. Workers don't end with
    # their job, so this one ends when it can't slow down the others.
    sys.stdin.readline()


def time_page() -> dict[str, float]:
    """Return the median and the longest seconds of a page's runs while two jobs compute."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER_VARIABLE] = f"{folder}/cores"
        with Server(Path(folder) / "home") as server:
            seconds = asyncio.run(look_again_and_again(server, folder))
    return {"median": statistics.median(seconds), "longest": max(seconds)}


async def look_again_and_again(server: Server, folder: str) -> list[float]:
    """Return the seconds of each run of two pages while a style and an index are computed."""
    places = {HOME_VARIABLE: f"{folder}/other"}
    async with Visitor(server.port, "somebody") as visitor:
        for query, name in PAGES:
            await visitor.look(query, name)
        kinds = enumerate(("style", "index"))
        processes = [_start(kind, number, places) for number, kind in kinds]
        _go(processes)
        for process in processes:
            process.stdin.close()  # type: ignore[union-attr]
        seconds = []
        started = time.perf_counter()
        for query, name in itertools.cycle(PAGES):
            seconds.append(await visitor.look(query, name))
            await asyncio.sleep(PAUSE_SECONDS)
            ended = all(process.poll() is not None for process in processes)
            if ended or time.perf_counter() - started > PAGE_SECONDS:
                break
        for process in processes:
            process.kill()
            process.wait()
    return seconds


if __name__ == "__main__":
    typer.run(main)
