"""Fixtures that the tests of several commands share."""

import json
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.datasets import samples


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """Write a small photograph to a file."""
    path = tmp_path / "cat.png"
    samples.picture("cat").resize((160, 106)).save(path)
    return path


@pytest.fixture
def ray_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set up Ray with two processors, and with a temporary folder of its own."""
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", json.dumps({"CPU": 2}))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # By default Ray's workers have a low priority, which makes them slow on a busy machine.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    # The paths of Ray's sockets must be short. Ray's last processes end a little after the others.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield
