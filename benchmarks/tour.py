"""A tour of the app in pictures: ``python -m benchmarks.tour --out docs``.

The real app in a real browser, at its defaults, light and dark, on a wide screen and on a phone.
"""

import io
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from benchmarks.first_sight import ARGUMENTS, PATIENCE
from benchmarks.server import Server
from explorer.rooms import ROOMS

MAIN = '[data-testid="stMainBlockContainer"]'
# What is still waited for, in words, wherever it stands; "" if nothing is.
UNSETTLED = """() => {
  const kinds = {
    '[data-testid="stProgress"]': 'progress', '.skeleton': 'a page', '.sketch': 'a picture',
    'div.place': 'a place for a picture', '[data-test-script-state="running"]': 'the script',
  };
  const busy = (root) => {
    for (const [selector, word] of Object.entries(kinds)) {
      if (root.querySelector(selector)) return word;
    }
    for (const host of root.querySelectorAll('*')) {
      const word = host.shadowRoot && busy(host.shadowRoot);
      if (word) return word;
    }
    return '';
  };
  if (!document.querySelector('[data-testid="stMainBlockContainer"] *')) return 'anything';
  return busy(document);
}"""
# Looks that stand for a while without anything to wait for.
CALM, CALM_STEPS = 500, 4
KINDS = {"": (1280, 900, "light"), "dark": (1280, 900, "dark"), "phone": (390, 844, "light")}
QUALITY = 82


def unsettled(page: Page, seconds: float = PATIENCE / 1000) -> str:
    """Wait until a page has everything that it asked for, or for as long as one is patient.

    Returns:
        What it still waits for, in words; "" if all is there.
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
    pages: Annotated[str, typer.Option(help="Such as home,layers; all by default.")] = "",
    kinds: Annotated[str, typer.Option(help="Of: light, dark, phone.")] = "light",
    query: Annotated[str, typer.Option(help="Of the pages' links, such as lesson=3.")] = "",
    whole: Annotated[bool, typer.Option(help="Whole pages rather than what is seen.")] = False,
) -> None:
    """Photograph the pages."""
    out.mkdir(parents=True, exist_ok=True)
    names = pages.split(",") if pages else ["home", *(room.path for room in ROOMS)]
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder)) as server,
        sync_playwright() as started,
    ):
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        for kind in kinds.split(","):
            width, height, scheme = KINDS["" if kind == "light" else kind]
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            for name in names:
                place = "" if name == "home" else name
                page.goto(f"http://127.0.0.1:{server.port}/{place}?{query}".rstrip("?"))
                busy = unsettled(page)
                if busy:
                    console.print(f"{name} is photographed while it waits for {busy}")
                if whole:
                    tall = page.locator(MAIN).evaluate("it => it.scrollHeight")
                    page.set_viewport_size({"width": width, "height": int(tall) + 60})
                    page.wait_for_timeout(CALM)
                file = out / f"page-{name}{'' if kind == 'light' else f'-{kind}'}.webp"
                photograph(page, file)
                page.set_viewport_size({"width": width, "height": height})
                console.print(f"{file}")
            page.close()
        browser.close()


def photograph(page: Page, file: Path) -> None:
    """Write what a page shows as WebP."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").save(file, "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    typer.run(main)
