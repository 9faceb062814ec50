"""Searching, renaming, starring and deleting the entries of the gallery.

An entry is a job that a user asked for. This module needs neither PyTorch nor Streamlit, and reads
only the pictures that are shown.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import ExplorerError, quoted
from explorer.gallery.pictures import PictureReader
from explorer.jobs import ownership
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.store.results import Store
from explorer.text import recipe_summary

# Divisible by two, three, five and six, so that rows of these lengths are complete.
PER_PAGE = 30
TITLE_AT_MOST = 80
# Deleted entries can be restored within this time.
BIN_SECONDS = 24 * 60 * 60.0

# Selects the jobs that users asked for, that are not deleted, and that match a search.
MATCHES = """
rank = 0 AND deleted IS NULL
AND (:kind = '' OR kind = :kind)
AND (:network = '' OR network = :network)
AND (:layer = '' OR layer = :layer)
AND (NOT :starred OR starred)
AND (:text = '' OR instr(lower(title || ' ' || network || ' ' || layer), lower(:text))
     OR EXISTS (SELECT 1 FROM inputs WHERE inputs.title <> ''
                AND instr(lower(inputs.title), lower(:text)) AND instr(recipe, fingerprint)))
"""
# Selects the ended jobs that have a finished part or a preview. A part for which there are shipped
# pictures is finished.
SHOWABLE = """
state <> 'open' AND (
    EXISTS (SELECT 1 FROM parts WHERE job = jobs.key AND done)
    OR EXISTS (SELECT 1 FROM parts JOIN sketches USING (result) WHERE job = jobs.key))
"""
NEWEST = "ORDER BY coalesce(ended, queued) DESC, key"
UNFINISHED = "rank = 0 AND deleted IS NULL AND state IN ('open', 'failed', 'interrupted')"
STALE = "state <> 'open' AND deleted IS NOT NULL AND deleted <= :before"
# Selects the parts of stale jobs that no other job contains and that no worker has claimed.
ORPHANS = f"""
SELECT result FROM parts WHERE job IN (SELECT key FROM jobs WHERE {STALE})
EXCEPT SELECT result FROM parts WHERE job NOT IN (SELECT key FROM jobs WHERE {STALE})
EXCEPT SELECT result FROM claims
"""


@dataclass(frozen=True)
class Search:
    """A search in the gallery; an empty field matches everything.

    Attributes:
        kind, network, layer: exact values of the recipe's fields.
        starred: whether to find starred entries only.
        text: text that occurs in the title, in the name of the network or layer, or in the title of
            a picture that the recipe starts from; upper and lower case are the same.
    """

    kind: str = ""
    network: str = ""
    layer: str = ""
    starred: bool = False
    text: str = ""


class Gallery(PictureReader):
    """The gallery of all entries in a store, and the changes that one visitor makes in it."""

    def __init__(
        self,
        jobs: Jobs,
        clock: Callable[[], float] = time.time,
        visitor: str | None = None,
    ) -> None:
        """Open the gallery.

        Args:
            jobs: the job queue of the store.
            clock: returns the time in seconds since 1970.
            visitor: the visitor who changes entries; None for the machine's user. A guest can
                change only entries that are their own.
        """
        super().__init__(jobs.store)
        self.jobs = jobs
        self._clock = clock
        self._visitor = visitor

    def may_change(self, job: Job) -> bool:
        """Whether the visitor may rename, star or delete an entry."""
        return ownership.may_change(self._visitor, job.owner)

    def entries(self, search: Search, page: int = 1, per_page: int = PER_PAGE) -> list[Job]:
        """Return one page of the ended entries that have a picture, newest first.

        Args:
            search: the search that the entries must match.
            page: number of the page, counted from 1.
            per_page: number of entries per page.
        """
        chosen = (
            f"WHERE key IN (SELECT key FROM jobs WHERE {MATCHES} AND {SHOWABLE} {NEWEST} "
            f"LIMIT :count OFFSET :first) {NEWEST}"
        )
        values = {**asdict(search), "count": per_page, "first": (page - 1) * per_page}
        return self.jobs.select(chosen, values)

    def beside(self, key: str) -> tuple[str | None, str | None]:
        """Return the keys of the entries before and after one, newest first; None for none."""
        statement = (
            f"WITH listed AS (SELECT key, lag(key) OVER ({NEWEST}) AS newer, "
            f"lead(key) OVER ({NEWEST}) AS older FROM jobs WHERE {MATCHES} AND {SHOWABLE}) "
            "SELECT newer, older FROM listed WHERE key = :own"
        )
        with self._store.reading() as connection:
            row = connection.execute(statement, {**asdict(Search()), "own": key}).fetchone()
        return (None, None) if row is None else (row[0], row[1])

    def count(self, search: Search) -> int:
        """Return the number of entries that match a search."""
        statement = f"SELECT count(*) FROM jobs WHERE {MATCHES} AND {SHOWABLE}"
        return self._number(statement, asdict(search))

    def choices(self) -> dict[str, list[str]]:
        """Return the values of ``kind``, ``network`` and ``layer`` that occur, by these names."""
        values = {}
        with self._store.reading() as connection:
            for name in ("kind", "network", "layer"):
                rows = connection.execute(
                    f"SELECT DISTINCT {name} FROM jobs WHERE rank = 0 AND deleted IS NULL "
                    f"AND {name} <> '' AND {SHOWABLE} ORDER BY {name}"
                )
                values[name] = [value for (value,) in rows]
        return values

    def unfinished(self, at_most: int) -> tuple[list[Job], int]:
        """Return the open, failed and interrupted jobs, and their total number.

        Args:
            at_most: number of jobs to return, at most.
        """
        order = "ORDER BY state = 'open' DESC, rank, queued LIMIT :count"
        listed = self.jobs.select(f"WHERE {UNFINISHED} {order}", {"count": at_most})
        return listed, self._number(f"SELECT count(*) FROM jobs WHERE {UNFINISHED}")

    def find(self, beginning: str) -> Job:
        """Return an entry by the first digits of its key.

        Raises:
            ExplorerError: there is no such entry, or it was deleted.
        """
        try:
            job = self.jobs.find(beginning)
        except ExplorerError:
            raise ExplorerError(f"there is nothing {quoted(beginning)} in the gallery") from None
        if job.deleted is not None:
            raise ExplorerError(f"{self.title(job)} was deleted from the gallery")
        return job

    def title(self, job: Job) -> str:
        """Return the title of an entry, as ``entry_title`` does."""
        return entry_title(job, self._store)

    def total_bytes(self, jobs: Sequence[Job]) -> int:
        """Return the total size of the finished pictures of some entries, in bytes."""
        statement = (
            "SELECT coalesce(sum(length(image)), 0) FROM pictures WHERE key IN "
            "(SELECT result FROM parts WHERE job IN (SELECT value FROM json_each(?)))"
        )
        return self._number(statement, (json.dumps([job.key for job in jobs]),))

    def rename(self, key: str, title: str) -> None:
        """Set the title of an entry; an empty title removes it.

        Raises:
            NotYours: the entry belongs to somebody else.
            ExplorerError: the title is too long.
        """
        words = " ".join("".join(it if it.isprintable() else " " for it in title).split())
        if len(words) > TITLE_AT_MOST:
            raise ExplorerError(
                f"this name has {len(words)} characters; write at most {TITLE_AT_MOST}"
            )
        self._change("title = ?", words, [key])

    def star(self, key: str, starred: bool) -> None:
        """Add a star to an entry, or remove it.

        Raises:
            NotYours: the entry belongs to somebody else.
        """
        self._change("starred = ?", int(starred), [key])

    def delete(self, keys: Iterable[str]) -> list[str]:
        """Move entries to the bin; those that are open are cancelled first.

        Open jobs that other visitors watch are kept, and so are entries that belong to others, if
        the visitor is a guest.

        Returns:
            The keys of the entries that are in the bin now.
        """
        deleted = []
        for key in keys:
            job = self.jobs.get(key)
            if job is None or not self.may_change(job):
                continue
            if job.open:
                job = self.jobs.cancel(key, self._visitor)
            if not job.open:
                deleted.append(key)
        self._change("deleted = ?", self._clock(), deleted, "state <> 'open'")
        return deleted

    def restore(self, keys: Iterable[str]) -> None:
        """Restore entries from the bin.

        Raises:
            NotYours: one of the entries belongs to somebody else.
        """
        self._change("deleted = ?", None, keys)

    def purge(self) -> int:
        """Delete entries that have been in the bin for ``BIN_SECONDS``.

        Their results are deleted too, except for those that other entries use.

        Returns:
            The number of deleted entries.
        """
        values = {"before": self._clock() - BIN_SECONDS}
        with self._store.reading() as connection:
            if not connection.execute(f"SELECT 1 FROM jobs WHERE {STALE}", values).fetchone():
                return 0
        with self._store.transaction() as connection:
            orphans = connection.execute(ORPHANS, values).fetchall()
            connection.executemany("DELETE FROM results WHERE key = ?", orphans)
            connection.executemany("DELETE FROM sketches WHERE result = ?", orphans)
            return connection.execute(f"DELETE FROM jobs WHERE {STALE}", values).rowcount

    def _number(self, statement: str, values: dict[str, Any] | tuple[str, ...] = ()) -> int:
        with self._store.reading() as connection:
            (number,) = connection.execute(statement, values).fetchone()
        return int(number)

    def _change(self, setting: str, value: object, keys: Iterable[str], only: str = "true") -> None:
        """Change one column of some entries; this is the only way to change entries.

        Args:
            setting: the column, such as ``title = ?``.
            value: its new value.
            keys: keys of the entries.
            only: SQL condition on the entries that are changed.

        Raises:
            NotYours: one of the entries belongs to somebody else; then none is changed.
        """
        with self._store.transaction() as connection:
            for key in keys:
                row = connection.execute("SELECT owner FROM jobs WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    ownership.check_owner(self._visitor, row[0], "this entry")
                    change = f"UPDATE jobs SET {setting} WHERE key = ? AND {only}"
                    connection.execute(change, (value, key))


def entry_title(job: Job, store: Store) -> str:
    """Return the title of an entry, or a description of the recipe if the entry has no title.

    The description has the titles of the pictures that the recipe starts from: the names of
    uploaded files, or of samples.
    """
    if job.title:
        return job.title
    try:
        recipe = job.recipe
        return recipe_summary.describe_recipe(recipe, store.input_titles(recipe.inputs))
    except ExplorerError:
        # The recipe is of an older version and cannot be read.
        return " ".join(it for it in (job.network, job.layer, job.kind) if it)
