"""How fast pages are: ``python -m benchmarks.pages``.

The real app in a real browser. The first useful picture after the server is up; then, warm, how
long a switch to each page takes until its first picture stands, and a change of a control that
needs no work until the page is calm.
"""

import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.first_sight import ARGUMENTS, PATIENCE
from benchmarks.server import Server
from benchmarks.tour import settle
from explorer.rooms import ROOMS

# A picture of the page proper that has been decoded, wherever it stands; and its heading.
PICTURE = """(title) => {
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
  return !!main && (!title || location.pathname.endsWith(title)) && seen(main);
}"""
LEAVE = """() => {
  const leave = (root) => {
    for (const image of root.querySelectorAll('img')) image.dataset.left = 'yes';
    for (const host of root.querySelectorAll('*')) if (host.shadowRoot) leave(host.shadowRoot);
  };
  leave(document);
}"""
RUNNING = '[data-testid="stApp"][data-test-script-state="running"]'
CALM = f"() => !document.querySelector('{RUNNING}')"
# Between two measurements, in milliseconds.
PAUSE = 400
# On each page two states of a control, by what is clicked, whose change needs no more work once
# both have been seen; and the link that the page is opened at.
CONTROLS = {
    "layers": ("layer=relu2b", '.rung[data-name="relu3b"]', '.rung[data-name="relu2b"]'),
    "neuron": ("layer=relu4b&unit=56", ".st-key-next button", ".st-key-previous button"),
    "probe": ("picture=village", '.tile[data-id="cat"]', '.tile[data-id="village"]'),
    "dream": (
        "picture=cat&size=256",
        '.example[data-name="relu2b"]',
        '.example[data-name="relu3a"]',
    ),
    "depths": ("picture=cat", '.tile[data-id="coffee"]', '.tile[data-id="cat"]'),
    "style": ("", '.tile[data-id="coffee"]', '.tile[data-id="cat"]'),
    "lessons": (
        "lesson=1",
        '.example[data-name="relu3b"]',
        '.example[data-name="relu2b"]',
    ),
    "gallery": ("", ".st-key-starred label", ".st-key-starred label"),
}


def first(browser: Browser, folder: Path) -> float:
    """Tell how soon the home page has a picture, from a server that has just answered."""
    with Server(folder) as server:
        started = time.perf_counter()
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_function(PICTURE, arg="", timeout=PATIENCE, polling=10)
        seconds = time.perf_counter() - started
        page.close()
    return seconds


def switch(page: Page, title: str, path: str) -> float:
    """Go to a page by the navigation, and tell how soon a picture of it stands."""
    # What stands there now belongs to the page before.
    page.evaluate(LEAVE)
    link = page.locator('[data-testid="stTopNavLink"]', has_text=title).first
    started = time.perf_counter()
    link.click()
    page.wait_for_function(PICTURE, arg=path, timeout=PATIENCE, polling=10)
    return time.perf_counter() - started


def change(page: Page, selector: str) -> float:
    """Change a control, and tell how soon the page has run and is calm again."""
    before = page.url
    started = time.perf_counter()
    page.locator(selector).first.click()
    page.wait_for_function("(url) => location.href !== url", arg=before, polling=5)
    page.wait_for_function(CALM, timeout=PATIENCE, polling=5)
    return time.perf_counter() - started


def warm(page: Page, address: str) -> None:
    """Open every page, in both states of its control, until everything is made."""
    for room in ROOMS:
        query, *clicks = CONTROLS.get(room.path, ("",))
        page.goto(f"{address}/{room.path}?{query}".rstrip("?"))
        settle(page)
        for selector in clicks:
            page.locator(selector).first.click()
            settle(page)


def main(
    rounds: Annotated[int, typer.Option(help="Of each measurement.", min=1)] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Measure, and print medians and the slowest."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as text, sync_playwright() as started:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        found["first picture"] = [
            first(browser, Path(text) / f"home{number}") for number in range(rounds)
        ]
        with Server(Path(text) / "warm") as server:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            address = f"http://127.0.0.1:{server.port}"
            warm(page, address)
            for room in ROOMS:
                query, *clicks = CONTROLS.get(room.path, ("",))
                if clicks:
                    page.goto(f"{address}/{room.path}?{query}".rstrip("?"))
                    settle(page)
                for number in range(rounds if clicks else 0):
                    seconds = change(page, clicks[number % 2])
                    found.setdefault(f"change on {room.title}", []).append(seconds)
                    page.wait_for_timeout(PAUSE)
            page.goto(f"{address}/")
            settle(page)
            for _ in range(rounds):
                # The library has no pictures, and the gallery none at first.
                for room in [it for it in ROOMS if it.name not in ("gallery", "library")]:
                    seconds = switch(page, room.title, room.path)
                    found.setdefault(f"switch to {room.title}", []).append(seconds)
                    page.wait_for_function(CALM, timeout=PATIENCE)
                    page.wait_for_timeout(PAUSE)
        browser.close()
    table = Table("seconds", "median", "slowest", "of")
    for name, values in found.items():
        table.add_row(
            name, f"{statistics.median(values):.2f}", f"{max(values):.2f}", str(len(values))
        )
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
