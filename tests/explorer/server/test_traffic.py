"""Other work gives way while a browser loads a page."""

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
    """Return how long other work gives way now, in seconds."""
    before = clock.now
    seen.give_way(clock)
    return clock.now - before


def test_it_waits_for_the_first_visitor_and_for_each_request() -> None:
    clock = Hours()
    seen = Traffic(lambda: clock.now)
    assert waited(clock, seen) == pytest.approx(traffic.FIRST_SECONDS, abs=0.03)
    assert waited(clock, seen) == 0
    clock.now += 10
    seen.note()
    clock.now += 0.1
    seen.note()
    assert waited(clock, seen) == pytest.approx(traffic.NEXT_SECONDS, abs=0.03)
    assert waited(clock, seen) == 0


def test_a_request_at_the_start_does_not_shorten_the_wait() -> None:
    clock = Hours()
    seen = Traffic(lambda: clock.now)
    seen.note()
    assert waited(clock, seen) == pytest.approx(traffic.FIRST_SECONDS, abs=0.03)


def test_many_visitors_do_not_stop_the_work_for_ever() -> None:
    clock = Hours()
    seen = Traffic(lambda: clock.now)
    total = 0.0
    for _ in range(100):
        seen.note()
        total += waited(clock, seen)
    assert total == pytest.approx(traffic.AT_MOST_SECONDS, abs=0.1)


def test_a_page_that_waits_for_the_work_ends_the_waiting() -> None:
    clock = Hours(hurry_after=0.3)
    assert waited(clock, Traffic(lambda: clock.now)) == pytest.approx(0.3, abs=0.03)


async def _record(passed: list[str], scope: Any) -> None:
    passed.append(scope["path"])


@pytest.mark.parametrize(
    ("kind", "path", "accepted", "noted"),
    [
        ("http", "/", b"text/html,*/*", True),
        ("http", "/static/js/index.js", b"*/*", True),
        ("websocket", "/_stcore/stream", b"", True),
        ("http", "/_stcore/health", b"*/*", False),
        # Another page than the first one needs what would give way to it.
        ("http", "/dream", b"text/html,*/*", False),
        ("lifespan", "/", b"", False),
    ],
)
def test_requests_of_browsers_are_recorded_and_passed_on(
    kind: str, path: str, accepted: bytes, noted: bool
) -> None:
    clock, passed = Hours(), list[str]()
    seen = Traffic(lambda: clock.now)
    waited(clock, seen)
    app: Any = NoteRequests(lambda scope, *_: _record(passed, scope), seen)
    headers = [(b"host", b"text/html"), (b"accept", accepted)]
    asyncio.run(app({"type": kind, "path": path, "headers": headers}, None, None))
    assert passed == [path]
    assert (waited(clock, seen) > 0) is noted
