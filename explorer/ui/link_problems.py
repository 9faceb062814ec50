"""What in a link does not exist or is out of bounds, collected while a page reads its URL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from core.errors import ExplorerError
from explorer.text import formatting


@contextmanager
def collect(problems: list[str]) -> Iterator[None]:
    """Append the message of an error of the block to ``problems`` instead of raising it."""
    try:
        yield
    except ExplorerError as error:
        problems.append(str(error))


def show_problems(problems: Sequence[str]) -> None:
    """Show the first problem of a link, if there is any."""
    for problem in problems[:1]:
        st.warning(f"This link does not fit: {formatting.escape_markdown(problem)}")
