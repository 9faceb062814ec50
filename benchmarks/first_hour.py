"""Benchmark of a visitor's first hour: ``python -m benchmarks.first_hour``.

The real app runs in a real browser on a fresh data folder. For every page and every lesson the time
is measured until its own picture is there, finished or not, and until it has everything that it
shows at first. Views are opened by their addresses, in the order of the navigation and in a random
order, by one visitor and by three at once, and each time the app starts anew on an empty folder. In
the end, page switches and controls that need no work are timed. The table has the goals; below it
are those that were missed. Beneath each run stands how much of the processor the server, its
workers and the browsers took, as all share one machine.
"""

import contextlib
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks import pages as ready_pages
from benchmarks import processor_time
from benchmarks.first_sight import launch
from benchmarks.first_view import WINDOW, Look, View, visit_together
from benchmarks.machine import processor_name
from benchmarks.server import Server
from explorer.ui.lessons.texts import LESSONS

COMPARED = (".compare", ".after")
STAGE, RESULT = ".st-key-lesson-stage", ".lesson-row figure:last-child"
# Where the own picture of each lesson is.
LESSON_PICTURES = {
    1: ".lesson-row", 2: ".large-picture", 3: RESULT, 4: ".pairs", 5: RESULT, 6: RESULT,
    7: RESULT, 8: ".lesson-row", 9: ".lesson-row",
}  # fmt: skip
# What a visitor sees without a choice.
FIRST_VIEWS = (
    View("Home", "", (".neuron",)),
    *(
        View(f"Lesson {it.number}", f"lessons?lesson={it.number}",
             (STAGE, LESSON_PICTURES[it.number]))
        for it in LESSONS
    ),
    View("Glossary", "glossary", words="Gradient"),
    View("Layers", "layers", (".tile",)),
    View("Layers, the network", "layers?diagram=open", (".node",)),
    View("Neuron", "neuron", (".large-picture",)),
    View("Probe", "probe", (".pick",)),
    View("Circuits", "circuits", (".node",)),
    View("Dream", "dream", COMPARED),
    View("Depths", "depths", (".depths",)),
    View("Style", "style", COMPARED),
    View("Style depths", "style_depths", (".matrix",)),
    View("Style depths, rows", "style_depths?view=rows", (".matrix",)),
    View("Style depths, together", "style_depths?view=together", (".pairs",)),
    View("Gallery", "gallery", words="newest first"),
    View("Library", "library", words="Collections"),
)  # fmt: skip
# What a visitor may choose next; nothing of it ships.
CHOSEN_VIEWS = (
    View("Lesson 3, another picture", "lessons?lesson=3&picture=coffee", (STAGE, RESULT),
         made=True),
    View("Lesson 7, another layer", "lessons?lesson=7&layer=relu5b", (STAGE, RESULT), made=True),
    View("Neuron, another seed", "neuron?layer=relu4b&unit=56&seed=1", ("img.large-picture",),
         made=True),
    View("Dream, another picture", "dream?picture=coffee", COMPARED, made=True),
    View("Depths, another picture", "depths?picture=coffee", (".depths",), made=True),
    View("Style, another picture", "style?picture=coffee", COMPARED, made=True),
    View("Style depths, another picture", "style_depths?picture=coffee", (".matrix",), made=True),
)  # fmt: skip
VIEWS = (*FIRST_VIEWS, *CHOSEN_VIEWS)
# Goals in seconds: the first picture of what ships and of what is made, for one visitor and for
# several, and the longest time without a change while something is missing.
SHIPPED, MADE, TOGETHER, STILL = 1.0, 3.0, 6.0, 3.0
# Pages of ``pages.CHECKS`` whose controls are timed: their states ship, or are soon made.
CONTROLS = ("lessons", "layers", "neuron", "probe", "gallery")
IN_ORDER, RANDOM = "in order", "random"
ORDERS = {"order": IN_ORDER, "random": RANDOM}
CONSOLE = Console(stderr=True)


@dataclass(frozen=True)
class Run:
    """The looks of all visitors at all views, on one fresh data folder.

    Attributes:
        order: ``in order`` or ``random``.
        visitors: number of visitors.
        looks: what they saw.
        seconds: how long it took.
        processor: the seconds of the processor meanwhile, by part (``processor_time.read``).
    """

    order: str
    visitors: int
    looks: Sequence[Look]
    seconds: float = 0.0
    processor: Mapping[str, float] = field(default_factory=dict)

    def looks_at(self, view: str) -> list[Look]:
        """Return what the visitors saw of one view."""
        return [it for it in self.looks if it.view == view]

    @property
    def name(self) -> str:
        """The run in words, such as ``3 visitors, random``."""
        return f"{self.visitors} visitor{'s' if self.visitors > 1 else ''}, {self.order}"


@dataclass(frozen=True)
class Line:
    """One measurement with its goal.

    Attributes:
        what: what was measured.
        seconds: the result; None if it did not come to an end.
        goal: the goal in seconds; None if there is none.
    """

    what: str
    seconds: float | None
    goal: float | None

    @property
    def missed(self) -> bool:
        """Whether there is a goal and the result is not below it."""
        return self.goal is not None and (self.seconds is None or self.seconds > self.goal)


def order_views(views: Sequence[View], order: str, seed: int, visitors: int) -> list[list[View]]:
    """Return the views of each visitor, in the order in which they are opened."""
    orders = [list(views) for _ in range(visitors)]
    if order == RANDOM:
        for visitor, some in enumerate(orders):
            random.Random(f"{seed} {visitor}").shuffle(some)
    return orders


def measure_ready(
    browser: Browser, address: str, paths: Sequence[str], rounds: int
) -> dict[str, list[float]]:
    """Time page switches, and controls that need no work, on an app whose views are made.

    If something does not come in time, the reason is printed, and the rest is not measured.

    Returns:
        The seconds of each round, by what was measured.
    """
    checks = [it for it in ready_pages.CHECKS if (it.path or "home") in paths]
    controls = [it for it in checks if it.path in CONTROLS]
    found: dict[str, list[float]] = {}
    with contextlib.closing(browser.new_page(viewport=WINDOW)) as page:
        try:
            ready_pages.warm(page, address, controls)
            found |= ready_pages.switches(page, address, checks, rounds)
            found |= ready_pages.changes(page, address, controls, rounds)
        except ready_pages.NotShown as late:
            CONSOLE.print(f"switches and controls: {late}", soft_wrap=True)
    return found


def lines_of(run: Run, views: Mapping[str, View]) -> list[tuple[Line, Line, Line]]:
    """Return for each view of a run its first picture, the whole of it, and its longest stillness.

    Of several visitors, the one who waited longest counts.
    """
    rows = []
    for name, view in views.items():
        looks = run.looks_at(name)
        goal = TOGETHER if run.visitors > 1 else MADE if view.made else SHIPPED
        rows.append(
            (
                Line(f"{run.name}: first picture of {name}", _longest(looks, "first"), goal),
                Line(f"{run.name}: the whole of {name}", _longest(looks, "whole"), None),
                Line(f"{run.name}: no change on {name}", _longest(looks, "still"), STILL),
            )
        )
    return rows


def _longest(looks: Sequence[Look], name: str) -> float | None:
    values = [getattr(it, name) for it in looks]
    return None if None in values else max(values)


def lines_of_ready(found: Mapping[str, Sequence[float]]) -> list[Line]:
    """Return the medians of page switches and controls."""
    goals = {"switch": ready_pages.SWITCH, "change": ready_pages.CHANGE}
    return [
        Line(name, statistics.median(values), goals[name.split()[0]])
        for name, values in found.items()
    ]


def written(line: Line) -> str:
    """Return a result for a table, red if the goal is missed."""
    text = "never" if line.seconds is None else f"{line.seconds:.2f}"
    return f"[bold red]{text}[/]" if line.missed else text


def report(runs: Sequence[Run], views: Mapping[str, View], ready: Sequence[Line]) -> list[Line]:
    """Print all results with their goals, and the goals that were missed; return those."""
    console, lines = Console(width=120), list(ready)
    for run in runs:
        heads = ("view", "loaded", "first picture", "goal", "whole view", "no change", "goal")
        table = Table(*heads, "missing")
        table.title = f"{run.name}, in seconds"
        for name, row in zip(views, lines_of(run, views), strict=True):
            lines += row
            first, _, still = row
            longest = max(run.looks_at(name), key=lambda it: it.still)
            loaded = written(Line("", _longest(run.looks_at(name), "loaded"), None))
            cells = (loaded, written(first), f"{first.goal:g}", written(row[1]), written(still))
            waits = longest.waits if longest.whole is None or longest.still > 1 else ""
            table.add_row(name, *cells, f"{STILL:g}", waits)
        console.print(table)
        if run.processor:
            parts = ", ".join(f"{part} {spent:.1f} s" for part, spent in run.processor.items())
            console.print(f"{run.seconds:.0f} s; of the processor: {parts}")
    if ready:
        table = Table("median, in seconds", "result", "goal")
        for line in ready:
            table.add_row(line.what, written(line), f"{line.goal:g}")
        console.print(table)
    missed = [it for it in lines if it.missed]
    console.print(f"{processor_name()}, {os.cpu_count()} cores: {len(missed)} goals missed")
    for line in missed:
        console.print(f"  {line.what}: {written(line)} s, goal {line.goal:g} s")
    return missed


def main(
    pages: Annotated[str, typer.Option(help="Such as home,dream; all by default.")] = "",
    visitors: Annotated[str, typer.Option(help="How many at once, in each run.")] = "1,3",
    orders: Annotated[str, typer.Option(help=f"Of: {', '.join(ORDERS)}.")] = ",".join(ORDERS),
    seed: Annotated[int, typer.Option(help="Of the random order.")] = 0,
    patience: Annotated[float, typer.Option(help="Longest stay in a view, in seconds.")] = 60.0,
    chosen: Annotated[bool, typer.Option(help="Also views that do not ship.")] = True,
    rounds: Annotated[int, typer.Option(help="Of switches and controls; 0 for none.", min=0)] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Open all views as new visitors do, and print times, goals, and which goals are missed."""
    shown = VIEWS if chosen else FIRST_VIEWS
    views = {it.name: it for it in shown if not pages or it.page in pages.split(",")}
    if not views or not set(orders.split(",")) <= ORDERS.keys():
        raise typer.BadParameter(f"--pages are names of pages, --orders are of {', '.join(ORDERS)}")
    runs: list[Run] = []
    ready: dict[str, list[float]] = {}
    plan = [(ORDERS[it], int(count)) for count in visitors.split(",") for it in orders.split(",")]
    with sync_playwright() as started:
        browser = launch(started)
        for order, count in plan:
            with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
                address = f"http://127.0.0.1:{server.port}"
                looks, began, before = [], time.monotonic(), processor_time.read(server)
                opened = order_views(list(views.values()), order, seed, count)
                for look in visit_together(browser, address, opened, patience):
                    looks.append(look)
                    CONSOLE.print(f"{order}, {look}", soft_wrap=True)
                after, seconds = processor_time.read(server), time.monotonic() - began
                spent = {it: after[it] - before[it] for it in after}
                runs.append(Run(order, count, looks, seconds, spent))
                if rounds and len(runs) == len(plan):
                    paths = [it.page for it in views.values()]
                    ready = measure_ready(browser, address, paths, rounds)
        browser.close()
    missed = report(runs, views, lines_of_ready(ready))
    if json_file is not None:
        content: dict[str, Any] = {
            "processor": processor_name(),
            "cores": os.cpu_count(),
            "seed": seed,
            "runs": [asdict(it) for it in runs],
            "ready": ready,
            "missed": [asdict(it) for it in missed],
        }
        json_file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
