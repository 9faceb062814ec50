"""Other work waits while a browser loads a page."""

import asyncio
import threading
from typing import Any

import pytest

from explorer.server import traffic
from explorer.server.traffic import NoteRequests, Traffic


class Hours(threading.Event):
    """A clock that moves on only when somebody waits; set after some seconds."""

    def __init__(self, hurry_after: float = 1e9) -> None:
        super().__init__()
        self.now = 100.0
        self._hurry_at = self.now + hurry_after

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += timeout
        return self.is_set()

    def is_set(self) -> bool:
        return self.now >= self._hurry_at


def waited(clock: Hours, seen: Traffic) -> float:
    """Return how long imports wait for the home page now, in seconds."""
    before = clock.now
    seen.wait_for_home(clock)
    return clock.now - before


def waited_for_pages(clock: Hours, seen: Traffic) -> float:
    """Return how long work that no page needs waits now, in seconds."""
    before = clock.now
    seen.wait_for_pages()
    return clock.now - before


def traffic_of(clock: Hours) -> Traffic:
    return Traffic(lambda: clock.now, clock.wait)


def test_it_waits_for_the_first_visitor_and_for_each_request() -> None:
    for wait in (waited, waited_for_pages):
        clock = Hours()
        seen = traffic_of(clock)
        assert wait(clock, seen) == pytest.approx(traffic.FIRST_SECONDS, abs=0.03)
        assert wait(clock, seen) == 0
        clock.now += 10
        seen.note()
        clock.now += 0.1
        seen.note()
        assert wait(clock, seen) == pytest.approx(traffic.NEXT_SECONDS, abs=0.03)
        assert wait(clock, seen) == 0


def test_a_request_at_the_start_does_not_shorten_the_wait() -> None:
    clock = Hours()
    seen = traffic_of(clock)
    seen.note()
    assert waited(clock, seen) == pytest.approx(traffic.FIRST_SECONDS, abs=0.03)


def test_many_visitors_do_not_stop_the_work_for_ever() -> None:
    clock = Hours()
    seen = traffic_of(clock)
    total = 0.0
    for _ in range(100):
        seen.note()
        total += waited(clock, seen)
    assert total == pytest.approx(traffic.HOME_SECONDS, abs=0.1)


class Crowd(Hours):
    """A clock during whose every wait somebody asks for something."""

    seen: Traffic

    def wait(self, timeout: float | None = None) -> bool:
        self.seen.note()
        return super().wait(timeout)


def test_work_that_no_page_needs_waits_for_all_pages_but_not_for_ever() -> None:
    clock = Crowd()
    clock.seen = traffic_of(clock)
    clock.seen.note_page(needs_imports=True)
    assert waited_for_pages(clock, clock.seen) == pytest.approx(traffic.PAGES_SECONDS, abs=0.03)


def test_a_page_is_loaded_until_its_connection_is_there_and_quiet() -> None:
    for pages, seconds in ((1, traffic.NEXT_SECONDS), (2, traffic.PAGE_SECONDS - 1.0)):
        clock = Hours()
        seen = traffic_of(clock)
        waited(clock, seen)
        for _ in range(pages):
            seen.note_page(needs_imports=False)
        clock.now += 1.0  # the browser compiles scripts, and asks for nothing
        assert seen.is_loading()
        seen.note_connection()
        assert waited(clock, seen) == pytest.approx(seconds, abs=0.03)


def test_a_page_that_waits_for_the_work_ends_the_waiting() -> None:
    clock = Hours(hurry_after=0.3)
    assert waited(clock, traffic_of(clock)) == pytest.approx(0.3, abs=0.03)


async def _record(passed: list[str], scope: Any) -> None:
    passed.append(scope["path"])


@pytest.mark.parametrize(
    ("kind", "path", "accepted", "seconds"),
    [
        ("http", "/", b"text/html,*/*", traffic.PAGE_SECONDS),
        ("http", "/static/js/index.js", b"*/*", traffic.NEXT_SECONDS),
        ("websocket", "/_stcore/stream", b"", traffic.NEXT_SECONDS),
        ("http", "/_stcore/health", b"*/*", 0.0),
        # Another page than the first one needs what would wait for it.
        ("http", "/dream", b"text/html,*/*", 0.0),
        ("lifespan", "/", b"", 0.0),
    ],
)
def test_requests_of_browsers_are_recorded_and_passed_on(
    kind: str, path: str, accepted: bytes, seconds: float
) -> None:
    clock, passed = Hours(), list[str]()
    seen = traffic_of(clock)
    waited(clock, seen)
    app: Any = NoteRequests(lambda scope, *_: _record(passed, scope), seen)
    headers = [(b"host", b"text/html"), (b"accept", accepted)]
    asyncio.run(app({"type": kind, "path": path, "headers": headers}, None, None))
    assert passed == [path]
    assert waited(clock, seen) == pytest.approx(seconds, abs=0.03)
