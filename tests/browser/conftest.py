"""A real server and a real browser; a failed test leaves a screenshot in build/screenshots."""

import contextlib
import shutil
from collections.abc import Iterator

import pytest

from core.sketchnet import model as sketchnet
from tests.conftest import ROOT
from tests.servers import running_app

SCREENSHOTS = ROOT / "build" / "screenshots"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    # A camera that shows a moving pattern.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run a failed test of a browser once more; the summary counts it as rerun.

    On a busy machine the browser may handle one of two keys only after the page has changed. What
    is broken fails twice.
    """
    for item in items:
        if item.get_closest_marker("browser") is not None:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the app as a user does, with a data folder of its own; yields its address."""
    if not sketchnet.WEIGHTS.is_file():
        pytest.skip("SketchNet's weights are not there yet")
    with running_app(tmp_path_factory.mktemp("server")) as app:
        yield app.address


@pytest.fixture(scope="session")
def browser() -> "Iterator[playwright.Browser]":
    """Start the browser that this machine has."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(
    browser: "playwright.Browser", server: str, request: pytest.FixtureRequest
) -> "Iterator[playwright.Page]":
    """Open an empty tab whose relative links lead to the server."""
    with open_tab(browser, server, request) as tab:
        yield tab


@contextlib.contextmanager
def open_tab(
    browser: "playwright.Browser", server: str, request: pytest.FixtureRequest
) -> "Iterator[playwright.Page]":
    """Open an empty tab of a new visitor, whose relative links lead to a server.

    At the end, fail if the page had errors, or wanted what its Content Security Policy forbids.
    """
    context = browser.new_context(
        base_url=server,
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",  # animations keep a processor busy that draws without a GPU
    )
    tab = context.new_page()
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("requestfailed", lambda failed: problems.extend(_not_fetched(failed)))
    tab.on("console", lambda said: problems.extend(_forbidden(said)))
    yield tab
    if getattr(request.node, "failed", False) or problems:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=SCREENSHOTS / f"{request.node.name}.png")
    context.close()
    assert not problems


def _not_fetched(failed: "playwright.Request") -> list[str]:
    """Return what could not be loaded; a request that the browser aborted is no failure."""
    return [] if failed.failure == "net::ERR_ABORTED" else [f"not fetched: {failed.url}"]


def _forbidden(said: "playwright.ConsoleMessage") -> list[str]:
    """Return what a message of the browser's console says of the Content Security Policy."""
    return [said.text] if "Content Security Policy" in said.text else []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> "Iterator[None]":
    """Store for the page's fixture whether its test failed."""
    report = yield
    if report.when == "call":
        item.failed = report.failed  # type: ignore[attr-defined]
    return report
