"""The guard: ASGI middleware that decides about each request before Streamlit sees it.

It refuses foreign ``Host`` and ``Origin`` headers, asks for the token, gives each browser an
identity, bounds uploads, and adds security headers to all responses.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explorer.jobs import ownership
from explorer.server.access import Access
from explorer.server.token_page import token_page, token_page_headers

# Names of the cookies, which the port follows: cookies are shared by all ports of a machine.
TOKEN_COOKIE, VISITOR_COOKIE = "explorer_token_", "explorer_visitor_"
# The least length of a visitor's cookie in characters; four characters stand for three bytes.
VISITOR_CHARACTERS = 32
COOKIE_SECONDS = 365 * 24 * 3600
# Parameters of the query: the token, and the mark of a second attempt to open a page.
TOKEN, AGAIN = "token", "explorer_again"
# Paths of Streamlit that tell about the server, or control it, and that nobody here needs.
CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")
UPLOADS = "/_stcore/upload_file/"
# The total size of uploaded files that may be in memory, in bytes. One file may have up to
# Streamlit's ``server.maxUploadSize``.
UPLOADED_AT_MOST = 1280 * 2**20


class Guard:
    """ASGI middleware in front of the whole app: pages, files, uploads and the WebSocket."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        headers: Mapping[str, str],
        held_bytes: Callable[[], int],
        page_headers: Callable[[str, Mapping[str, str]], dict[str, str]],
    ) -> None:
        """Wrap an app.

        Args:
            app: the app.
            access: the conditions under which requests reach the app.
            headers: headers that all responses of the app get.
            held_bytes: returns the total size of the uploaded files that the app has in memory.
            page_headers: returns further headers of a page, given its path and query.
        """
        self._app = app
        self._access = access
        self._headers = dict(headers)
        self._held_bytes = held_bytes
        self._page_headers = page_headers
        self._arriving_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on to the app."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        refusal = self._refuse_origin(request) or self._ask_token(request)
        if refusal is None and scope["path"].startswith(CLOSED):
            refusal = PlainTextResponse("not found", 404, self._headers)
        if refusal is None and scope.get("method") == "PUT" and UPLOADS in scope["path"]:
            await self._receive_upload(request, receive, send)
        elif refusal is None:
            await self._pass_on(request, receive, send)
        else:
            await refusal(scope, receive, send)

    def _refuse_origin(self, request: HTTPConnection) -> Response | None:
        """Return the refusal of a request from a page of another server, or under another name."""
        hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
        own = [f"{scheme}://{host}".lower() for scheme in ("http", "https") for host in hosts]
        if len(hosts) != 1 or not self._access.allows_host(hosts[0]):
            words = "the explorer does not answer to this name; --allow-host adds one"
        elif any(origin.lower() not in own for origin in origins):
            words = "the explorer answers only to its own pages"
        else:
            return None
        return PlainTextResponse(words, 403, token_page_headers())

    def _ask_token(self, request: HTTPConnection) -> Response | None:
        """Return None if the browser has the token, or none is needed; else what to answer.

        A URL with the right token sets the cookie, and leads to the same URL without the token. A
        browser does not send the cookie (SameSite=Strict) when it comes from a link on another
        site, so the first answer sends it to the same page again, this time from a page of ours.
        """
        if not self._access.token:
            return None
        is_page = request.scope["type"] == "http" and request.scope["method"] in ("GET", "HEAD")
        items = request.query_params.multi_items()
        query = [it for it in items if it[0] not in (TOKEN, AGAIN)]
        given = request.query_params.get(TOKEN)
        # Two slashes at the beginning would lead to another server.
        path = f"/{quote(request.scope['path'].lstrip('/'))}"
        clean = path + (f"?{urlencode(query)}" if query else "")
        right = given is not None and _equal(given, self._access.token)
        known = _equal(request.cookies.get(self._cookie(request, TOKEN_COOKIE), ""), self._proof())
        if is_page and (right or (known and len(items) > len(query))):
            response: Response = RedirectResponse(clean, 303, token_page_headers())
            if right:
                self._set_cookie(request, response, TOKEN_COOKIE, self._proof())
            return response
        if known:
            return None
        if not is_page or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("a token is needed", 401, token_page_headers())
        retry = given is None and AGAIN not in request.query_params
        again = f"{clean}{'&' if query else '?'}{AGAIN}=1" if retry else None
        page = token_page(path, query, given is not None, again)
        return HTMLResponse(page, 401, token_page_headers())

    async def _receive_upload(self, request: HTTPConnection, receive: Receive, send: Send) -> None:
        """Pass an upload on if there is room in memory for the whole of it."""
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 15:
            refusal = PlainTextResponse("the length of an upload is needed", 411, self._headers)
            await refusal(request.scope, receive, send)
            return
        if self._held_bytes() + self._arriving_bytes + int(length) > UPLOADED_AT_MOST:
            words = "too many uploads are under way; try again later"
            await PlainTextResponse(words, 413, self._headers)(request.scope, receive, send)
            return
        self._arriving_bytes += int(length)
        try:
            await self._pass_on(request, receive, send)
        finally:
            self._arriving_bytes -= int(length)

    async def _pass_on(self, request: HTTPConnection, receive: Receive, send: Send) -> None:
        """Call the app with the visitor's identity, and add headers to its answer."""
        name = self._cookie(request, VISITOR_COOKIE)
        before = request.cookies.get(name, "")
        new = secrets.token_urlsafe(VISITOR_CHARACTERS * 3 // 4)
        identity = before if len(before) >= VISITOR_CHARACTERS else new
        visitor = ownership.visitor_id(identity, guest=self._access.shared)
        header = (ownership.VISITOR_HEADER.encode(), visitor.encode())
        # The origin was checked. To compare it again, Streamlit would ask another server for the
        # address of this one.
        replaced = (header[0], b"origin")
        sent = [it for it in request.scope["headers"] if it[0].lower() not in replaced]

        async def send_with_headers(message: Message) -> None:
            if message["type"].endswith(("http.response.start", "websocket.accept")):
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                is_file = not headers.get("content-type", "text/html").startswith("text/html")
                if not is_file and message["type"] == "http.response.start":
                    headers.update(self._page_headers(request.url.path, request.query_params))
                if identity != before and not is_file:
                    # A page's files are requested together; each would get another identity.
                    cookie = Response()
                    self._set_cookie(request, cookie, VISITOR_COOKIE, identity)
                    headers.append("set-cookie", cookie.headers["set-cookie"])
            await send(message)

        await self._app({**request.scope, "headers": [*sent, header]}, receive, send_with_headers)

    def _proof(self) -> str:
        """Return the value of the cookie of browsers that have given the token."""
        return hashlib.sha256(f"cookie {self._access.token}".encode()).hexdigest()

    def _cookie(self, request: HTTPConnection, name: str) -> str:
        return f"{name}{request.scope['server'][1]}"

    def _set_cookie(
        self, request: HTTPConnection, response: Response, name: str, value: str
    ) -> None:
        response.set_cookie(
            self._cookie(request, name),
            value,
            max_age=COOKIE_SECONDS,
            secure=request.url.scheme in ("https", "wss"),
            httponly=True,
            # By a link of another site a visitor must not get a new identity; without the token,
            # such a link opens a page of ours first (``_ask_token``).
            samesite="strict" if name == TOKEN_COOKIE else "lax",
        )


def _equal(given: str, right: str) -> bool:
    """Compare two texts in a time that does not depend on their contents."""
    return hmac.compare_digest(given.encode(), right.encode())
