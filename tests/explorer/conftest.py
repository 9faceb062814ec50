"""Fixtures that the tests of several commands share."""

from pathlib import Path

import pytest

from core.datasets import samples


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """Write a small photograph to a file."""
    path = tmp_path / "cat.png"
    samples.picture("cat").resize((160, 106)).save(path)
    return path
