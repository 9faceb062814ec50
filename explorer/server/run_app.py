"""Starting the app: Streamlit behind the guard, on one address, and what the terminal shows."""

import contextlib
import functools
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlencode

import streamlit
from starlette.middleware import Middleware
from streamlit import config, runtime
from streamlit.components.v2 import manifest_scanner
from streamlit.web.server.starlette import starlette_server

from explorer.paths import ROOT
from explorer.server.access import LOOPBACK, Access, is_address
from explorer.server.guard import TOKEN, Guard
from explorer.server.preloading import Preloading
from explorer.server.token_page import page_headers
from explorer.server.traffic import NoteRequests, Traffic

INDEX_PAGE = Path(streamlit.__file__).parent / "static" / "index.html"
# A thread that has Python's lock gives it up after so long if another one waits. By default it is
# 5 ms: while modules are imported or pages run, each of the steps in which a file or a message is
# sent waits for as long.
SWITCH_SECONDS = 0.001
# Addresses that stand for all addresses of a machine.
EVERY_ADDRESS = ("0.0.0.0", "::")


def run_app(
    access: Access,
    host: str,
    port: int | None,
    prepare: Callable[[Traffic], object],
) -> None:
    """Run the app until it is stopped by Ctrl+C or SIGTERM.

    Args:
        access: the conditions under which requests are answered.
        host: name or address to listen on.
        port: port to listen on; by default 8501 or the next free one.
        prepare: called once, when the server is about to answer, with the record of requests.
    """
    address, traffic = host.strip("[]"), Traffic()

    @contextlib.asynccontextmanager
    async def announce(_: Any) -> AsyncIterator[None]:
        show_start(access, address, int(config.get_option("server.port")))
        prepare(traffic)
        yield

    # Streamlit reads its configuration from the current folder.
    os.chdir(ROOT)
    without_component_packages()
    send_at_once()
    sys.setswitchinterval(SWITCH_SECONDS)
    guard = Middleware(
        Guard,
        access=access,
        headers=page_headers(INDEX_PAGE),
        held_bytes=uploaded_bytes,
        page_headers=Preloading(INDEX_PAGE).headers,
    )
    middleware = [guard, Middleware(NoteRequests, traffic=traffic)]
    app = streamlit.App(ROOT / "explorer" / "app.py", middleware=middleware, lifespan=announce)
    options = {
        "server.address": address,
        # The guard checks the names of the server, also for requests other than the WebSocket's.
        "server.allowedHosts": ["*"],
        "browser.gatherUsageStats": False,
        # Streamlit's own welcome shows links without the token, and may look up this machine's
        # address on another server.
        "logger.hideWelcomeMessage": True,
    }
    if port is not None:
        options["server.port"] = port
    # The web server ends by the signal that stops it; Python's own end has work to do yet.
    signal.signal(signal.SIGTERM, _leave)
    with contextlib.suppress(KeyboardInterrupt):
        app.run(config=options)


def without_component_packages() -> None:
    """Replace Streamlit's search for packages with components by one that finds none.

    The app uses no such packages. At its start Streamlit would parse the metadata of every
    installed package four times, a fifth of the server's start.
    """
    manifest_scanner.scan_component_manifests = lambda max_workers=None: []


def send_at_once() -> None:
    """Make Streamlit's server send each message as soon as it is written.

    The system keeps a small packet back until the one before is acknowledged (Nagle's algorithm),
    for 40 ms on Linux: for every file, and for most messages of a run. asyncio switches that off
    only for sockets that name their protocol, which Streamlit's does not. Connections inherit the
    option from the socket that listens.
    """
    bind = starlette_server._bind_socket

    @functools.wraps(bind)
    def bind_socket(*args: Any, **kwargs: Any) -> socket.socket:
        bound = bind(*args, **kwargs)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return bound

    starlette_server._bind_socket = bind_socket


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def uploaded_bytes() -> int:
    """Return the total size of the uploaded files that Streamlit has in memory."""
    stats = runtime.get_instance().uploaded_file_mgr.get_stats()
    return sum(int(getattr(it, "byte_length", 0)) for family in stats.values() for it in family)


def show_start(access: Access, address: str, port: int) -> None:
    """Print the link to the app, with a warning if others can reach it, and open the browser."""
    link = app_link(access, "localhost" if address in EVERY_ADDRESS else address, port)
    warning = f"{sharing_warning(access, address, port)}\n\n" if access.shared else ""
    sys.stdout.write(f"\n  The explorer is at {link}\n\n{warning}")
    sys.stdout.flush()
    if not config.get_option("server.headless"):
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()


def app_link(access: Access, address: str, port: int) -> str:
    """Return the URL of the app, with the token if there is one."""
    host = f"[{address}]" if is_address(address) and ":" in address else address
    query = f"?{urlencode({TOKEN: access.token})}" if access.token else ""
    return f"http://{host}:{port}/{query}"


def sharing_warning(access: Access, address: str, port: int) -> str:
    """Return the warning for a server that other machines can reach."""
    who = "who has this link" if access.token else "(--no-token: nothing is asked)"
    names = sorted(it for it in access.names if it not in LOOPBACK and not is_address(it))
    links = "".join(f"\n    {app_link(access, it, port)}" for it in names)
    return (
        f"  Warning: everybody {who} and can reach {address}:{port} can use the app, the\n"
        "  processors and the disk of this machine. The connection is not encrypted.\n"
        "  docs/security.md says what visitors can do, and how to add encryption.\n"
        f"  From other machines:{links}"
    )
