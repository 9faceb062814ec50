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
          && !image.closest('[data-testid="stHeader"]')) return true;
    }
    for (const host of root.querySelectorAll('*')) {
      if (host.shadowRoot && seen(host.shadowRoot)) return true;
    }
    return false;
  };
  const main = document.querySelector('[data-testid="stMainBlockContainer"]');
  return !!main && (!title || location.pathname.endsWith(title)) && seen(main);
}"""
CALM = '() => !document.querySelector(\'[data-testid="stApp"][data-test-script-state="running"]\')'
# A control on each page whose change needs no work, as the address has it before and after.
CONTROLS = {
    "layers": ("layer=relu2b", "layer=relu3b"),
    "neuron": ("layer=relu4b&unit=56", "layer=relu4b&unit=56&view=negative"),
    "probe": ("picture=village", "picture=village&row=30&col=30"),
    "dream": ("picture=cat&layer=relu3a&size=256", "picture=cat&layer=relu2b&size=256"),
    "depths": ("picture=cat", "picture=coffee"),
    "lessons": ("lesson=1", "lesson=2"),
    "gallery": ("", "starred=yes"),
    "library": ("", "network=sketchnet"),
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
    page.evaluate("() => { for (const it of document.querySelectorAll('img')) it.remove(); }")
    link = page.locator('[data-testid="stTopNavLink"]', has_text=title).first
    started = time.perf_counter()
    link.click()
    page.wait_for_function(PICTURE, arg=path, timeout=PATIENCE, polling=10)
    return time.perf_counter() - started


def main(
    rounds: Annotated[int, typer.Option(help="Switches to each page.", min=1)] = 5,
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
            for room in ROOMS:  # So that everything is made.
                for query in CONTROLS.get(room.path, ("",)):
                    page.goto(f"{address}/{room.path}?{query}".rstrip("?"))
                    settle(page)
            page.goto(f"{address}/")
            settle(page)
            for _ in range(rounds):
                for room in ROOMS:
                    if room.name == "gallery":
                        continue  # Empty at first; what it has depends on the visitor.
                    found.setdefault(f"switch to {room.title}", []).append(
                        switch(page, room.title, room.path)
                    )
                    page.wait_for_function(CALM, timeout=PATIENCE)
                    page.wait_for_timeout(300)
        browser.close()
    table = Table("seconds until a picture", "median", "slowest", "of")
    for name, values in found.items():
        table.add_row(
            name, f"{statistics.median(values):.2f}", f"{max(values):.2f}", str(len(values))
        )
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
