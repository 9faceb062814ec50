"""Workers for tests that claim parts of jobs without a process."""

import contextlib
from collections.abc import Iterator

from explorer.jobs.worker_locks import hold_lock
from explorer.store.results import Store


@contextlib.contextmanager
def alive(store: Store, *names: str) -> Iterator[None]:
    """Hold the locks of workers within the ``with`` statement, as if they ran."""
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(hold_lock(store, name))
        yield


def lock_files(store: Store) -> list[str]:
    """Return the names of all lock files in the store's folder."""
    return sorted(it.name for it in store.path.parent.glob("*/*.lock"))
