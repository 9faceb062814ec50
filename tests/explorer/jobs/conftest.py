"""Fixtures for the tests of jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.store.results import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "home" / "a.sqlite3", shipped=())
    yield store
    store.close()
