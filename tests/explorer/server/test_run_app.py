"""The start of the app's server."""

import asyncio
import importlib.metadata
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import streamlit
from streamlit.components.v2 import manifest_scanner
from streamlit.web.server.starlette import starlette_server

from explorer.server import access, run_app
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before, scan = signal.getsignal(signal.SIGTERM), manifest_scanner.scan_component_manifests
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", scan)
    monkeypatch.setattr(starlette_server, "_bind_socket", starlette_server._bind_socket)
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    signal.signal(signal.SIGTERM, before)


def test_what_pages_need_is_prepared_once_and_before_the_first_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    intervals: list[float] = []

    class App:
        """Streamlit's app, which only begins and ends."""

        def __init__(self, *_: Any, lifespan: Any, **__: Any) -> None:
            self._lifespan = lifespan

        def run(self, config: object) -> None:
            intervals.append(sys.getswitchinterval())

            async def serve() -> None:
                async with self._lifespan(self):
                    done.append("answers")

            asyncio.run(serve())

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(streamlit, "App", App)
    monkeypatch.setattr(run_app, "show_start", lambda *_: done.append("shown"))
    allowed = access.create_access("127.0.0.1", (), False)
    run_app.run_app(allowed, "127.0.0.1", 8765, lambda _: done.append("prepares"))
    assert done == ["shown", "prepares", "answers"]
    assert intervals == [run_app.SWITCH_SECONDS]


def test_no_package_is_looked_through_for_components(monkeypatch: pytest.MonkeyPatch) -> None:
    def read() -> None:
        raise AssertionError("the metadata of packages is read")

    monkeypatch.setattr(importlib.metadata, "distributions", read)
    # Tests of pages cache the search for all of a process; afterwards it is theirs again.
    search = manifest_scanner.scan_component_manifests
    search = getattr(search, "__wrapped__", search)
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", search)
    with pytest.raises(AssertionError, match="metadata"):
        manifest_scanner.scan_component_manifests()
    run_app.without_component_packages()
    assert manifest_scanner.scan_component_manifests() == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_connections_do_not_keep_small_messages_back(address: str) -> None:
    def delays() -> bool:
        try:
            listening = starlette_server._bind_socket(address, 0, 1)
        except OSError:
            pytest.skip(f"this machine has no {address}")
        with listening, socket.create_connection(listening.getsockname()[:2]):
            listening.setblocking(True)
            connection, _ = listening.accept()
            with connection:
                return not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    assert delays(), "Streamlit switches it off itself now; send_at_once can go"
    run_app.send_at_once()
    assert not delays()
