"""The job queue in the store: submitting, watching, cancelling and resuming jobs.

A job is a recipe that is rendered part by part. There is one job for equal recipes: if an equal
recipe is submitted while the job is open, no second job is created; if the job is done, its stored
result is used. The operations of workers are in ``explorer.jobs.claims``. This module renders
nothing and does not import PyTorch.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from core.errors import ExplorerError, quoted
from core.recipes import kinds
from core.recipes.recipe import Recipe
from explorer.jobs.job import SNAPSHOT, Job, job_from_row
from explorer.jobs.ownership import is_guest, may_change
from explorer.jobs.worker_locks import dead_workers
from explorer.store.database import NothingSaved
from explorer.store.results import Store

# Ranks: jobs that a user asked for come before jobs that a page starts without being asked.
ASKED, UNASKED = 0, 1
# While this many jobs are open, no other job can be submitted; nor by a guest who has this many.
OPEN_AT_MOST, OPEN_OF_GUEST = 200, 40
# The owner of a job after it was submitted once more: somebody who asks for what nobody had asked
# for, or what its owner deleted, is the new owner.
NEW_OWNER = (
    "CASE WHEN :rank = 0 AND (jobs.rank > 0 OR jobs.deleted IS NOT NULL) "
    "THEN :visitor ELSE jobs.owner END"
)
# A visitor watches a job if the page has asked for the job's state within this time.
WATCHING_SECONDS = 10.0


class QueueFull(ExplorerError):
    """The error for a job that is refused because too many jobs are open already."""


class Jobs:
    """The job queue in a store; safe to use from several threads and processes."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock

    def submit(
        self,
        recipe: Recipe,
        visitor: str = "",
        rank: int = ASKED,
        fresh: bool = False,
        shipped: bool = True,
    ) -> Job:
        """Submit a recipe: join an open job, use stored results, or queue a new job.

        Args:
            recipe: the recipe to render.
            visitor: the visitor who submits it; workers take turns between visitors. A new job
                belongs to this visitor.
            rank: ``ASKED``, or ``UNASKED`` for pictures that a page shows without being asked.
            fresh: whether to render all parts, including those whose result is in the store.
            shipped: whether shipped pictures, which are lossy, count as results.

            Returns:
                The job. It is done already if the store has the results of all of its parts.

        Raises:
            QueueFull: too many jobs are open, or too many of this visitor, who is a guest.
            ExplorerError: a picture that the recipe starts from is not in the store.
        """
        for fingerprint in recipe.inputs:
            if self.store.input(fingerprint) is None:
                raise ExplorerError(
                    f"the picture {fingerprint} that this recipe starts from is not here; "
                    "open it once more"
                )
        keys = [part.key for part in recipe.parts()]
        present = set() if fresh else self.store.present(keys, shipped)
        with self.store.transaction() as connection:
            self._free_parts(connection, keys)
            self._queue(connection, recipe, visitor, rank, [(it, it in present) for it in keys])
            _watch(connection, recipe.key, visitor, self._clock())
        job = self.get(recipe.key)
        assert job is not None
        return job

    def _free_parts(self, connection: sqlite3.Connection, keys: Sequence[str]) -> None:
        """Delete the claims of dead workers on some parts, so that others can work on them."""
        claimed = "FROM claims WHERE result IN (SELECT value FROM json_each(?))"
        rows = connection.execute(f"SELECT DISTINCT worker {claimed}", (json.dumps(keys),))
        dead = json.dumps(dead_workers(self.store, [name for (name,) in rows]))
        free = f"DELETE {claimed} AND worker IN (SELECT value FROM json_each(?))"
        connection.execute(free, (json.dumps(keys), dead))

    def _queue(
        self,
        connection: sqlite3.Connection,
        recipe: Recipe,
        visitor: str,
        rank: int,
        parts: Sequence[tuple[str, bool]],
    ) -> None:
        """Insert a job for a recipe, or update the existing job of an equal recipe.

        The new state is done if all parts are done, otherwise open. If the existing job has this
        state already, only its rank may become smaller, it is taken out of the bin, and it may get
        a new owner (``NEW_OWNER``).

        Args:
            connection: a connection in a transaction.
            recipe, visitor, rank: as for ``submit``.
            parts: the key of each part, and whether the result of the part is in the store.

        Raises:
            QueueFull: too many jobs are open.
        """
        key, now = recipe.key, self._clock()
        done = all(part_done for _, part_done in parts)
        existing = connection.execute("SELECT state FROM jobs WHERE key = ?", (key,)).fetchone()
        if existing is not None and existing[0] == ("done" if done else "open"):
            join = (
                f"UPDATE jobs SET owner = {NEW_OWNER}, visitor = CASE WHEN rank > :rank "
                "THEN :visitor ELSE visitor END, rank = min(rank, :rank), deleted = NULL "
                "WHERE key = :key"
            )
            connection.execute(join, {"key": key, "rank": rank, "visitor": visitor})
            return
        if not done:
            _check_room(connection, visitor)
        row = {
            "key": key,
            "kind": recipe.kind,
            "network": recipe.network,
            "layer": getattr(recipe, "layer", ""),
            "recipe": recipe.to_json(),
            "state": "done" if done else "open",
            "rank": rank,
            "visitor": visitor,
            "now": now,
            "ended": now if done else None,
        }
        connection.execute(
            "INSERT INTO jobs VALUES (:key, :kind, :network, :layer, :recipe, :state, :rank, "
            ":visitor, '', :now, :ended, 0.0, '', 0, NULL, :visitor) "
            "ON CONFLICT (key) DO UPDATE SET state = excluded.state, message = '', "
            f"owner = {NEW_OWNER}, rank = min(rank, excluded.rank), visitor = excluded.visitor, "
            "queued = excluded.queued, ended = excluded.ended, spent = 0.0, deleted = NULL",
            row,
        )
        connection.execute("DELETE FROM parts WHERE job = ?", (key,))
        connection.executemany(
            "INSERT INTO parts VALUES (?, ?, ?, ?, ?)",
            [(key, at, part, ready, not ready) for at, (part, ready) in enumerate(parts)],
        )

    def get(self, key: str) -> Job | None:
        """Return a job by its key, or None if it does not exist."""
        jobs = self.select("WHERE key = :key", {"key": key})
        return jobs[0] if jobs else None

    def find(self, beginning: str) -> Job:
        """Return a job by the first digits of its key.

        Raises:
            ExplorerError: no job has a key with this beginning, or several jobs have.
        """
        jobs = self.select("WHERE substr(key, 1, :n) = :it", {"n": len(beginning), "it": beginning})
        if not beginning or not jobs:
            raise ExplorerError(
                f"there is no job {quoted(beginning)}; `jobs` lists those that wait or run"
            )
        if len(jobs) > 1:
            raise ExplorerError(
                f"{len(jobs)} jobs begin with {quoted(beginning)}; write more digits"
            )
        return jobs[0]

    def open(self) -> list[Job]:
        """Return the waiting and running jobs, in the order of the queue."""
        return self.select("WHERE state = 'open' ORDER BY rank, queued")

    def select(self, clause: str, values: Mapping[str, object] | None = None) -> list[Job]:
        """Return the jobs that an SQL clause selects from the table ``jobs``.

        Args:
            clause: for example ``WHERE key = :key``.
            values: the values of the clause's parameters by name, here ``{"key": "0f3c..."}``.

        A job whose worker is dead is returned as interrupted, even if nobody has marked it yet.
        """
        with self.store.reading() as connection:
            workers = connection.execute("SELECT DISTINCT worker FROM claims").fetchall()
            dead = json.dumps(dead_workers(self.store, [name for (name,) in workers]))
            cursor = connection.execute(
                f"{SNAPSHOT} {clause}", {"now": self._clock(), "dead": dead, **(values or {})}
            )
            names = [column[0] for column in cursor.description]
            return [job_from_row(dict(zip(names, row, strict=True))) for row in cursor]

    def parts(self, key: str) -> list[str]:
        """Return the keys of the recipes of a job's parts, in the order of the parts.

        The store has the result of a part under the same key.
        """
        with self.store.reading() as connection:
            rows = connection.execute(
                "SELECT result FROM parts WHERE job = ? ORDER BY position", (key,)
            )
            return [result for (result,) in rows]

    def previews(self, key: str) -> dict[int, bytes]:
        """Return the latest previews of a job's unfinished pictures, as WebP, by picture number."""
        with self.store.reading() as connection:
            rows = connection.execute(
                "SELECT kind, position, sketches.part, image "
                "FROM jobs JOIN parts ON parts.job = jobs.key JOIN sketches USING (result) "
                "WHERE jobs.key = ? AND NOT parts.done",
                (key,),
            )
            return {
                kinds.KINDS.get(kind, Recipe).picture_number(position, part): image
                for kind, position, part, image in rows
            }

    def history(self, key: str) -> str:
        """Return the loss curves of a job's first unfinished part, as JSON.

        The format is that of ``explorer.rendering.render_recipe.history_json``. The text is "" if
        there are no loss curves.
        """
        with self.store.reading() as connection:
            row = connection.execute(
                "SELECT course FROM parts JOIN sketches USING (result) "
                "WHERE parts.job = ? AND NOT parts.done ORDER BY position LIMIT 1",
                (key,),
            ).fetchone()
            return "" if row is None else str(row[0])

    def watch(self, key: str, visitor: str) -> None:
        """Record that a visitor watches a job now.

        A job cannot be cancelled by one visitor while other visitors watch it.
        """
        now = self._clock()
        recent = "SELECT 1 FROM watchers WHERE job = ? AND visitor = ? AND seen > ?"
        with self.store.reading() as connection:
            if connection.execute(recent, (key, visitor, now - WATCHING_SECONDS / 3)).fetchone():
                return
        # If the store cannot be written, no job is open that could be cancelled.
        with contextlib.suppress(NothingSaved), self.store.transaction() as connection:
            _watch(connection, key, visitor, now)

    def cancel(self, key: str, visitor: str | None = None) -> Job:
        """Cancel a job unless other visitors watch it; the results of finished parts are kept.

        A guest can cancel only a job that they submitted themselves.

        Args:
            key: key of the job.
            visitor: the visitor who cancels the job; None to cancel it even if visitors watch it.

        Returns:
            The job, cancelled or still open.

        Raises:
            ExplorerError: there is no such job.
        """
        now = self._clock()
        others = "SELECT count(*) FROM watchers WHERE job = ? AND visitor <> ? AND seen > ?"
        with self.store.transaction() as connection:
            watching = 0
            if visitor is not None:
                leave = "DELETE FROM watchers WHERE job = ? AND visitor = ?"
                connection.execute(leave, (key, visitor))
                watching = _count(connection, others, (key, visitor, now - WATCHING_SECONDS))
            row = connection.execute("SELECT visitor FROM jobs WHERE key = ?", (key,)).fetchone()
            if not watching and row is not None and may_change(visitor, row[0]):
                end_job(connection, key, "cancelled", "", now)
        return self._existing(key)

    def withdraw(self, keys: Iterable[str], visitor: str) -> None:
        """Delete jobs that a page started without being asked, after a visitor has left the page.

        Args:
            keys: keys of the jobs. A job is kept if a user asked for it, a worker renders a part of
                it, or other visitors watch it.
            visitor: the visitor who has left the page.
        """
        leave = "DELETE FROM watchers WHERE job = ? AND visitor = ?"
        forget = (
            "DELETE FROM jobs WHERE key = ? AND state = 'open' AND rank = ? AND NOT EXISTS "
            "(SELECT 1 FROM watchers WHERE job = jobs.key AND seen > ?) AND NOT EXISTS "
            "(SELECT 1 FROM parts JOIN claims USING (result) WHERE parts.job = jobs.key)"
        )
        recent = self._clock() - WATCHING_SECONDS
        # If the store cannot be written, the jobs stay; that harms nobody.
        with contextlib.suppress(NothingSaved), self.store.transaction() as connection:
            for key in keys:
                connection.execute(leave, (key, visitor))
                connection.execute(forget, (key, UNASKED, recent))

    def resume(self, key: str, visitor: str = "") -> Job:
        """Queue a cancelled, failed or interrupted job again; finished parts are not repeated.

        Raises:
            QueueFull: too many jobs are open.
            ExplorerError: there is no such job, or its recipe cannot be read.
        """
        return self.submit(self._existing(key).recipe, visitor)

    def _existing(self, key: str) -> Job:
        job = self.get(key)
        if job is None:
            raise ExplorerError(f"there is no job {quoted(key)}")
        return job


def _watch(connection: sqlite3.Connection, key: str, visitor: str, now: float) -> None:
    watch = (
        "INSERT OR REPLACE INTO watchers SELECT key, ?, ? FROM jobs WHERE key = ? "
        "AND state = 'open'"
    )
    connection.execute(watch, (visitor, now, key))


def end_job(connection: sqlite3.Connection, key: str, state: str, message: str, now: float) -> None:
    """Set the final state of a job and the message about it; do nothing if the job is not open.

    ``connection`` must be in a transaction, and ``now`` is the current time in seconds since 1970.
    """
    end = "UPDATE jobs SET state = ?, message = ?, ended = ? WHERE key = ? AND state = 'open'"
    connection.execute(end, (state, message, now, key))


def _check_room(connection: sqlite3.Connection, visitor: str) -> None:
    """Check that a visitor may submit one more job.

    Raises:
        QueueFull: too many jobs are open, or too many of this visitor, who is a guest.
    """
    waiting = _count(connection, "SELECT count(*) FROM jobs WHERE state = 'open'")
    if waiting >= OPEN_AT_MOST:
        raise QueueFull(
            f"the explorer is busy: {waiting} jobs wait already; "
            "come back when some of them are done, or cancel some in the gallery"
        )
    of_visitor = "SELECT count(*) FROM jobs WHERE state = 'open' AND visitor = ?"
    if is_guest(visitor) and _count(connection, of_visitor, (visitor,)) >= OPEN_OF_GUEST:
        raise QueueFull(
            f"{OPEN_OF_GUEST} jobs of yours wait already; "
            "come back when some of them are done, or stop some in the gallery"
        )


def _count(connection: sqlite3.Connection, statement: str, values: Sequence[object] = ()) -> int:
    (count,) = connection.execute(statement, values).fetchone()
    return int(count)
