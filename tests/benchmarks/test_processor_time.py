"""The processor's time of the server, its workers and the browsers."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import processor_time

# Computes for a while, also in a child that ends, and then waits.
BUSY = """
import subprocess, sys, time
def work(seconds):
    while time.process_time() < seconds: pass
work(0.3)
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.4: pass"])
print("done", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_a_server_and_its_ended_children_are_told_apart() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        server: Any = SimpleNamespace(process=process)
        found = processor_time.read(server)
        process.stdin.close()
    # A little less is left for the system's clock, which counts in hundredths; both together would
    # be 0.7 s.
    assert 0.28 <= found[processor_time.SERVER] < 0.68
    assert found[processor_time.WORKERS] >= 0.38
    assert found[processor_time.BROWSERS] == 0
