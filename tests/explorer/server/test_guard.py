"""The guard in front of an app that only says what it was sent."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from explorer.jobs.ownership import VISITOR_HEADER
from explorer.server import guard, token_page
from explorer.server.access import Access, create_access
from explorer.server.guard import Guard

PORT = 8501
HOST = f"127.0.0.1:{PORT}"
PATHS = (
    "/",
    "/neuron",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/bidi-components/x/y.js",
    "/component/x/index.html",
    "/media/0123.png",
    "/static/js/index.js",
)
Pairs = Sequence[tuple[str, str]]


@dataclass
class Answer:
    """What the guard, or the app behind it, has answered."""

    status: int
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str:
        """Return a header's value; "" if it is missing."""
        return dict(self.headers).get(name, "")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that were set, by name, with their attributes."""
        return dict(value.split("=", 1) for name, value in self.headers if name == "set-cookie")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the identity of the visitor, as an HTML page; accept any WebSocket."""
    assert b"origin" not in [name.lower() for name, _ in scope["headers"]]
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept", "headers": []})
        return
    names = [value.decode() for name, value in scope["headers"] if name == VISITOR_HEADER.encode()]
    kind = b"text/html" if "." not in scope["path"] else b"image/png"
    headers = [(b"content-type", kind)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(names).encode()})


def ask(
    access: Access,
    path: str = "/",
    headers: Pairs = (("host", HOST),),
    query: str = "",
    method: str = "GET",
    websocket: bool = False,
    held: int = 0,
) -> Answer:
    """Send one request through the guard."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: dict[str, Any] = {
        "type": "websocket" if websocket else "http",
        "scheme": "ws" if websocket else "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "server": ("127.0.0.1", PORT),
        "root_path": "",
    }
    if not websocket:
        scope["method"] = method
    guarded = Guard(
        echo,
        access,
        {"content-security-policy": "none"},
        lambda: held,
        lambda path, query: {"Link": f"{path} {dict(query)}"},
    )
    asyncio.run(guarded(scope, receive, send))
    first = sent[0]
    pairs = [(name.decode().lower(), value.decode()) for name, value in first.get("headers", [])]
    status = 101 if first["type"] == "websocket.accept" else first["status"]
    return Answer(status, pairs, b"".join(it.get("body", b"") for it in sent[1:]).decode())


LOCAL = create_access("127.0.0.1")
OPEN = create_access("0.0.0.0", ask_token=False)
SHARED = create_access("0.0.0.0")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("websocket", [False, True])
def test_a_foreign_name_is_refused_everywhere(path: str, websocket: bool) -> None:
    for access in (LOCAL, OPEN, SHARED):
        for hosts in (["evil.example:8501"], [], [HOST, "evil.example"], ["evil.example", HOST]):
            headers = [("host", it) for it in hosts]
            headers += [("origin", f"http://{it}") for it in hosts[:1]]
            assert ask(access, path, headers, websocket=websocket).status == 403


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("websocket", [False, True])
def test_a_page_of_another_server_is_refused_everywhere(path: str, websocket: bool) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999", "http://[", ""):
        headers = [("host", HOST), ("origin", origin)]
        assert ask(LOCAL, path, headers, websocket=websocket).status == 403


@pytest.mark.parametrize("host", [HOST, "localhost:8501", "[::1]:8501"])
def test_the_own_names_are_answered(host: str) -> None:
    for headers in ([("host", host)], [("host", host), ("origin", f"http://{host}")]):
        assert ask(LOCAL, "/", headers).status == 200
        assert ask(LOCAL, "/_stcore/stream", headers, websocket=True).status == 101


@pytest.mark.parametrize("access", [LOCAL, OPEN])
def test_nobody_reads_the_metrics(access: Access) -> None:
    for path in ("/_stcore/metrics", "/_stcore/agent/openapi.json", "/_stcore/agent/interact"):
        assert ask(access, path).status == 404


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_answered(path: str) -> None:
    assert ask(SHARED, path).status == 401
    assert ask(SHARED, path, websocket=True).status == 401
    for method in ("PUT", "POST", "DELETE", "OPTIONS"):
        query = f"token={SHARED.token}"
        assert ask(SHARED, path, query=query, method=method).status == 401
    wrong = [("host", HOST), ("cookie", f"explorer_token_{PORT}=0123")]
    assert ask(SHARED, path, wrong).status == 401
    # The token of the URL is for pages; a WebSocket needs the cookie.
    assert ask(SHARED, path, query=f"token={SHARED.token}", websocket=True).status == 401


def test_the_token_in_the_url_becomes_a_cookie() -> None:
    answer = ask(SHARED, "/neuron", query=f"unit=3&token={SHARED.token}&layer=a%26b")
    assert (answer.status, answer.header("location")) == (303, "/neuron?unit=3&layer=a%26b")
    (cookie,) = answer.cookies.values()
    value, *attributes = cookie.split("; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
    assert SHARED.token not in value
    known = [("host", HOST), ("cookie", f"explorer_token_{PORT}={value}")]
    assert ask(SHARED, "/neuron", known).status == 200
    assert ask(SHARED, "/_stcore/stream", known, websocket=True).status == 101
    # On another port of the same machine there may be another server.
    other = [("host", HOST), ("cookie", f"explorer_token_{PORT + 1}={value}")]
    assert ask(SHARED, "/neuron", other).status == 401
    # The token is not left in the URL of who has the cookie already.
    again = ask(SHARED, "/neuron", known, query="token=wrong&unit=3")
    assert (again.status, again.header("location")) == (303, "/neuron?unit=3")


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "/a\r\nset-cookie: b=c"])
def test_the_way_back_stays_on_this_server(path: str) -> None:
    location = ask(SHARED, path, query=f"token={SHARED.token}").header("location")
    assert re.fullmatch(r"/(?![/\\])[\w.%/-]*", location)


def test_a_page_asks_for_the_token() -> None:
    headers = [("host", HOST), ("accept", "text/html,*/*")]
    first = ask(SHARED, "/neuron", headers, query='unit=3&name="><script>')
    # A browser that came by a link of another site sends its cookie only the second time.
    assert first.status == 401 and "url=/neuron?unit=3&amp;name=%22%3E" in first.body
    second = ask(SHARED, "/neuron", headers, query='unit=3&name="><script>&explorer_again=1')
    assert second.status == 401 and "refresh" not in second.body
    assert '<input type="hidden" name="unit" value="3">' in second.body
    assert "<script>" not in second.body and SHARED.token not in second.body
    assert "wrong" in ask(SHARED, "/", headers, query="token=wrong").body
    policy = second.header("content-security-policy")
    style = re.findall(r"<style>(.*?)</style>", second.body, re.DOTALL)[0]
    assert token_page.content_hash(style) in policy and "frame-ancestors 'none'" in policy


def identity(access: Access, *headers: tuple[str, str]) -> str:
    (name,) = json.loads(ask(access, "/", [("host", HOST), *headers]).body)
    return str(name)


def test_a_browser_has_an_identity_that_it_cannot_choose() -> None:
    answer = ask(OPEN)
    (cookie,) = answer.cookies.values()
    value, *attributes = cookie.split("; ")
    # A link of another site opens the app with the same identity.
    assert {"HttpOnly", "SameSite=lax"} <= set(attributes)
    (name,) = json.loads(answer.body)
    sent = ("cookie", f"explorer_visitor_{PORT}={value}")
    assert identity(OPEN, sent) == name
    assert ask(OPEN, "/", [("host", HOST), sent]).cookies == {}
    assert value not in name and name.startswith("guest ")
    # What a client says about itself does not count.
    spoofed = (VISITOR_HEADER, "browser of the owner"), ("X-Explorer-Visitor", name)
    assert identity(OPEN, *spoofed) not in (name, "browser of the owner")
    assert identity(OPEN, ("cookie", f"explorer_visitor_{PORT}=short")) != identity(OPEN)
    # Who uses this machine itself is no guest.
    assert identity(LOCAL, sent).startswith("browser ")


def test_only_a_page_sets_the_identity() -> None:
    assert ask(OPEN, "/media/0.png").cookies == {}


def test_all_answers_have_the_headers() -> None:
    assert ask(LOCAL).header("content-security-policy") == "none"
    assert ask(LOCAL, "/media/0.png").header("content-security-policy") == "none"
    refused = ask(LOCAL, headers=[("host", "evil.example")])
    assert refused.header("x-content-type-options") == "nosniff"


def test_only_pages_name_the_files_that_they_need() -> None:
    page = ask(LOCAL, "/style", query="view=rows")
    assert page.header("link") == "/style {'view': 'rows'}"
    assert not ask(LOCAL, "/static/js/index.js").header("link")
    assert not ask(LOCAL, "/_stcore/stream", websocket=True).header("link")


def test_uploads_are_bounded_together() -> None:
    def put(length: str | None, held: int = 0) -> int:
        headers = [("host", HOST)] + ([] if length is None else [("content-length", length)])
        return ask(LOCAL, "/_stcore/upload_file/s/f", headers, method="PUT", held=held).status

    assert put("1000") == 200
    assert put(None) == put("-1") == put("9" * 5000) == 411
    assert put(str(guard.UPLOADED_AT_MOST + 1)) == 413
    assert put("1000", guard.UPLOADED_AT_MOST - 999) == 413
