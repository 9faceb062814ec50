"""Eigenvectors of several symmetric matrices at the same time, each computed by one thread.

Several threads need longer than one for a matrix of a few hundred rows, and round in other ways. So
each thread computes the eigenvectors of whole matrices. The result does not depend on which thread
that is.
"""

import functools
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from core.fixed_order import one_thread

Eigenvectors = tuple[Tensor, Tensor]


def decompose(matrices: Sequence[Tensor]) -> list[Eigenvectors]:
    """Return the eigenvalues ``[N, r]`` and eigenvectors ``[N, r, r]`` of each matrix.

    Args:
        matrices: symmetric matrices ``[N, r, r]`` without gradient, of any sizes ``r``. If they are
            on the CPU, as many are decomposed at a time as this thread may use threads.
    """
    found: dict[int, Eigenvectors] = {}
    # The largest first, so that no thread begins a large one when all others are done.
    left = deque(sorted(range(len(matrices)), key=lambda at: -matrices[at].shape[-1]))

    def work() -> None:
        with one_thread():
            while left:
                try:
                    at = left.popleft()
                except IndexError:  # Another thread took the last one.
                    return
                found[at] = torch.linalg.eigh(matrices[at])

    on_cpu = all(it.device.type == "cpu" for it in matrices)
    helpers = min(torch.get_num_threads(), len(matrices)) - 1 if on_cpu else 0
    # New threads begin with as many threads of their own as the last thread set.
    with one_thread():
        started = [_pool().submit(work) for _ in range(helpers)]
        work()
        for it in started:
            # Do not wait for a thread that would find nothing left.
            if not it.cancel():
                it.result()
    return [found[at] for at in range(len(matrices))]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="eigenvectors")
