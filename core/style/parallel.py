"""Functions that run at the same time, each on one thread.

Several threads need longer than one for a matrix of a few hundred rows, and round in other ways. So
each thread computes with whole matrices. The result does not depend on which thread that is.
"""

import functools
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from core.fixed_order import one_thread

Result = TypeVar("Result")


def run(work: Sequence[tuple[float, Callable[[], Result]]], on_cpu: bool = True) -> list[Result]:
    """Return the results of several functions, which compute without gradients.

    Args:
        work: for each function how long it takes, relative to the others, and the function.
        on_cpu: whether they compute on the CPU. If so, as many run at a time as this thread may use
            threads.
    """
    found: dict[int, Result] = {}
    # The longest first, so that no thread begins a long one when all others are done.
    left = deque(sorted(range(len(work)), key=lambda at: -work[at][0]))

    def help_out() -> None:
        with one_thread(), torch.no_grad():
            while left:
                try:
                    at = left.popleft()
                except IndexError:  # Another thread took the last one.
                    return
                found[at] = work[at][1]()

    helpers = min(torch.get_num_threads(), len(work)) - 1 if on_cpu else 0
    # New threads begin with as many threads of their own as the last thread set.
    with one_thread():
        started = [_pool().submit(help_out) for _ in range(helpers)]
        help_out()
        for it in started:
            # Do not wait for a thread that would find nothing left.
            if not it.cancel():
                it.result()
    return [found[at] for at in range(len(work))]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="style")
