"""Seconds of the processor that the server, its workers and the browsers of a benchmark took."""

import os
from pathlib import Path

from benchmarks.server import Server, descendants

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
BROWSER_MARK = b"chrom"
SERVER, WORKERS, BROWSERS = "server", "workers", "browsers"


def read(server: Server) -> dict[str, float]:
    """Return the seconds of the processor until now, by part.

    Browsers are the processes of Chromium that this process has started. What processes took that
    have ended is counted where the process that started them still runs and has waited for them.
    """
    below = descendants(server.process.pid)
    others = set(descendants(os.getpid())) - {server.process.pid, *below}
    own, ended = _seconds(server.process.pid)
    return {
        SERVER: own,
        WORKERS: ended + sum(sum(_seconds(pid)) for pid in below),
        BROWSERS: sum(sum(_seconds(pid)) for pid in others if _is_browser(pid)),
    }


def _seconds(pid: int) -> tuple[float, float]:
    """Return the seconds of a process, and of its children that have ended; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0.0
    user, system, ended_user, ended_system = (int(it) / TICKS for it in fields[11:15])
    return user + system, ended_user + ended_system


def _is_browser(pid: int) -> bool:
    try:
        program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False
    return BROWSER_MARK in Path(os.fsdecode(program)).name.encode()
