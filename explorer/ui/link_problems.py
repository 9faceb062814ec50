"""Errors on a page: problems of its link, collected while it reads its URL, and all others."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from core.errors import ExplorerError
from explorer.text import formatting


@contextmanager
def collect(problems: list[str]) -> Iterator[None]:
    """Catch an ``ExplorerError`` of a ``with`` block, and append its message to ``problems``.

    with collect(problems):
        layer = network.layer(st.query_params["layer"])
    """
    try:
        yield
    except ExplorerError as error:
        problems.append(str(error))


@contextmanager
def show_errors(what: str) -> Iterator[None]:
    """Catch an ``ExplorerError`` of a ``with`` block, and show it.

    Args:
        what: words before the error's message, such as ``This cannot be shown``.
    """
    try:
        yield
    except ExplorerError as error:
        st.error(f"{what}: {formatting.escape_markdown(str(error))}")


@contextmanager
def toast_problem() -> Iterator[None]:
    """Catch an ``ExplorerError`` of a callback, or of a ``with`` block, and show it as a toast.

    Streamlit calls callbacks before the page runs, where nothing else would show the error.
    """
    try:
        yield
    except ExplorerError as error:
        st.toast(formatting.escape_markdown(str(error)))


def show_problems(problems: Sequence[str]) -> None:
    """Show the first problem of a link, if there is any."""
    for problem in problems[:1]:
        st.warning(f"A problem with this link: {formatting.escape_markdown(problem)}")
