"""The machine that a benchmark runs on."""

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def processor_name() -> str:
    """Return the name of the processor, such as ``AMD EPYC 9B14``; else its architecture."""
    if CPUINFO.is_file():
        for line in CPUINFO.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
