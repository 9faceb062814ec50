"""The benchmark of the first hour: what its watcher sees in a browser, and its goals."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import first_hour, first_view, machine
from benchmarks.first_hour import IN_ORDER, RANDOM, VIEWS, Run
from benchmarks.first_view import Look, View
from explorer.ui import page_list
from explorer.ui.lessons.texts import LESSONS

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

RED = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='64' height='64'%3E"
    "%3Crect width='64' height='64' fill='red'/%3E%3C/svg%3E"
)
PICTURE = f'<img class="own" src="{RED}">'
PLACE = '<div class="place" style="width: 64px; height: 64px"></div>'
BAR = '<div data-testid="stProgress"><div role="progressbar" aria-valuenow="0"></div></div>'
# Pages like those of the app, and what changes on them.
PAGES = {
    "ready": (PICTURE, ""),
    "shadow": (
        '<div class="host"></div>',
        "document.querySelector('.host').attachShadow({ mode: 'open' }).innerHTML = picture;",
    ),
    "late": (PLACE, "setTimeout(() => { main.innerHTML = picture; }, 1500);"),
    "grey": (f"{PICTURE.replace('own', 'another')}{PLACE}", ""),
    "stuck": (f"{PLACE}{BAR}", ""),
    # An example in the place of the own picture.
    "sample": (PLACE.replace("></div>", f">{PICTURE.replace('own', 'own sample')}</div>"), ""),
    "rising": (
        f"{PLACE}{BAR}",
        "let at = 0; setInterval(() => { at += 1; document.querySelector('[role=progressbar]')"
        ".setAttribute('aria-valuenow', at); if (at === 10) main.innerHTML = picture; }, 150);",
    ),
    "one-missing": (f"{PICTURE}{PLACE}", ""),
    "bar": (f"{PICTURE}{BAR}", ""),
    "words": ("<p>Every term.</p>", ""),
}
# A place that stays grey for longer than this, in seconds, is found by the test.
STILL, PATIENCE = 1.2, 3.0


class Pages(BaseHTTPRequestHandler):
    """Serves ``PAGES`` by their names."""

    def do_GET(self) -> None:
        body, script = PAGES.get(self.path.strip("/"), ("", ""))
        html = (
            f'<main data-testid="stMainBlockContainer">{body}</main><script>'
            f"const main = document.querySelector('main'), picture = `{PICTURE}`; {script}</script>"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(html.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def looks() -> Iterator[dict[str, Look]]:
    """Let a visitor for each of ``PAGES`` open it, all at once; return what they saw."""
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("there is no chromium on this machine")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    orders = [
        [View(name, name, () if name == "words" else ("main", ".own"),
              "Every term" if name == "words" else "")]
        for name in PAGES
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, playwright.sync_playwright() as started:
        patch.setattr(first_view, "CALM", 0.5)
        browser = first_hour.launch(started)
        address = f"http://127.0.0.1:{server.server_port}"
        found = list(first_view.visit_together(browser, address, orders, PATIENCE))
        browser.close()
    server.shutdown()
    server.server_close()
    yield {it.view: it for it in found}


@pytest.mark.parametrize("name", ["ready", "shadow", "late", "rising", "words"])
def test_a_page_that_fills_is_whole(looks: dict[str, Look], name: str) -> None:
    look = looks[name]
    assert look.first is not None
    assert look.whole is not None
    assert look.first <= look.whole + 0.1
    assert look.visitor == list(PAGES).index(name)


@pytest.mark.parametrize("name", ["grey", "stuck", "sample"])
def test_a_page_without_its_own_picture_fails(looks: dict[str, Look], name: str) -> None:
    look = looks[name]
    assert (look.first, look.whole, look.waits) == (None, None, "a place for a picture")
    assert look.still > STILL


def test_progress_beside_the_own_picture_leaves_no_gap(looks: dict[str, Look]) -> None:
    look = looks["bar"]
    assert (look.whole, look.waits) == (None, "progress")
    assert look.still < STILL


def test_a_place_that_stays_empty_is_found_beside_the_own_picture(looks: dict[str, Look]) -> None:
    look = looks["one-missing"]
    assert look.first is not None
    assert look.whole is None
    assert look.still > STILL
    assert look.waits == "a place for a picture"


def test_rising_progress_is_a_change(looks: dict[str, Look]) -> None:
    assert looks["late"].still > STILL
    assert looks["rising"].first is not None
    assert looks["rising"].first > STILL
    assert looks["rising"].still < STILL


def test_every_page_and_lesson_is_opened() -> None:
    assert {it.page for it in first_hour.FIRST_VIEWS} == {
        "home", *(it.name for it in page_list.PAGES)
    }  # fmt: skip
    lessons = {it.place for it in VIEWS if it.page == "lessons"}
    assert lessons >= {f"lessons?lesson={it.number}" for it in LESSONS}
    assert len({it.name for it in VIEWS}) == len(VIEWS)


def test_a_random_order_depends_on_the_seed_and_the_visitor() -> None:
    one, other = first_hour.order_views(VIEWS, RANDOM, 3, 2)
    assert one != other
    assert set(one) == set(other) == set(VIEWS)
    assert first_hour.order_views(VIEWS, RANDOM, 3, 1) == [one]
    assert first_hour.order_views(VIEWS, RANDOM, 4, 1) != [one]
    assert first_hour.order_views(VIEWS, IN_ORDER, 3, 2) == [list(VIEWS)] * 2


@pytest.mark.parametrize(
    ("first", "still", "made", "visitors", "missed"),
    [
        (0.9, 0.9, False, 1, []),
        (1.1, 1.1, False, 1, ["first picture"]),
        (2.9, 1.0, True, 1, []),
        (3.1, 1.0, True, 1, ["first picture"]),
        (5.9, 1.0, False, 3, []),
        (6.1, 1.0, True, 3, ["first picture"]),
        (0.9, 3.1, False, 1, ["no change"]),
        (None, 9.0, False, 1, ["first picture", "no change"]),
    ],
)
def test_missed_goals_are_named(
    first: float | None, still: float, made: bool, visitors: int, missed: list[str]
) -> None:
    quick = Look("it", 0, 0.1, 0.1, 0.2, 0.1, "")
    looks = [replace(quick, visitor=it) for it in range(1, visitors)]
    looks.append(replace(quick, first=first, whole=None, still=still))
    run = Run(IN_ORDER, visitors, looks)
    lines = first_hour.report([run], {"it": View("it", "it", made=made)}, [])
    assert [line.what.split(": ")[1].partition(" o")[0] for line in lines] == missed


def test_slow_switches_and_controls_are_missed() -> None:
    found = {"switch to Home": [0.4, 0.6, 0.4], "change on Layers": [0.2, 0.4, 0.4]}
    lines = first_hour.lines_of_ready(found)
    assert [(it.seconds, it.goal, it.missed) for it in lines] == [
        (0.4, 0.5, False), (0.4, 0.3, True)
    ]  # fmt: skip


def test_the_processor_has_a_name() -> None:
    assert machine.processor_name().strip()
