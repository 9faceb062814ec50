"""Memory that is used again and again: kept while there is work, given back afterwards.

Every step of an ascent makes and drops the same large tensors. The C library of Linux (glibc) hands
each back to the system at once, which then has to clear its every page before the next step may
have it: a third of the time of an ascent (``python -m benchmarks.memory``).
"""

import ctypes
import sys

# Names of settings and the largest values that every version of glibc takes; see mallopt(3).
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
NEVER = 2**31 - 1
LARGE, LARGE_BEFORE_2_35 = 2**30, 2**25


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for its next tensors; tell whether it does.

    How much it holds at most does not change, but it stays there until ``give_back``. Where the C
    library is another, nothing happens.
    """
    library = _glibc()
    if library is None:
        return False
    # Memory beyond the threshold is always fetched from the system, and returned to it.
    mapped = any(library.mallopt(MMAP_THRESHOLD, size) for size in (LARGE, LARGE_BEFORE_2_35))
    return bool(library.mallopt(TRIM_THRESHOLD, NEVER)) and mapped


def release_memory() -> None:
    """Return memory that is free to the system, when nothing needs it for a while."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Find the C library of this process, if it is one with these settings."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
