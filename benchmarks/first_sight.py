"""Benchmark of the Dream page's latency: ``python -m benchmarks.first_sight``.

The real app runs in a real browser, and its worker has already rendered a dream. The first
measurement is the time from a click on a layer until the page shows an image that differs visibly
from the photograph. The second is the time from a click on Stop until the page shows that the dream
is stopped, and until no worker renders the dream any more.
"""

import base64
import io
import json
import shutil
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.server import Server
from explorer.store.database import FILE_NAME

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 120_000  # milliseconds
# Smallest root mean square difference that counts as visible, for pixel values from 0 to 1.
VISIBLE = 0.02
LAYERS = ("relu2b", "relu4a", "relu3a", "relu4b", "relu5a", "relu3b")
LONG = "/dream?picture=cat&layer=relu4b&size=2048&steps=40&seed="
SHOWN = """() => {
  for (const host of document.querySelectorAll('*')) {
    const image = host.shadowRoot?.querySelector('.compare .after');
    if (image) return image.hidden ? '' : image.src;
  }
  return '';
}"""


def launch(started: Playwright) -> Browser:
    """Start the Chromium or Chrome of this machine."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    return started.chromium.launch(executable_path=path, args=ARGUMENTS)


def pixels(url: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Decode the image in a data URL, resized to ``[256, 256, 3]``, in ``[0, 1]``."""
    data = base64.b64decode(url.split(",", 1)[1])
    picture = Image.open(io.BytesIO(data)).convert("RGB").resize((256, 256))
    return np.asarray(picture, dtype=np.float32) / 255


def difference(one: str, other: str) -> float:
    """Return the root mean square difference, from 0 to 1, of the images in two data URLs."""
    return float(np.sqrt(np.square(pixels(one) - pixels(other)).mean()))


def before(page: Page) -> str:
    """Return the data URL of the image from which the dream starts."""
    return str(page.locator(".compare .before").get_attribute("src"))


def finished(page: Page) -> None:
    page.get_by_role("button", name="Save as PNG").wait_for(timeout=PATIENCE)


def first_change(page: Page, layer: str) -> float:
    """Click on a layer, and return the seconds until the page shows a visible dream."""
    untouched, last = before(page), page.evaluate(SHOWN)
    started = time.perf_counter()
    page.locator(f'.example[data-name="{layer}"]').click()
    while True:
        now = page.evaluate(SHOWN)
        if now and now != last and difference(now, untouched) > VISIBLE:
            return time.perf_counter() - started
        page.wait_for_timeout(10)


def stop(page: Page, address: str, store: Path, seed: int) -> tuple[float, float]:
    """Stop a long dream; return the seconds until the page says so, and until work has ended."""
    page.goto(f"{address}{LONG}{seed}")
    page.wait_for_function(f"() => ({SHOWN})() !== ''", timeout=PATIENCE)
    button = page.locator(".st-key-dream-status").get_by_role("button", name="Stop")
    button.wait_for(timeout=PATIENCE)
    started = time.perf_counter()
    button.click()
    said = ended = 0.0
    with sqlite3.connect(store) as connection:
        while not (said and ended):
            now = time.perf_counter() - started
            working = "SELECT count(*) FROM claims JOIN jobs ON jobs.key = claims.job "
            working += "WHERE jobs.state = 'cancelled'"
            over = "SELECT count(*) FROM jobs WHERE state = 'open' AND rank = 0"
            if not ended and not connection.execute(over).fetchone()[0]:
                ended = 0.0 if connection.execute(working).fetchone()[0] else now
            if not said and page.get_by_text("Stopped (").count():
                said = now
            page.wait_for_timeout(20)
    return said, ended


def main(
    rounds: Annotated[int, typer.Option(help="Dreams that are stopped.", min=1)] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write it here.")] = None,
) -> None:
    """Measure both, and print medians and maxima."""
    found: dict[str, list[float]] = {"first change": [], "stop, said": [], "stop, ended": []}
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        address = f"http://127.0.0.1:{server.port}"
        with sync_playwright() as started:
            browser = launch(started)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            # The timing begins after the page's first dream and the examples are finished.
            page.goto(f"{address}/dream")
            finished(page)
            page.wait_for_function(
                "() => [...document.querySelectorAll('*')].some(it => "
                "it.shadowRoot?.querySelectorAll('.example img').length >= 11)",
                timeout=PATIENCE,
            )
            for layer in LAYERS:
                found["first change"].append(first_change(page, layer))
                finished(page)
            for seed in range(rounds):
                said, ended = stop(page, address, Path(folder) / FILE_NAME, seed + 1)
                found["stop, said"].append(said)
                found["stop, ended"].append(ended)
            browser.close()
    table = Table("seconds until", "median", "slowest", "of")
    for name, values in found.items():
        table.add_row(
            name, f"{statistics.median(values):.2f}", f"{max(values):.2f}", str(len(values))
        )
    Console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
