"""A real server and a real browser; a failed test leaves a screenshot in build/screenshots."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.sketchnet import model as sketchnet
from tests.conftest import ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"
START_SECONDS = 60
# The app as users start it, but with fewer drawings in the index of the Probe page.
APP = (
    "from explorer import cli; from explorer.library import index_task; "
    "index_task.DRAWINGS = 'sketchworld:1000'; cli.main()"
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the app as a user does, with a data folder of its own; yields its address."""
    if not sketchnet.WEIGHTS.is_file():
        pytest.skip("SketchNet's weights are not there yet")
    folder = tmp_path_factory.mktemp("server")
    port = _free_port()
    command = [sys.executable, "-c", APP, "app", "--port", str(port)]
    environment = {
        **os.environ,
        "EXPLORER_HOME": str(folder / "home"),
        "STREAMLIT_SERVER_HEADLESS": "true",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server stopped:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the server did not answer:\n{log.read_text()}")


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
    context = browser.new_context(base_url=server, viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("requestfailed", lambda failed: problems.extend(_not_fetched(failed)))
    yield tab
    if getattr(request.node, "failed", False) or problems:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=SCREENSHOTS / f"{request.node.name}.png")
    context.close()
    assert not problems


def _not_fetched(failed: "playwright.Request") -> list[str]:
    """Return what could not be loaded; a request that the browser aborted is no failure."""
    return [] if failed.failure == "net::ERR_ABORTED" else [f"not fetched: {failed.url}"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> "Iterator[None]":
    """Store for the page's fixture whether its test failed."""
    report = yield
    if report.when == "call":
        item.failed = report.failed  # type: ignore[attr-defined]
    return report
