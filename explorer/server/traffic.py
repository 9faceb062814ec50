"""When browsers ask for something, so that the server does meanwhile only what they wait for.

What pages need waits for the home page, which needs none of it, but for no other page. What they
do not need waits for every page.
"""

import threading
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

# For so many seconds after its start, the server waits for its first visitor, as the command opens
# a browser; after the request of a page, for its connection, by which the page is sent; and after
# each other request, for the next one.
FIRST_SECONDS, PAGE_SECONDS, NEXT_SECONDS = 1.0, 3.0, 0.5
# The longest time in seconds that work waits for the home page in total, and that it waits for any
# page at each call.
HOME_SECONDS, PAGES_SECONDS = 6.0, 10.0
STEP_SECONDS = 0.02
# Whoever watches over the server asks for this all the time.
NO_VISIT = "/_stcore/health"


class Traffic:
    """Record of requests, by which other work can wait while a page is being loaded."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Begin to wait for the first visitor.

        Args:
            clock: returns the time in seconds.
            sleep: waits for so many seconds.
        """
        self._clock = clock
        self._sleep = sleep
        self._quiet_from = clock() + FIRST_SECONDS
        self._left = HOME_SECONDS
        # Number of pages whose connection is not there yet, and until when it is waited for.
        self._unconnected, self._connected_by = 0, 0.0

    def note(self) -> None:
        """Record that a browser asks for something now."""
        self._quiet_from = max(self._quiet_from, self._clock() + NEXT_SECONDS)

    def note_page(self, needs_imports: bool) -> None:
        """Record that a browser asks for a page now.

        Args:
            needs_imports: whether the page waits for what waits for the home page. From now on,
                ``wait_for_home`` does not wait.
        """
        self.note()
        self._unconnected += 1
        self._connected_by = self._clock() + PAGE_SECONDS
        if needs_imports:
            self._left = 0.0

    def note_connection(self) -> None:
        """Record that the connection of a page is opened now."""
        self.note()
        self._unconnected = max(self._unconnected - 1, 0)

    def is_loading(self) -> bool:
        """Whether a page is being loaded."""
        now = self._clock()
        if now >= self._connected_by:
            self._unconnected = 0
        return self._unconnected > 0 or now < self._quiet_from

    def wait_for_home(self, hurry: threading.Event) -> None:
        """Wait until the home page is not being loaded.

        With many visitors that moment may never come, so all calls together wait for
        ``HOME_SECONDS`` at most.

        Args:
            hurry: ends the waiting when it is set.
        """
        while self._left > 0 and self.is_loading() and not hurry.is_set():
            hurry.wait(STEP_SECONDS)
            self._left -= STEP_SECONDS

    def wait_for_pages(self) -> None:
        """Wait until no page is being loaded, for ``PAGES_SECONDS`` at most."""
        ends = self._clock() + PAGES_SECONDS
        while self.is_loading() and self._clock() < ends:
            self._sleep(STEP_SECONDS)


class NoteRequests:
    """ASGI middleware that records requests."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record a request, and pass it on."""
        if scope["type"] == "websocket":
            self._traffic.note_connection()
        elif scope["type"] == "http" and not scope["path"].endswith(NO_VISIT):
            if any(name == b"accept" and b"text/html" in it for name, it in scope["headers"]):
                self._traffic.note_page(needs_imports=bool(scope["path"].strip("/")))
            else:
                self._traffic.note()
        await self._app(scope, receive, send)
