"""What the tests of several commands share."""

from pathlib import Path

import pytest

from core.datasets import samples


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """The file of a small photograph."""
    path = tmp_path / "cat.png"
    samples.picture("cat").resize((160, 106)).save(path)
    return path
