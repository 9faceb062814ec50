"""When browsers ask for something, so that the server does meanwhile only what they wait for.

Work gives way to the home page, which needs none of it. Whoever opens another page waits for it.
"""

import threading
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

# For so many seconds after its start, the server waits for its first visitor, as the command opens
# a browser; and after each request, for the next one of a page that is being loaded.
FIRST_SECONDS, NEXT_SECONDS = 1.0, 0.5
# The longest time in seconds that all other work gives way in total.
AT_MOST_SECONDS = 6.0
STEP_SECONDS = 0.02
# Whoever watches over the server asks for this all the time.
NO_VISIT = "/_stcore/health"


class Traffic:
    """Record of requests, by which other work can wait while a page is being loaded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to wait for the first visitor.

        Args:
            clock: returns the time in seconds.
        """
        self._clock = clock
        self._quiet_from = clock() + FIRST_SECONDS
        self._left = AT_MOST_SECONDS

    def end(self) -> None:
        """Stop waiting for pages that are being loaded, now and later."""
        self._left = 0.0

    def note(self) -> None:
        """Record that a browser asks for something now."""
        self._quiet_from = max(self._quiet_from, self._clock() + NEXT_SECONDS)

    def give_way(self, hurry: threading.Event) -> None:
        """Wait until no page is being loaded.

        With many visitors that moment may never come, so all calls together wait for
        ``AT_MOST_SECONDS`` at most.

        Args:
            hurry: ends the waiting when it is set.
        """
        while self._left > 0 and self._clock() < self._quiet_from and not hurry.is_set():
            hurry.wait(STEP_SECONDS)
            self._left -= STEP_SECONDS


class NoteRequests:
    """ASGI middleware that records requests."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record a request, and pass it on."""
        if scope["type"] in ("http", "websocket") and not scope["path"].endswith(NO_VISIT):
            is_page = any(name == b"accept" and b"text/html" in it for name, it in scope["headers"])
            if is_page and scope["path"].strip("/"):
                self._traffic.end()
            self._traffic.note()
        await self._app(scope, receive, send)
