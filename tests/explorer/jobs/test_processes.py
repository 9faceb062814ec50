"""Processes that do long work leave the processor to everything else."""

import os
import subprocess
import sys

import pytest

from explorer.jobs import processes
from tests.explorer.commands import PATIENCE

CODE = """
import os, threading
from pathlib import Path
from explorer.jobs import processes

processes.lower_priority()
print(os.nice(0), os.getsid(0) == os.getpid())
group = processes.AUTOGROUP
print(group.read_text() if group.exists() else "")
"""


@pytest.mark.skipif(not hasattr(os, "nice"), reason="the system has no priorities like these")
def test_all_other_programs_go_first() -> None:
    before = os.nice(0)
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    own, session = done.stdout.splitlines()[:2]
    assert own == f"{min(before + processes.NICENESS, 19)} True"
    # Where sessions share the processor first, this one's share is the smaller one, and that of
    # the session that started it is as before.
    if session and os.access(processes.AUTOGROUP, os.W_OK):
        assert session.endswith(f"nice {processes.NICENESS}")
        assert processes.AUTOGROUP.read_text() != session


def test_without_such_groups_the_priority_alone_is_lowered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "nice", asked.append)
    monkeypatch.setattr(os, "setsid", lambda: None)
    monkeypatch.setattr(processes, "AUTOGROUP", processes.ROOT / "no such" / "file")
    processes.lower_priority()
    assert asked == [processes.NICENESS]
