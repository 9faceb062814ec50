"""A user without rights, whom file permissions hold back also where tests run as root."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.conftest import ROOT, UNPRIVILEGED

DROP = f"os.setgroups([]); os.setgid({UNPRIVILEGED}); os.setuid({UNPRIVILEGED})"


def as_nobody(imports: str, code: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run Python code as a user without rights.

    The modules are imported before, because that user may not even read where Python is installed.

    Args:
        imports: the imports that the code needs, besides ``os``, ``sys`` and ``Path``.
        code: the code.
        arguments: its command-line arguments.
    """
    first = (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path; {imports}"
    )
    body = "\n".join((first, DROP if os.geteuid() == 0 else "", textwrap.dedent(code)))
    line = [sys.executable, "-c", body, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, cwd="/", timeout=60)


def let_everybody_in(folder: Path) -> Path:
    """Let every user reach a folder of a test, and return it."""
    for it in (folder, *folder.parents):
        if it.stat().st_uid == os.geteuid() and it != Path("/"):
            it.chmod(it.stat().st_mode | 0o055)
    return folder
