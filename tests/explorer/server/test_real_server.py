"""A really started server, asked by raw sockets: foreign names, the token, headers."""

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import RunningApp, running_app

PATHS = (
    "/",
    "/gallery",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/upload_file/x/y",
    "/component/x/y.js",
    "/media/0123.png",
    "/static/js/index.js",
    "/favicon.png",
)
STREAM = "/_stcore/stream"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("local"), workers=0) as app:
        yield app


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("shared"), "--host", "0.0.0.0", workers=0) as app:
        yield app


def ask(app: RunningApp, path: str, *headers: str, method: str = "GET") -> str:
    """Send one request, and return the head of the answer."""
    lines = (f"{method} {path} HTTP/1.1", *headers, "Connection: close", "", "")
    if path == STREAM:
        upgrade = (
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==",
            "Sec-WebSocket-Protocol: streamlit",
        )
        lines = (f"GET {path} HTTP/1.1", *headers, "Connection: Upgrade", *upgrade, "", "")
    with socket.create_connection(("127.0.0.1", app.port), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        answer = b""
        while b"\r\n\r\n" not in answer and (more := connection.recv(65536)):
            answer += more
    return answer.split(b"\r\n\r\n")[0].decode("latin-1").lower()


def status(app: RunningApp, path: str, *headers: str, method: str = "GET") -> int:
    return int(ask(app, path, *headers, method=method).split()[1])


@pytest.mark.parametrize("path", [*PATHS, STREAM])
def test_a_rebound_name_is_refused(local: RunningApp, shared: RunningApp, path: str) -> None:
    for app in (local, shared):
        host = f"Host: evil.example:{app.port}"
        for origin in ((), (f"Origin: http://evil.example:{app.port}",)):
            assert status(app, path, host, *origin) == 403
        assert status(app, path, host, method="PUT") == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_on_this_machine_nothing_is_asked(local: RunningApp, name: str) -> None:
    host = f"Host: {name}:{local.port}"
    assert status(local, "/", host) == status(local, "/_stcore/health", host) == 200
    assert status(local, STREAM, host, f"Origin: http://{name}:{local.port}") == 101
    # A page of another server on this machine is another page.
    assert status(local, STREAM, host, "Origin: http://localhost:1") == 403
    assert "token" not in local.log.read_text()


@pytest.mark.parametrize("path", [*PATHS, STREAM])
def test_a_shared_app_asks_for_its_token(shared: RunningApp, path: str) -> None:
    for name in ("127.0.0.1", "192.168.1.2", socket.gethostname()):
        assert status(shared, path, f"Host: {name}:{shared.port}") == 401


def test_the_printed_link_opens_a_shared_app(shared: RunningApp) -> None:
    text = shared.log.read_text()
    assert "Warning" in text and "not encrypted" in text
    token = re.findall(r"token=([\w-]+)", text)[0]
    host = f"Host: 127.0.0.1:{shared.port}"
    answer = ask(shared, f"/gallery?starred=1&token={token}", host)
    assert answer.split()[1] == "303" and "location: /gallery?starred=1" in answer
    (cookie,) = re.findall(r"set-cookie: (explorer_token_\w+=\w+); [^\r]*httponly", answer)
    assert "samesite=strict" in answer
    known = (host, f"Cookie: {cookie}")
    assert status(shared, "/gallery", *known) == 200
    assert status(shared, STREAM, *known, f"Origin: http://127.0.0.1:{shared.port}") == 101
    assert status(shared, "/_stcore/metrics", *known) == 404


def test_all_answers_have_security_headers(local: RunningApp) -> None:
    host = f"Host: 127.0.0.1:{local.port}"
    for path in ("/", "/_stcore/health", "/favicon.png", "/no/such/page"):
        answer = ask(local, path, host)
        policy = re.findall(r"content-security-policy: ([^\r]*)", answer)[0]
        assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
        assert "unsafe-eval" not in policy
        scripts = re.findall("script-src ([^;]*)", policy)[0]
        assert "unsafe-inline" not in scripts and "http" not in scripts
        assert "x-content-type-options: nosniff" in answer
        assert "referrer-policy: same-origin" in answer
    assert status(local, "/_stcore/metrics", host) == 404


# Python imports this module at its start: it notes which names are looked up.
NOTING = """
import os, socket

look_up = socket.getaddrinfo

def note(host, *rest, **more):
    with open(os.environ["ASKED"], "a") as file:
        print(host.decode() if isinstance(host, bytes) else host, file=file)
    return look_up(host, *rest, **more)

socket.getaddrinfo = note
"""


def test_nobody_else_is_asked_for_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOTING)
    asked = tmp_path / "asked"
    asked.write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("ASKED", str(asked))
    with running_app(tmp_path, "--host", "0.0.0.0", workers=0) as app:
        deadline = time.monotonic() + PATIENCE
        while not re.search(r"http://", app.log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
    here = {"", "None", "0.0.0.0", "127.0.0.1", "localhost", "::", "::1", socket.gethostname()}
    assert {*asked.read_text().split("\n")} <= here


def test_no_token_says_so(tmp_path: Path) -> None:
    with running_app(tmp_path, "--host", "0.0.0.0", "--no-token", workers=0) as app:
        assert status(app, "/", f"Host: 127.0.0.1:{app.port}") == 200
        assert status(app, "/", "Host: evil.example") == 403
        text = app.log.read_text()
        assert "--no-token" in text and "token=" not in text
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(timeout=30) == 0
