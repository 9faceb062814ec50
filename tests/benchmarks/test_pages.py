"""The benchmark of the pages' speed times what a visitor waits for, and nothing else."""

import shutil
from collections.abc import Iterator

import pytest

from benchmarks import pages
from benchmarks.first_sight import launch
from tests.benchmarks.test_first_hour import RED

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# Milliseconds that it takes to open the menu, to show the picture after a click on the link in it,
# and until the page has run.
MENU, PICTURE, RUN = 600, 100, 400
# A page like those of the app, whose menu opens slowly.
HTML = f"""
<span data-testid="stTopNavSection">Create</span><nav></nav>
<div data-testid="stApp"><main data-testid="stMainBlockContainer"></main></div>
<script>
const link = '<a data-testid="stTopNavLink" href="#">Dream</a>';
const found = ['span', 'nav', 'div', 'main'].map((it) => document.querySelector(it));
const [menu, nav, app, main] = found;
menu.onclick = () => {{
  for (const ends = performance.now() + {MENU}; performance.now() < ends;);
  nav.innerHTML = link;
}};
nav.onclick = (event) => {{
  event.preventDefault();
  app.dataset.testScriptState = 'running';
  history.pushState(null, '', '/dream');
  setTimeout(() => {{ main.innerHTML = `<img width="64" src="{RED}">`; }}, {PICTURE});
  setTimeout(() => {{ app.dataset.testScriptState = 'notRunning'; }}, {RUN});
}};
</script>
"""


@pytest.fixture
def page() -> Iterator["playwright.Page"]:
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = launch(started)
        page = browser.new_page()
        page.route(
            "http://pages.test/**", lambda it: it.fulfill(content_type="text/html", body=HTML)
        )
        page.goto("http://pages.test/")
        yield page
        browser.close()


def test_a_switch_begins_with_the_click_on_the_link(page: "playwright.Page") -> None:
    opened = page.evaluate("performance.now()")
    seen, whole = pages.switch(page, pages.PageCheck("dream", "Dream"))
    passed = page.evaluate("performance.now()") - opened
    assert PICTURE <= 1000 * seen < 1000 * whole
    # The menu's time is not part of it, however slow the machine is.
    assert RUN <= 1000 * whole <= passed - MENU
