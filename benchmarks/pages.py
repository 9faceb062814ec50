"""Benchmark of the pages' speed: ``python -m benchmarks.pages``.

The real app runs in a real browser. Four things are measured:

- the time from the first answer of a new server until the home page shows a picture;
- the time from a click on a page's link until the page shows a picture, and until it has run, if
  everything is rendered;
- the time from a change of a control until the page has run, if the results of the change are
  stored, so that no work is needed;
- the times of the second point while SketchNet's index is being built, as in the first half minute
  of a new data folder.

All pictures of the pages are rendered first, which takes some minutes; ``--home`` keeps them for
the next run. If something does not appear, the error message says what the benchmark waited for.
"""

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLate
from rich.console import Console
from rich.table import Table

from benchmarks.first_sight import launch
from benchmarks.server import Server
from benchmarks.tour import unsettled
from core.errors import ExplorerError
from explorer.library import index_task

# Script that returns whether the page at ``path`` shows a decoded picture outside of the header,
# also inside of a shadow root. If ``words`` is not empty, it returns whether the page contains
# these words.
SEEN = """([path, words]) => {
  const seen = (root) => {
    for (const image of root.querySelectorAll('img')) {
      if (image.complete && image.naturalWidth > 8 && image.getBoundingClientRect().width > 24
          && !image.dataset.left && !image.closest('[data-testid="stHeader"]')) return true;
    }
    for (const host of root.querySelectorAll('*')) {
      if (host.shadowRoot && seen(host.shadowRoot)) return true;
    }
    return false;
  };
  const main = document.querySelector('[data-testid="stMainBlockContainer"]');
  if (!main || location.pathname !== `/${path}`) return false;
  return words ? main.innerText.includes(words) : seen(main);
}"""
# Script that marks all pictures, so that SEEN ignores them after a switch to another page.
LEAVE = """() => {
  const leave = (root) => {
    for (const image of root.querySelectorAll('img')) image.dataset.left = 'yes';
    for (const host of root.querySelectorAll('*')) if (host.shadowRoot) leave(host.shadowRoot);
  };
  leave(document);
}"""
RUNNING = '[data-testid="stApp"][data-test-script-state="running"]'
CALM = f"() => !document.querySelector('{RUNNING}')"
PAINTED = "() => new Promise(then => requestAnimationFrame(() => requestAnimationFrame(then)))"
# Links of the navigation, in its first line and in its menus, and the menus.
LINKS = '[data-testid="stTopNavLink"], [data-testid="stTopNavDropdownLink"]'
MENUS = '[data-testid="stTopNavSection"]'
# Pause between two measurements, in milliseconds.
PAUSE = 400
# Longest wait in seconds: for the end of one measurement, and until a page has everything that it
# requested.
PATIENCE, MAKING = 15.0, 150.0
LIBRARY_WORDS = "Collections"
# Goals in seconds: for the first picture, a switch of the page, and a change of a control.
FIRST, SWITCH, CHANGE = 3.0, 0.5, 0.3
CONSOLE = Console(stderr=True)


class NotShown(ExplorerError):
    """The error for something on a page that does not come in time."""


@dataclass(frozen=True)
class PageCheck:
    """What is measured on one page.

    Attributes:
        path: path of the page in the app's address.
        title: title of the page in the navigation.
        query: query of the link that opens the page.
        turns: CSS selectors of what is clicked for the two states of a control. The link shows the
            second state. Once both states have been shown, a change between them needs no work.
        control: name of the control; empty for the first check of a page. If it is not empty,
            switches to the page are not timed, because the first check of the page times them.
        words: text to wait for on a page without pictures.
    """

    path: str
    title: str
    query: str = ""
    turns: tuple[str, ...] = ()
    control: str = ""
    words: str = ""

    @property
    def link(self) -> str:
        """The path and the query of the page in the app, such as ``/probe?picture=village``."""
        return f"/{self.path}?{self.query}".rstrip("?")


def _tile(name: str) -> str:
    return f'.tile[data-id="{name}"]'


def _layer(name: str) -> str:
    return f'.example[data-name="{name}"]'


def _option(words: str) -> str:
    return f'[data-testid="stButtonGroup"] button:has-text("{words}")'


PICTURES = (_tile("cat"), _tile("village"))
DEEPER = (_layer("relu3b"), _layer("relu2b"))
CHECKS = (
    PageCheck("", "Home"),
    PageCheck("lessons", "Lessons", "lesson=1&layer=relu2b", DEEPER),
    PageCheck("lessons", "Lessons", "lesson=2&layer=relu2b", DEEPER, "lesson 2"),
    PageCheck("lessons", "Lessons", "lesson=4&layer=relu4b", (_layer("relu3b"), _layer("relu4b")),
              "lesson 4"),
    PageCheck("lessons", "Lessons", "lesson=7&layer=relu3b", (_layer("relu2b"), _layer("relu3b")),
              "lesson 7"),
    PageCheck("layers", "Layers", "layer=relu2b",
              ('.layer-row[data-name="relu3b"]', '.layer-row[data-name="relu2b"]')),
    PageCheck("layers", "Layers", "layer=relu3b",
              (_option("Real pictures"), _option("Computed pictures")), "what is shown"),
    PageCheck("neuron", "Neuron", "layer=relu4b&unit=56",
              (".st-key-next button", ".st-key-previous button")),
    PageCheck("probe", "Probe", "picture=village", PICTURES),
    PageCheck("circuits", "Circuits", "",
              (".st-key-example-eye button", ".st-key-example-wheel button")),
    PageCheck("dream", "Dream", "picture=cat&size=256&layer=relu3a",
              (_layer("relu2b"), _layer("relu3a"))),
    PageCheck("depths", "Dreams by layer", "picture=cat", (_tile("coffee"), _tile("cat"))),
    PageCheck("style", "Style", "picture=cat&size=192", (_tile("coffee"), _tile("cat"))),
    PageCheck("style_depths", "Styles by layer", "view=rows"),
    PageCheck("gallery", "Gallery", "", (".st-key-starred label", ".st-key-starred label")),
    PageCheck("library", "Library", words=LIBRARY_WORDS),
)  # fmt: skip


def wait(page: Page, script: str, what: str, arg: object = None, seconds: float = PATIENCE) -> None:
    """Wait until a script on the page returns a true value.

    Args:
        page: the page.
        script: the script.
        what: what the script waits for, for the error message.
        arg: argument of the script.
        seconds: longest wait.

    Raises:
        NotShown: the script did not return a true value in time.
    """
    try:
        page.wait_for_function(script, arg=arg, timeout=1000 * seconds, polling=5)
    except TooLate:
        where = page.evaluate("location.href")
        raise NotShown(f"{what} did not come in {seconds:.0f} s at {where}") from None


def first(browser: Browser, folder: Path) -> float:
    """Start a server; return the seconds from its first answer until Home shows a picture."""
    with Server(folder) as server:
        started = time.perf_counter()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://127.0.0.1:{server.port}/")
        wait(page, SEEN, "the first picture", ["", ""])
        seconds = time.perf_counter() - started
        page.close()
    return seconds


def switch(page: Page, check: PageCheck) -> tuple[float, float]:
    """Click on a page in the navigation, whose menu is opened before.

    Returns:
        The seconds from the click until the page shows a picture, or the words of the check on a
        page without pictures; and until it has run and is painted.
    """
    page.evaluate(LEAVE)
    link = page.locator(LINKS).get_by_text(check.title, exact=True)
    for menu in page.locator(MENUS).all():
        if link.count():
            break
        menu.click()
        page.evaluate(PAINTED)
    started = time.perf_counter()
    link.click(timeout=1000 * PATIENCE)
    wait(page, SEEN, f"what is to be seen on {check.title}", [check.path, check.words])
    seen = time.perf_counter() - started
    wait(page, CALM, f"the end of the run of {check.title}")
    page.evaluate(PAINTED)
    return seen, time.perf_counter() - started


def change(page: Page, selector: str) -> float:
    """Click on ``selector``, and return the seconds until the page has run and is painted."""
    before = page.evaluate("location.href")
    started = time.perf_counter()
    page.locator(selector).first.click(timeout=1000 * PATIENCE)
    wait(page, "(url) => location.href !== url", f"the address after {selector}", before)
    wait(page, CALM, f"the end of the run after {selector}")
    page.evaluate(PAINTED)
    return time.perf_counter() - started


def settle(page: Page) -> None:
    """Wait until a page has everything that it requested.

    Raises:
        NotShown: something is missing after ``MAKING`` seconds; the message says what.
    """
    busy = unsettled(page, MAKING)
    if busy:
        where = page.evaluate("location.href")
        raise NotShown(f"after {MAKING:.0f} s {where} still waits for {busy}")


def warm(page: Page, address: str, checks: Sequence[PageCheck]) -> None:
    """Render everything that the pages show, by opening them in the browser.

    Each page is opened in both states of its control.
    """
    CONSOLE.print("making everything that the pages show, once")
    for check in checks:
        started = time.perf_counter()
        page.goto(address + check.link)
        settle(page)
        for selector in check.turns:
            page.locator(selector).first.click(timeout=1000 * PATIENCE)
            settle(page)
        CONSOLE.print(
            f"{check.title} {check.control} is made after {time.perf_counter() - started:.0f} s"
        )


def changes(
    page: Page, address: str, checks: Sequence[PageCheck], rounds: int
) -> dict[str, list[float]]:
    """Time changes of the control of each page; return the seconds by name of the measurement."""
    found: dict[str, list[float]] = {}
    for check in [it for it in checks if it.turns]:
        page.goto(address + check.link)
        settle(page)
        # Both states are shown once before, so that imports and empty caches of the server do not
        # count.
        for selector in check.turns:
            change(page, selector)
        for number in range(rounds):
            seconds = change(page, check.turns[number % 2])
            found.setdefault(f"change on {check.title} {check.control}".strip(), []).append(seconds)
            page.wait_for_timeout(PAUSE)
    return found


def switches(
    page: Page, address: str, checks: Sequence[PageCheck], rounds: int, words: str = ""
) -> dict[str, list[float]]:
    """Return the seconds of ``switch`` to each page; ``words`` is added to the names."""
    found: dict[str, list[float]] = {}
    page.goto(address + "/library")
    # Before its run has begun, the page is calm as well.
    wait(page, SEEN, "the library", ["library", LIBRARY_WORDS])
    wait(page, CALM, "the end of the library's run")
    page.wait_for_timeout(PAUSE)
    for _ in range(rounds):
        for check in [it for it in checks if not it.control]:
            seen, whole = switch(page, check)
            found.setdefault(f"switch to {check.title}{words}", []).append(seen)
            found.setdefault(f"switch to the whole of {check.title}{words}", []).append(whole)
            page.wait_for_timeout(PAUSE)
    return found


def report(found: dict[str, list[float]]) -> None:
    """Print the median and maximum of each measurement; medians above the goal are red."""
    goals = {"first": FIRST, "switch": SWITCH, "change": CHANGE}
    table = Table("seconds", "median", "slowest", "of", "goal")
    for name, values in found.items():
        goal, median = goals[name.split()[0]], statistics.median(values)
        style = "bold red" if median > goal else ""
        row = name, f"{median:.2f}", f"{max(values):.2f}", str(len(values)), f"{goal:g}"
        table.add_row(*row, style=style)
    Console().print(table)


PARTS = ("first", "change", "switch", "early")


def main(
    rounds: Annotated[int, typer.Option(help="Of each measurement.", min=1)] = 5,
    home: Annotated[Path | None, typer.Option(help="A data folder that is kept.")] = None,
    parts: Annotated[str, typer.Option(help="Some of these.")] = ",".join(PARTS),
    pages: Annotated[str, typer.Option(help="Such as layers,neuron; all by default.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Measure, and print medians and maxima."""
    found: dict[str, list[float]] = {}
    checks = [it for it in CHECKS if not pages or it.path in pages.split(",")]
    with tempfile.TemporaryDirectory() as text, sync_playwright() as started:
        browser = launch(started)
        folder = home or Path(text) / "warm"
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        kept = folder.exists()
        with Server(folder) as server:
            address = f"http://127.0.0.1:{server.port}"
            if not kept:
                warm(page, address, checks)
            if "change" in parts:
                found |= changes(page, address, checks, rounds)
            if "switch" in parts:
                found |= switches(page, address, checks, rounds)
        if "first" in parts:
            found["first picture"] = [
                first(browser, Path(text) / f"home{number}") for number in range(rounds)
            ]
        if "early" in parts:
            early = Path(text) / "early"
            shutil.copytree(folder, early, ignore=shutil.ignore_patterns(index_task.FOLDER))
            with Server(early) as server:
                address = f"http://127.0.0.1:{server.port}"
                page.goto(address + "/probe")
                wait(page, SEEN, "the first page while an index is made", ["probe", ""])
                found |= switches(page, address, checks, 1, ", index in the making")
        browser.close()
    report(found)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        typer.run(main)
    except NotShown as error:
        sys.exit(f"error: {error}")
