"""Kept memory is reused without page faults, and returned on request."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# Allocates and frees as much memory as an ascent does. Page faults show whether the system had to
# clear it.
SCRIPT = """
import json, resource, sys
import torch
from core import allocator

def faults(turns):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(turns):
        torch.ones(MEGABYTES * 2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

MEGABYTES = 30
torch.set_num_threads(1)
plain = faults(10)
kept = allocator.keep_freed_memory()
faults(1)
calm = faults(10)
before = held()
allocator.release_memory()
print(json.dumps([plain, kept, calm, before - held()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has these settings")
def test_kept_memory_costs_no_faults_and_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    plain, kept, calm, given = json.loads(done.stdout)
    if not kept:
        pytest.skip("the C library is not glibc")
    assert plain > 10 * 2_000 and calm < plain / 20
    assert given > 20
