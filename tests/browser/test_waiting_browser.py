"""A visitor who waits behind the long jobs of others, in a real browser."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.networks import registry
from core.recipes.neuron import NeuronRecipe
from explorer.jobs.job_queue import Jobs
from explorer.store.results import Store
from tests.browser.conftest import open_tab
from tests.servers import RunningApp, running_app

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
from benchmarks import accessibility  # noqa: E402

expect, Browser, Page = playwright.expect, playwright.Browser, playwright.Page

pytestmark = pytest.mark.browser

DRAWN = 90_000  # milliseconds; a worker imports PyTorch first
WATCH_SECONDS = 2.0
# A neuron whose usual picture ships; a test adds a seed of its own.
PLACE = "/neuron?layer=relu4b&unit=56&seed="
LARGE = ".st-key-large-picture"
# Script that returns whether the progress bar shows another value than before.
MOVES = """before => document.querySelector('.st-key-large-picture [role="progressbar"]')
  ?.getAttribute('aria-valuenow') !== before"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("waiting")) as app:
        yield app


@pytest.fixture
def page(browser: Browser, app: RunningApp, request: pytest.FixtureRequest) -> Iterator[Page]:
    with open_tab(browser, app.address, request) as tab:
        yield tab


@contextlib.contextmanager
def others(app: RunningApp, size: int) -> Iterator[tuple[Jobs, list[str]]]:
    """Let two visitors watch long jobs of theirs; yields the queue and the jobs' keys."""
    queue = Jobs(Store(Path(app.log.parent, "home", "explorer.sqlite3")))
    weights = registry.load(registry.SKETCHNET).fingerprint
    visitors: dict[str, str] = {}
    for seed in range(2):
        recipe = NeuronRecipe(
            "sketchnet", weights, seed, layer="relu2b", units=(7,), size=size, steps=1024
        )
        visitors[queue.submit(recipe, f"visitor {seed}").key] = f"visitor {seed}"
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            for key, visitor in visitors.items():
                queue.watch(key, visitor)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield queue, list(visitors)
    finally:
        over.set()
        watching.join()
        for key in visitors:
            queue.cancel(key)


def test_a_preview_comes_although_others_have_long_jobs(app: RunningApp, page: Page) -> None:
    with others(app, 704) as (queue, keys):
        page.goto(f"{PLACE}1")
        expect(page.locator("img.large-picture")).to_be_visible(timeout=DRAWN)
        jobs = queue.get_all(keys)
        assert [it.open for it in jobs.values()] == [True, True]


def test_who_waits_sees_how_long_and_what_is_made_meanwhile(app: RunningApp, page: Page) -> None:
    with others(app, 1024) as (queue, keys):
        page.goto("/glossary")
        expect(page.get_by_role("heading", name="Glossary")).to_be_visible(timeout=DRAWN)
        while not all(it.fraction for it in queue.get_all(keys).values()):
            page.wait_for_timeout(100)
        # The worker has as much in memory as it may, so that the visitor's own has to wait.
        page.goto(f"{PLACE}2")
        bar = page.locator(LARGE).get_by_role("progressbar")
        words = page.locator(LARGE).get_by_test_id("stProgress")
        expect(words).to_contain_text("Waiting: ", timeout=DRAWN)
        expect(words).to_contain_text("Now: pictures of neurons, ")
        expect(page.locator(f"{LARGE} .large-picture .sample")).to_be_visible()
        before = bar.get_attribute("aria-valuenow")
        page.wait_for_function(MOVES, arg=before, timeout=DRAWN)
        for scheme, width in (("light", 1280), ("dark", 390)):
            accessibility.show_as(page, scheme, width)
            assert accessibility.find_faults(page) == []
        expect(words).to_contain_text("Waiting: ")
        queue.cancel(keys[0])
        expect(page.locator("img.large-picture")).to_be_visible(timeout=DRAWN)
        left = queue.get_all(keys[1:]).values()
        assert [it.open for it in left] == [True] * len(left)
