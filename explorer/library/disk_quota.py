"""The limit of the disk that the data folder takes, and what is deleted when it is reached.

The limit covers the store (pictures, uploads, jobs), the uploaded checkpoints and the indexes. What
nobody asked for is deleted first, the oldest before the rest: pictures that pages made to show
them. What somebody asked for is kept until they delete it; while there is no room, guests can add
nothing.
"""

import os

from core.errors import ExplorerError, quoted
from explorer.jobs import ownership
from explorer.library import index_task
from explorer.paths import checkpoints_folder, home
from explorer.store.results import Store

# The environment variable that sets the limit in GB, and its default.
VARIABLE, DEFAULT_GB = "EXPLORER_DISK_GB", "10"
# After deleting, this fraction of the limit is free, so that not every request deletes.
FREE = 0.05
# Selects the results that only pages asked for, the oldest first, with their sizes in bytes.
UNASKED = """
SELECT results.key, sum(length(image)) FROM results JOIN pictures USING (key)
WHERE EXISTS (SELECT 1 FROM parts JOIN jobs ON jobs.key = job WHERE result = results.key)
AND NOT EXISTS (SELECT 1 FROM parts JOIN jobs ON jobs.key = job
                WHERE result = results.key AND (rank = 0 OR state = 'open'))
GROUP BY results.key ORDER BY created, results.key
"""
FORGET = """
DELETE FROM jobs WHERE rank > 0 AND state <> 'open'
AND key IN (SELECT job FROM parts WHERE result = ?)
"""


class DiskFull(ExplorerError):
    """The error for a guest who wants to add something when the limit is reached."""


def limit_bytes() -> int:
    """Return the limit in bytes.

    Raises:
        ExplorerError: the environment variable ``EXPLORER_DISK_GB`` is not a number above 0.
    """
    text = os.environ.get(VARIABLE) or DEFAULT_GB
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < float("inf"):
        raise ExplorerError(f"{VARIABLE} is {quoted(text)}; it must be a number of GB above 0")
    return int(gigabytes * 2**30)


def used_bytes(store: Store) -> int:
    """Return the size of the store's content, the checkpoints and the indexes, in bytes."""
    files = (*checkpoints_folder().glob("*"), *(home() / index_task.FOLDER).glob("*"))
    return store.used_bytes() + sum(it.stat().st_size for it in files if it.is_file())


def make_room(store: Store, added: int = 0, visitor: str | None = None) -> None:
    """Delete what nobody asked for if the limit is reached, the oldest first.

    Args:
        store: the store.
        added: size of what will be added, in bytes.
        visitor: the visitor who adds it; None for the machine's user, who is never refused.

    Raises:
        DiskFull: there is no room for what a guest adds.
        ExplorerError: as for ``limit_bytes``.
    """
    limit = limit_bytes()
    excess = used_bytes(store) + added - limit
    if excess > 0:
        _expire(store, excess + int(FREE * limit))
        if ownership.is_guest(visitor) and used_bytes(store) + added > limit:
            raise DiskFull(
                "the disk space of this server is used up; delete pictures or weights of yours, or "
                "ask whoever runs it for more"
            )


def _expire(store: Store, size: int) -> None:
    """Delete results that nobody asked for, and their jobs, until ``size`` bytes are free."""
    with store.transaction() as connection:
        for key, length in connection.execute(UNASKED).fetchall():
            if size <= 0:
                break
            connection.execute(FORGET, (key,))
            connection.execute("DELETE FROM results WHERE key = ?", (key,))
            size -= length
