"""Benchmark of how soon commands answer: ``python -m benchmarks.commands``.

Each command runs as a process of its own. *Warm* means that everything was read from the disk
before. *Cold* is one of two: with ``--cold new``, the data folder is new and no module has been
compiled to bytecode, as at the very first start; with ``--cold dropped``, the operating system has
no file in memory, which needs root and slows down everything else on the machine.

The last row is the time from ``python -m explorer app`` until a browser, which is running already,
shows the first picture of the home page.
"""

import contextlib
import functools
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated
from unittest import mock

import typer
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.first_sight import launch
from benchmarks.pages import PATIENCE, SEEN
from benchmarks.server import ROOT, Server

# Each command, and the goal in seconds of the warm start.
COMMANDS: dict[str, float | None] = {
    "--help": 0.8,
    "networks": 0.8,
    "layers sketchnet": 0.8,
    "layers resnet18": 0.8,
    "labels sketchnet --search eye": 0.8,
    "gallery": 0.8,
    "jobs": 0.8,
    "script {neuron}": 0.8,
    "script {dream}": 0.8,
    "neurons sketchnet relu3b --units 0-3": 2.5,
    "neurons sketchnet relu3b --units 0-3 --size 64 --steps 8 --fresh": None,
}
APP, APP_GOAL = "app, until the first picture", 2.0
# The kernel forgets what it has read from disks when a 3 is written here.
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
# Kinds of cold starts, and what they mean.
NEW, DROPPED = "new", "dropped"
STARTS = {
    "no": "not measured",
    NEW: "new data folder, nothing compiled",
    DROPPED: "no file in memory",
}


@contextlib.contextmanager
def start_state(home: Path, cold: str = "") -> Iterator[Path]:
    """Prepare caches and environment variables for one process; yield its data folder.

    Args:
        home: data folder of warm starts.
        cold: the kind of cold start; "" for a warm one.
    """
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
        if cold == DROPPED:
            os.sync()
            DROP_CACHES.write_text("3\n", encoding="ascii")
        elif cold == NEW:
            home = Path(folder) / "home"
            os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")
        os.environ["EXPLORER_HOME"] = str(home)
        yield home


def time_command(words: Sequence[str], home: Path, cold: str = "") -> float:
    """Return the seconds in which a command runs as a process of its own.

    Raises:
        SystemExit: the command fails.
    """
    with start_state(home, cold):
        started = time.perf_counter()
        line = [sys.executable, "-m", "explorer", *words]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
        seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{shlex.join(words)} failed: {done.stderr}")
    return seconds


def time_app(browser: Browser, home: Path, cold: str = "") -> float:
    """Return the seconds from the command until the browser shows a picture of the home page."""
    with start_state(home, cold) as folder, contextlib.closing(browser.new_page()) as page:
        started = time.perf_counter()
        with Server(folder) as server:
            page.goto(f"http://127.0.0.1:{server.port}/")
            page.wait_for_function(SEEN, arg=["", ""], polling=5, timeout=1000 * PATIENCE)
            return time.perf_counter() - started


def save_pictures(folder: Path) -> dict[str, str]:
    """Save a small picture of each kind, for the command ``script``; return the files' paths."""
    made = {
        "neuron": "neurons sketchnet relu1a --units 0 --size 32 --steps 2",
        "dream": "dream sketchnet relu1a cat --size 64 --octaves 1 --steps 1",
    }
    files = {name: str(folder / f"{name}.png") for name in made}
    for name, words in made.items():
        time_command([*words.split(), "--out", files[name]], folder / "home")
    return files


def report(found: Mapping[str, Mapping[str, list[float]]]) -> None:
    """Print medians and maxima; warm medians above the goal are red."""
    table = Table("seconds", "warm", "slowest", "cold", "slowest", "goal, warm")
    for name, states in found.items():
        goal = APP_GOAL if name == APP else COMMANDS[name]
        figures = [
            f"{value:.2f}" if values else ""
            for values in (states["warm"], states["cold"])
            for value in (statistics.median(values or [0.0]), max(values, default=0.0))
        ]
        missed = goal is not None and statistics.median(states["warm"]) > goal
        row = name, *figures, "" if goal is None else f"{goal:g}"
        table.add_row(*row, style="bold red" if missed else "")
    Console().print(table)


def main(
    rounds: Annotated[int, typer.Option(help="Runs of each command.", min=1)] = 5,
    cold: Annotated[str, typer.Option(help=f"Of {', '.join(STARTS)}.")] = NEW,
    app: Annotated[bool, typer.Option(help="Also the app, in a browser.")] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Measure, and print medians and maxima."""
    if cold not in STARTS:
        sys.exit(f"error: --cold is one of {', '.join(STARTS)}")
    states = {"warm": ""} if cold == "no" else {"warm": "", "cold": cold}
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as text, contextlib.ExitStack() as stack:
        home, saved = Path(text) / "home", save_pictures(Path(text))
        measures: dict[str, Callable[..., float]] = {
            name: functools.partial(time_command, name.format(**saved).split(), home)
            for name in COMMANDS
        }
        if app:
            started = stack.enter_context(sync_playwright())
            browser = launch(started)
            measures[APP] = functools.partial(time_app, browser, home)
        for name, measure in measures.items():
            measure()  # so that the first warm start is warm
            timed = {it: [measure(kind) for _ in range(rounds)] for it, kind in states.items()}
            found[name] = {"cold": [], **timed}
    report(found)
    Console(stderr=True).print(f"cold: {STARTS[cold]}")
    if json_file is not None:
        content = {"cold": STARTS[cold], "seconds": found}
        json_file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
