"""State that visitors share, and how visitors are identified."""

import os
import sys

import pytest
from streamlit.web.server.starlette import starlette_app_utils

from explorer.ui import server_state


def test_a_visitor_is_the_same_however_the_cookie_is_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def name(cookie: str) -> str:
        monkeypatch.setattr(
            type(server_state.st.context),
            "cookies",
            property(lambda self: {server_state.COOKIE: cookie}),
        )
        return server_state.visitor()

    one, other = os.urandom(16), os.urandom(16)
    generate = starlette_app_utils.generate_xsrf_token_string
    cookies = [generate(one, 1_700_000_000) for _ in range(3)]
    assert len(set(cookies)) == 3
    assert len({name(cookie) for cookie in cookies}) == 1
    assert name(generate(other, 1_700_000_000)) != name(cookies[0])
    # In an unknown format it still identifies visitors.
    assert len({name(cookie) for cookie in ("a", "b", "2|zz|00|1", "2|00|zz|1")}) == 4


def test_what_is_imported_is_set_apart_whenever_there_is_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(server_state.gc, "freeze", lambda: frozen.append(True))
    monkeypatch.setattr(server_state, "_imported", 0)
    server_state.keep_imported()
    server_state.keep_imported()
    assert len(frozen) == 1
    monkeypatch.setitem(sys.modules, "imported_later", type(sys)("imported_later"))
    server_state.keep_imported()
    assert len(frozen) == 2
