"""Which names a server answers to, and when it asks for a token."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ExplorerError
from explorer.server import access
from explorer.server.access import create_access

# Texts that look like a ``Host`` header in one way or another.
HEADERS = st.text(st.sampled_from("abz019.-:[]@/?#%\\ \tlocalhst"), max_size=30)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"])
def test_on_this_machine_nothing_is_asked(host: str) -> None:
    made = create_access(host)
    assert (made.token, made.shared) == ("", False)
    for name in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST:8501", "127.0.0.1:1", "localhost."):
        assert made.allows_host(name)
    for name in ("evil.example", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example"):
        assert not made.allows_host(name)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "explorer.example.org"])
def test_others_need_a_token(host: str) -> None:
    one, other = create_access(host), create_access(host)
    assert one.shared and len(one.token) >= 32 and one.token != other.token
    assert create_access(host, ask_token=False).token == ""
    # The browser shows an address as the page's own origin, so no other page can have it.
    for name in ("10.9.8.7:8501", "[2001:db8::1]:8501", f"[{host}]" if ":" in host else host):
        assert one.allows_host(name)
    assert not one.allows_host("evil.example")


def test_further_names_are_those_of_a_proxy() -> None:
    made = create_access("127.0.0.1", ["Explorer.example.org"])
    assert made.shared and made.token
    assert made.allows_host("explorer.example.org:443")
    assert not made.allows_host("other.example.org")
    with pytest.raises(ExplorerError, match="no name or address"):
        create_access("127.0.0.1", ["https://example.org"])


def test_a_chosen_token_is_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(access.TOKEN_VARIABLE, "a-token-that-is-kept")
    assert create_access("0.0.0.0").token == "a-token-that-is-kept"
    for bad in ("short", "with a space in the middle", "ä" * 20):
        monkeypatch.setenv(access.TOKEN_VARIABLE, bad)
        with pytest.raises(ExplorerError, match="at least 16"):
            create_access("0.0.0.0")


@given(HEADERS)
def test_whatever_the_header_is_only_known_names_pass(header: str) -> None:
    name = access.host_name(header)
    local = create_access("127.0.0.1").allows_host(header)
    assert not local or name in access.LOOPBACK
    if create_access("0.0.0.0", ask_token=False).allows_host(header):
        assert name in access.LOOPBACK or access.is_address(str(name)) or "." not in str(name)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_is_read(address: ipaddress.IPv4Address, port: int) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    for header in (host, f"{host}:{port}"):
        assert access.host_name(header) == str(address)
    assert access.is_loopback(str(address)) == (address.is_loopback)
