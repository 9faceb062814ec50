"""Settings of the C library's memory allocator that let a process reuse freed memory.

Every step of an ascent allocates and frees the same large tensors. The C library of Linux (glibc)
returns each of them to the system immediately. The system then has to clear every page before the
next step can use it. This takes a third of the time of an ascent (``python -m benchmarks.memory``).
"""

import ctypes
import sys

# Settings, and the largest values that every version of glibc accepts; see mallopt(3).
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
NO_TRIM = 2**31 - 1
LARGEST_MMAP, LARGEST_MMAP_BEFORE_2_35 = 2**30, 2**25


def keep_freed_memory() -> bool:
    """Keep freed memory in this process for new tensors; return whether that works.

    The peak memory of the process does not change, but freed memory stays with the process until
    ``release_memory``. With a C library other than glibc, nothing is done.
    """
    library = _find_glibc()
    if library is None:
        return False
    # Memory larger than this threshold is always fetched from the system, and returned when freed.
    mmap_set = any(
        library.mallopt(MMAP_THRESHOLD, size) for size in (LARGEST_MMAP, LARGEST_MMAP_BEFORE_2_35)
    )
    return bool(library.mallopt(TRIM_THRESHOLD, NO_TRIM)) and mmap_set


def release_memory() -> None:
    """Return freed memory to the system, for times when this process does not compute."""
    library = _find_glibc()
    if library is not None:
        library.malloc_trim(0)


def _find_glibc() -> ctypes.CDLL | None:
    """Return the C library of this process if it has the functions of glibc, else None."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None
