"""Who may reach the app: the names that it answers to, and the token that it asks for."""

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import ExplorerError, quoted

# The environment variable that sets the token; by default each start draws a random one.
TOKEN_VARIABLE = "EXPLORER_TOKEN"
# The number of random bytes in a token, and the least length of one that somebody chose.
TOKEN_BYTES, TOKEN_AT_LEAST = 24, 16
TOKEN_TEXT = re.compile(r"[A-Za-z0-9._~-]+")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")


@dataclass(frozen=True)
class Access:
    """The conditions under which the server answers a request.

    Attributes:
        names: the names and addresses that a request's ``Host`` header may have, in lower case.
        shared: whether machines other than this one may reach the app. Then any IP address may
            stand in the ``Host`` header, and visitors may change only what is their own.
        token: the token that visitors must give; "" if none is asked for.
    """

    names: frozenset[str]
    shared: bool
    token: str

    def allows_host(self, header: str) -> bool:
        """Whether a ``Host`` header names this server.

        A page of a foreign name whose address was changed to that of this machine (DNS rebinding)
        sends its own name. An IP address cannot be changed in this way.
        """
        name = host_name(header)
        return name is not None and (name in self.names or (self.shared and is_address(name)))


def create_access(host: str, other_names: Sequence[str] = (), ask_token: bool = True) -> Access:
    """Return the access for a server.

    A server that listens on this machine only, and has no other names, asks for nothing.

    Args:
        host: name or IP address that the server listens on.
        other_names: further names under which visitors reach the server, such as that of a proxy.
        ask_token: whether a server that others can reach asks for a token.

    Raises:
        ExplorerError: a name is malformed, or the token in ``EXPLORER_TOKEN`` is.
    """
    names = {_checked_name(name) for name in (host, *other_names)}
    shared = bool(other_names) or not is_loopback(host)
    if shared:
        names.add(socket.gethostname().lower())
    token = _choose_token() if shared and ask_token else ""
    return Access(frozenset(names | set(LOOPBACK)), shared, token)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on a name or an address."""
    name = host.strip("[]").lower()
    return name in LOOPBACK or (is_address(name) and ipaddress.ip_address(name).is_loopback)


def is_address(name: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def host_name(header: str) -> str | None:
    """Return the name or address in a ``Host`` header, in lower case and without its port.

    ``[::1]:8501`` gives ``::1``. None if the header is malformed.
    """
    try:
        parts = urlsplit(f"//{header}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    rest = parts.path or parts.query or parts.fragment or parts.username or parts.password
    if not name or rest or header != header.strip() or not header.isascii():
        return None
    return name.removesuffix(".")


def _checked_name(text: str) -> str:
    name = text.strip("[]").lower()
    if not is_address(name) and not NAME.fullmatch(name):
        raise ExplorerError(
            f"{quoted(text)} is no name or address of a machine; write it like explorer.example.org"
        )
    return name


def _choose_token() -> str:
    """Return the token in ``EXPLORER_TOKEN``, or else a random one.

    Raises:
        ExplorerError: the token is too short, or has characters that a URL cannot contain.
    """
    chosen = os.environ.get(TOKEN_VARIABLE, "")
    if not chosen:
        return secrets.token_urlsafe(TOKEN_BYTES)
    if len(chosen) < TOKEN_AT_LEAST or not TOKEN_TEXT.fullmatch(chosen):
        raise ExplorerError(
            f"the token in {TOKEN_VARIABLE} must have at least {TOKEN_AT_LEAST} letters, digits, "
            "hyphens, dots, underscores or tildes"
        )
    return chosen
