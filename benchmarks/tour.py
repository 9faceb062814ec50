"""Screenshots of the pages: ``python -m benchmarks.tour --out docs/images``.

The real app runs in a real browser, in light or dark mode, on a wide screen or on a phone. By
default, the screenshots of the documentation are made. ``--pages`` makes screenshots of other pages
with their default settings. The pictures on the pages are rendered first, which takes some minutes;
``--home`` keeps them for the next run.
"""

import io
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from benchmarks.first_sight import PATIENCE, launch
from benchmarks.server import Server

MAIN = '[data-testid="stMainBlockContainer"]'
# Script that returns in a word what the page still waits for; "" if nothing is missing. Words for
# places that are empty come first, and those of ``FILLED`` last.
UNSETTLED = """() => {
  const kinds = {
    '.skeleton': 'a page', '.tile.waiting, .cell.waiting': 'a picture',
    '.example .frame:empty': 'an example', 'div.place, div.large-picture': 'a place for a picture',
    '.preview': 'an unfinished picture', '[data-testid="stProgress"]': 'progress',
    '[data-test-script-state="running"]': 'the script',
  };
  const roots = (root) => [root, ...[...root.querySelectorAll('*')]
    .filter((it) => it.shadowRoot).flatMap((it) => roots(it.shadowRoot))];
  if (!document.querySelector('[data-testid="stMainBlockContainer"] *')) return 'anything';
  const all = roots(document);
  const missing = Object.entries(kinds).find(([it]) => all.some((root) => root.querySelector(it)));
  return missing ? missing[1] : '';
}"""
# The words of ``UNSETTLED`` for pages on which no place is empty.
FILLED = ("an unfinished picture", "progress", "the script", "")
# Milliseconds between two checks whether something is missing on a page, and the number of checks
# in a row without anything missing after which the page is complete.
CALM, CALM_STEPS = 500, 4
# Kinds of screenshots: width and height of the window in pixels, light or dark mode.
KINDS = {
    "light": (1280, 900, "light"),
    "dark": (1280, 900, "dark"),
    "phone": (390, 844, "light"),
    "darkphone": (390, 844, "dark"),
}
QUALITY = 86  # of the WebP files
# Screenshots of the documentation: query of the page, and light or dark mode.
TOUR = {
    "home": ("", "light"),
    "layers": ("layer=relu4b&show=both", "light"),
    "neuron": ("layer=relu4a&unit=121&size=224&steps=192", "light"),
    "dream": ("picture=cat&layer=relu3b", "dark"),
    "style_depths": ("", "light"),
}
# Page that is opened first. It waits until SketchNet's index is built, which several pages show.
FIRST = "layers?show=crops"


def unsettled(page: Page, seconds: float = PATIENCE / 1000) -> str:
    """Wait until a page has everything that it requested, at most for ``seconds``.

    Returns:
        A word for what the page still waits for; "" if nothing is missing.
    """
    calm, busy = 0, ""
    for _ in range(int(1000 * seconds) // CALM):
        page.wait_for_timeout(CALM)
        busy = str(page.evaluate(UNSETTLED))
        calm = 0 if busy else calm + 1
        if calm == CALM_STEPS:
            return ""
    return busy


def main(
    out: Annotated[Path, typer.Option(help="A folder.")],
    pages: Annotated[
        str, typer.Option(help="Such as home,layers; by default those of the documentation.")
    ] = "",
    kinds: Annotated[str, typer.Option(help=f"Of: {', '.join(KINDS)}.")] = "light",
    query: Annotated[str, typer.Option(help="Of the pages' links, such as lesson=3.")] = "",
    whole: Annotated[bool, typer.Option(help="Whole pages rather than what is seen.")] = False,
    home: Annotated[Path | None, typer.Option(help="A data folder that is kept.")] = None,
) -> None:
    """Take screenshots of pages."""
    out.mkdir(parents=True, exist_ok=True)
    shots = [(name, *shown) for name, shown in TOUR.items()]
    if pages:
        shots = [(name, query, kind) for kind in kinds.split(",") for name in pages.split(",")]
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(home or Path(folder)) as server,
        sync_playwright() as started,
    ):
        browser = launch(started)
        address = f"http://127.0.0.1:{server.port}"
        page = browser.new_page()
        page.goto(f"{address}/{FIRST}")
        unsettled(page)
        page.close()
        for name, asked, kind in shots:
            width, height, scheme = KINDS[kind]
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            place = "" if name == "home" else name
            page.goto(f"{address}/{place}?{asked}".rstrip("?"))
            busy = unsettled(page)
            if busy:
                console.print(f"{name} is photographed while it waits for {busy}")
            if whole:
                tall = page.locator(MAIN).evaluate("it => it.scrollHeight")
                page.set_viewport_size({"width": width, "height": int(tall) + 60})
                page.wait_for_timeout(CALM)
            file = out / f"page-{name}{f'-{kind}' if pages and kind != 'light' else ''}.webp"
            photograph(page, file)
            page.close()
            console.print(f"{file}")
        browser.close()


def photograph(page: Page, file: Path) -> None:
    """Write a screenshot of a page as WebP."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").save(file, "WEBP", quality=QUALITY, method=6, use_sharp_yuv=True)


if __name__ == "__main__":
    typer.run(main)
