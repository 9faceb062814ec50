"""Benchmark of the processor's time for pages: ``python -m benchmarks.page_runs``.

It measures what the server and a worker compute, without a browser: the preparation of the server,
the first run of each page and its later ones for new visitors, and the start of a worker until it
can begin with a picture. The times are those of the processor, so other programs disturb them less
than the clock's. Each run is a process of its own, on one thread. ``--other`` names another
checkout of the project, which takes turns with this one.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import processor_name
from benchmarks.server import ROOT

# Pages and queries; all that they show ships with the project.
PLACES = (
    *(f"lessons?lesson={number}" for number in range(1, 10)),
    "glossary",
    "layers",
    "neuron",
    "probe",
    "circuits",
    "dream",
    "depths",
    "style",
    "style_depths",
    "style_depths?view=rows",
    "style_depths?view=together",
    "gallery",
    "library",
)
LATER = 3
PREPARATION, WORKER = "preparation of the server", "start of a worker"
# Prints JSON: the seconds of each run, by what is run. The arguments are places.
PAGES = f"""
import json, sys, time
from urllib.parse import parse_qsl
from explorer.ui import page_runner, preparation
from streamlit.runtime.scriptrunner import script_runner

began = time.process_time()
preparation.prepare()
found = {{"{PREPARATION}": [time.process_time() - began]}}
run_script = script_runner.ScriptRunner._run_script

def timed(self, data):
    began = time.process_time()
    try:
        return run_script(self, data)
    finally:
        seconds.append(time.process_time() - began)

seconds = []
script_runner.ScriptRunner._run_script = timed
# The parts of Streamlit itself that the first page of all loads.
page_runner.run_page("glossary", {{}})
time.sleep(1)
for place in sys.argv[1:]:
    page, _, query = place.partition("?")
    seconds = found[place] = []
    for _ in range(1 + {LATER}):
        page_runner.run_page(page, dict(parse_qsl(query)))
print(json.dumps(found))
"""
START = f"""
import json, time
from explorer.rendering import render_recipe

render_recipe.warm_up()
print(json.dumps({{"{WORKER}": [time.process_time()]}}))
"""


def measure(checkout: Path, code: str, places: Sequence[str] = ()) -> dict[str, list[float]]:
    """Run code in a process in a checkout, on an empty data folder; return what it prints.

    Raises:
        SystemExit: the code fails.
    """
    with tempfile.TemporaryDirectory() as home:
        settings = {
            "EXPLORER_HOME": home,
            "EXPLORER_WORKERS": "0",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(checkout),
        }
        line = [sys.executable, "-c", code, *places]
        done = subprocess.run(
            line, cwd=checkout, env={**os.environ, **settings}, capture_output=True, text=True
        )
    if done.returncode:
        sys.exit(f"this failed in {checkout}: {done.stderr}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _written(seconds: Sequence[float]) -> str:
    """Return the median in milliseconds; "" without any."""
    return f"{1000 * statistics.median(seconds):.0f}" if seconds else ""


def main(
    pages: Annotated[str, typer.Option(help="Such as layers,neuron; all by default.")] = "",
    rounds: Annotated[int, typer.Option(help="Processes of each side.", min=1)] = 3,
    other: Annotated[Path | None, typer.Option(help="Another checkout.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Measure, and print medians over the rounds."""
    places = [it for it in PLACES if not pages or it.partition("?")[0] in pages.split(",")]
    sides = {"": ROOT} if other is None else {"": ROOT, ", other": other}
    found: dict[str, dict[str, list[list[float]]]] = {}
    for _ in range(rounds):
        for side, checkout in sides.items():
            runs = {**measure(checkout, START), **measure(checkout, PAGES, places)}
            for what, seconds in runs.items():
                found.setdefault(what, {}).setdefault(side, []).append(seconds)
    table = Table("milliseconds of the processor", *(f"{when}{side}" for side in sides
                  for when in ("first run", "later runs")))  # fmt: skip
    for what, by_side in found.items():
        cells = []
        for side in sides:
            first = [run[0] for run in by_side[side]]
            later = [it for run in by_side[side] for it in run[1:]]
            cells += [_written(it) for it in (first, later)]
        table.add_row(what, *cells)
    console = Console()
    console.print(table)
    console.print(f"{processor_name()}, {rounds} rounds")
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
