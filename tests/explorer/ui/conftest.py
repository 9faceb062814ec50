"""Fixtures for tests of what follows jobs on a page."""

from collections.abc import Callable

import pytest
import streamlit as st

from explorer.ui import server_state

Body = Callable[[], None]


class Rerun(Exception):
    """The page runs again."""


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Body, float | None]]:
    """Every fragment, which runs once at once, and its interval."""
    found: list[tuple[Body, float | None]] = []

    def fragment(body: Body, run_every: float | None) -> Body:
        found.append((body, run_every))
        return body

    def rerun() -> None:
        raise Rerun

    monkeypatch.setattr(st, "fragment", fragment)
    monkeypatch.setattr(st, "rerun", rerun)
    monkeypatch.setattr(server_state, "visitor", lambda: "me")
    return found
