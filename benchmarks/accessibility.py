"""Accessibility of all pages: ``python -m benchmarks.accessibility``.

The real app runs in a real browser, and axe-core checks every page in both themes on a phone, on a
laptop and on a wide screen, also while work runs, after it was stopped or has failed, and with open
popovers and dialogs. A table says how many serious and critical faults each page has. All faults
are printed, and ``--out`` keeps a screenshot of each page in each theme and width. The pictures on
the pages are rendered first, which takes some minutes; ``--home`` keeps them for the next run.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Annotated

import typer
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.first_sight import launch
from benchmarks.page_states import STATES, PageState
from benchmarks.server import Server
from benchmarks.tour import MAIN, unsettled

# Paths and queries of all pages, with each of their views.
PLACES = (
    "",
    *(f"lessons?lesson={number}" for number in range(1, 10)),
    "probe?ask=why",
    "lessons?lesson=3&present=2",
    "neuron?layer=relu4b&unit=56&present=1",
    "layers",
    "layers?diagram=open",
    "layers?find=eye",
    "layers?layer=relu3b&show=both",
    "neuron?layer=relu4b&unit=56",
    "probe",
    "circuits",
    "circuits?layer=relu4b&unit=34",
    "dream",
    "depths",
    "dream?vary=strength&down=seed&size=128&steps=2",
    "style",
    # What is painted so is too weak, which the page says.
    "style?balance=20&size=192",
    "style_depths",
    "style_depths?cell=matrix-2-2",
    "style_depths?view=rows",
    "style_depths?view=together",
    "gallery",
    "library",
    "glossary",
)
SCHEMES = ("light", "dark")
# Width of the window and its height, in pixels.
WINDOWS = {390: 844, 1280: 900, 1920: 1080}
SERIOUS = ("serious", "critical")
# Milliseconds until a page that got another theme or width is drawn.
DRAWN = 300
# Seconds until a page has everything that it requested.
PATIENCE = 150.0
AXE = Axe()
# Script that returns the words in charts whose contrast to the page is below 4.5. Words on cells
# of a heat map have another background, so they are left out.
PALE_WORDS = """() => {
  const numbers = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (colour) => {
    const linear = colour.slice(0, 3).map((it) => it / 255)
      .map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const page = numbers(getComputedStyle(document.querySelector('.stApp')).backgroundColor);
  const pale = [];
  for (const words of document.querySelectorAll('.js-plotly-plot .main-svg text')) {
    if (words.closest('.hoverlayer, .heatmap-label') || !words.textContent) continue;
    const style = getComputedStyle(words);
    const [red, green, blue, alpha = 1] = numbers(style.fill);
    const share = alpha * style.fillOpacity * style.opacity;
    const seen = [red, green, blue].map((it, at) => share * it + (1 - share) * page[at]);
    const [low, high] = [light(seen), light(page)].sort((one, other) => one - other);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) {
      const target = words.closest('g[class]')?.getAttribute('class') ?? '';
      pale.push({ target, html: words.textContent, words: `contrast of ${contrast.toFixed(2)}` });
    }
  }
  return pale;
}"""
# Script that returns whether the navigation on a phone is completed, which Streamlit builds anew
# when the width changes (explorer/ui/components/navigation.js).
COMPLETED = """() => [...document.querySelectorAll('[data-testid="stSidebarNavItems"]')].every(
  (list) => list.getAttribute('role') === 'group')"""
TALLEST = 6000


@dataclass(frozen=True)
class Fault:
    """One element that breaks one rule of axe-core.

    Attributes:
        rule: name of the rule, such as ``color-contrast``.
        impact: ``minor``, ``moderate``, ``serious`` or ``critical``.
        target: CSS selectors of the element; the first ones lead into frames and shadow roots.
        html: beginning of the element's HTML.
        words: what is wrong.
    """

    rule: str
    impact: str
    target: str
    html: str
    words: str


def find_faults(page: Page, impacts: Sequence[str] = SERIOUS) -> list[Fault]:
    """Check the page that is open now with axe-core; return its faults of the given impacts."""
    found = []
    for violation in AXE.run(page).response["violations"]:
        if violation["impact"] not in impacts:
            continue
        for node in violation["nodes"]:
            checks = [*node["any"], *node["all"], *node["none"]]
            words = "; ".join(check["message"] for check in checks)
            target = json.dumps(node["target"])
            found.append(
                Fault(violation["id"], violation["impact"], target, node["html"][:200], words)
            )
    return found


def find_pale_words(page: Page) -> list[Fault]:
    """Return the words in charts with too little contrast, which axe-core does not check."""
    return [Fault("chart-contrast", "serious", **it) for it in page.evaluate(PALE_WORDS)]


def show_as(page: Page, scheme: str, width: int) -> None:
    """Show the open page in a theme, and in a window of a width in pixels that ``WINDOWS`` has."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": WINDOWS[width]})
    page.mouse.move(0, 0)  # what appears under the pointer is half transparent at first
    page.wait_for_timeout(DRAWN)
    page.wait_for_function(COMPLETED)


def photograph(page: Page, file: Path) -> None:
    """Write a screenshot of the whole page as PNG, not only of what the window shows."""
    window = page.viewport_size or {"width": 1280, "height": 900}
    tall = int(page.locator(MAIN).evaluate("it => it.scrollHeight")) + 60
    height = max(window["height"], min(tall, TALLEST))
    page.set_viewport_size({"width": window["width"], "height": height})
    page.wait_for_timeout(DRAWN)
    page.screenshot(path=file)
    page.set_viewport_size(window)


def all_states() -> dict[str, PageState]:
    """Return all states that are checked, by name: the places, then those of ``STATES``."""
    places = {it: PageState(it, _settle) for it in PLACES}
    return {**places, **{f"{it.place.split('?')[0]} {name}": it for name, it in STATES.items()}}


def _settle(page: Page, server: Server) -> None:
    """Wait until a page has everything that it requested."""
    if busy := unsettled(page, PATIENCE):
        Console().print(f"{page.url} is checked while it waits for {busy}")


def main(
    pages: Annotated[str, typer.Option(help="Such as layers,neuron; all by default.")] = "",
    out: Annotated[Path | None, typer.Option(help="A folder for screenshots.")] = None,
    home: Annotated[Path | None, typer.Option(help="A data folder that is kept.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Check all pages, and print their faults."""
    asked = pages.split(",")
    table = Table("page", *(f"{scheme} {width}" for scheme in SCHEMES for width in WINDOWS))
    console, found = Console(), []
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(home or Path(folder)) as server,
        sync_playwright() as started,
    ):
        browser = launch(started)
        for name, state in all_states().items():
            if pages and (name.split("?")[0].split()[:1] or ["home"])[0] not in asked:
                continue
            page = browser.new_page(color_scheme="light")
            page.goto(f"http://127.0.0.1:{server.port}/{state.place}")
            try:
                state.prepare(page, server)
            except PlaywrightError as error:
                console.print(f"/{name} is not in its state: {error}", markup=False)
            counts = []
            for scheme, width in product(SCHEMES, WINDOWS):
                show_as(page, scheme, width)
                faults = [*find_faults(page), *find_pale_words(page)]
                counts.append(str(len(faults)))
                where = {"page": f"/{name}", "scheme": scheme, "width": width}
                found += [{**where, **asdict(fault)} for fault in faults]
                if out is not None:
                    out.mkdir(parents=True, exist_ok=True)
                    file = name.translate(str.maketrans("?=& ", "----")) or "home"
                    photograph(page, out / f"{file}-{scheme}-{width}.png")
            table.add_row(f"/{name}", *counts)
            page.close()
        browser.close()
    for fault in found:
        console.print(
            "{page} {scheme} {width}: {rule} {target} {words}".format(**fault), markup=False
        )
    console.print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
