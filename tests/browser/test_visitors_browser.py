"""A shared app in a real browser: the token, and two visitors with things of their own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.networks import registry
from core.recipes.neuron import NeuronRecipe
from explorer.jobs.job_queue import Jobs, QueueFull
from explorer.store.results import Store
from tests.browser.conftest import open_tab
from tests.servers import RunningApp, running_app

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect, Browser, Page = playwright.expect, playwright.Browser, playwright.Page

pytestmark = pytest.mark.browser

DRAWN = 90_000  # milliseconds; a worker imports PyTorch first
LONG = "/neuron?layer=relu2b&unit=7&size=512&steps=1024&seed=11"
ELSEWHERE = "http://elsewhere.example/"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("shared"), "--host", "0.0.0.0") as app:
        yield app


@pytest.fixture
def token(app: RunningApp) -> str:
    found = re.search(r"token=([\w-]+)", app.log.read_text())
    return "" if found is None else found[1]


@pytest.fixture
def stranger(browser: Browser, app: RunningApp, request: pytest.FixtureRequest) -> Iterator[Page]:
    with open_tab(browser, app.address, request) as tab:
        yield tab


@pytest.fixture
def anne(
    browser: Browser, app: RunningApp, token: str, request: pytest.FixtureRequest
) -> Iterator[Page]:
    with open_tab(browser, app.address, request) as tab:
        tab.goto(f"/?token={token}")
        yield tab


@pytest.fixture
def bert(
    browser: Browser, app: RunningApp, token: str, request: pytest.FixtureRequest
) -> Iterator[Page]:
    with open_tab(browser, app.address, request) as tab:
        tab.goto(f"/?token={token}")
        yield tab


def draw(page: Page, seed: int) -> None:
    """Draw a unit, small and quickly."""
    page.goto(f"/neuron?layer=relu2a&unit=3&size=32&steps=4&seed={seed}")
    expect(page.get_by_role("button", name="Save as PNG")).to_be_visible(timeout=DRAWN)


def test_a_page_asks_for_the_token_and_then_opens(stranger: Page, token: str) -> None:
    stranger.goto("/gallery?starred=1")
    field = stranger.get_by_label("Token")
    field.fill("a wrong one")
    field.press("Enter")
    expect(stranger.get_by_text("This token is wrong")).to_be_visible()
    field.fill(token)
    field.press("Enter")
    expect(stranger).to_have_url(re.compile(r"/gallery\?starred=1$"))
    expect(stranger.get_by_role("heading", name="Gallery")).to_be_visible(timeout=DRAWN)
    # By a link of another site, too, although the browser then sends no cookie at first.
    link = f'<a href="{stranger.url}">a picture</a>'
    stranger.route(ELSEWHERE, lambda route: route.fulfill(body=link, content_type="text/html"))
    stranger.goto(ELSEWHERE)
    stranger.get_by_role("link").click()
    expect(stranger.get_by_role("heading", name="Gallery")).to_be_visible(timeout=DRAWN)
    expect(stranger).to_have_url(re.compile(r"/gallery\?starred=1$"))


def test_visitors_cannot_change_each_others_pictures(anne: Page, bert: Page) -> None:
    draw(anne, seed=1)
    draw(bert, seed=2)
    for page in (anne, bert):
        page.goto("/gallery?layer=relu2a")
        expect(page.locator(".card")).to_have_count(2, timeout=DRAWN)
    # Bert's picture is the newest.
    of_bert, of_anne = (bert.locator(".card").nth(place) for place in (0, 1))
    of_anne.get_by_role("button", name="Star").click()
    expect(bert.get_by_text("belongs to somebody else")).to_be_visible(timeout=DRAWN)
    of_bert.get_by_role("button", name="Star").click()
    expect(of_bert.locator(".star")).to_have_attribute("aria-pressed", "true")
    expect(of_anne.locator(".star")).to_have_attribute("aria-pressed", "false")

    of_anne.locator(".open").click()
    expect(bert.locator(".large-picture")).to_be_visible(timeout=DRAWN)
    expect(bert.get_by_role("button", name="Save as zip")).to_be_visible()
    expect(bert.get_by_text("Somebody else made this")).to_be_visible()
    expect(bert.get_by_role("button", name="Delete")).to_have_count(0)
    expect(bert.get_by_label("Name")).to_have_count(0)

    anne.locator(".card").nth(1).locator(".open").click()
    anne.get_by_label("Name").fill("Anne's unit")
    anne.get_by_label("Name").press("Enter")
    expect(anne.get_by_role("heading", name="Anne's unit")).to_be_visible(timeout=DRAWN)
    # Bert chooses both, and deletes what he can.
    bert.goto("/gallery?layer=relu2a")
    for place in (0, 1):
        card = bert.locator(".card").nth(place)
        expect(card).to_be_visible(timeout=DRAWN)
        card.hover()
        card.get_by_role("checkbox").check()
        expect(bert.get_by_text(f"{place + 1} chosen")).to_be_visible(timeout=DRAWN)
    bert.get_by_role("button", name="Delete").click()
    expect(bert.locator(".card")).to_have_count(1, timeout=DRAWN)
    expect(bert.locator(".card")).to_contain_text("Anne's unit")


def test_visitors_cannot_stop_each_others_jobs(anne: Page, bert: Page) -> None:
    anne.goto(LONG)
    stop = anne.get_by_role("button", name="Stop")
    expect(stop.first).to_be_visible(timeout=DRAWN)
    bert.goto("/gallery")
    row = bert.locator('[class*="st-key-row-"]')
    expect(row).to_contain_text("neuron 7", timeout=DRAWN)
    expect(row.get_by_role("button", name="Stop")).to_have_count(0)
    bert.goto("/home")
    anne.goto("/gallery")
    own = anne.locator('[class*="st-key-row-"]')
    own.get_by_role("button", name="Stop").click(timeout=DRAWN)
    expect(own.get_by_role("button", name="Stop")).to_have_count(0, timeout=DRAWN)


def test_a_greedy_visitor_leaves_others_their_turn(app: RunningApp, bert: Page) -> None:
    store = Store(Path(app.log.parent, "home", "explorer.sqlite3"))
    queue, greedy = Jobs(store), "guest greedy"
    weights = registry.load(registry.SKETCHNET).fingerprint
    with pytest.raises(QueueFull):
        for seed in range(200):
            recipe = NeuronRecipe(
                "sketchnet", weights, seed, layer="relu2b", units=(1,), size=128, steps=256
            )
            queue.submit(recipe, greedy)
    draw(bert, seed=3)
    left = [job for job in queue.open() if job.visitor == greedy]
    assert len(left) > 20
    for job in left:
        queue.cancel(job.key)
