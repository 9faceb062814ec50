"""The job queue in the store: submitting, watching, leaving, cancelling and resuming jobs.

A job is a recipe that is rendered part by part. There is one job for equal recipes: if an equal
recipe is submitted while the job is open, no second job is created; if the job is done, its stored
result is used. The operations of workers are in ``explorer.jobs.claims``, the order of the queue is
in ``explorer.jobs.queue_order``. This module renders nothing and does not import PyTorch.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Sequence

from core.errors import ExplorerError, quoted
from core.recipes.recipe import Recipe
from explorer.jobs.job import EVERYBODY, Job
from explorer.jobs.ownership import is_guest, may_change
from explorer.jobs.queue_order import ASKED, WATCHING_SECONDS
from explorer.jobs.queue_reader import QueueReader
from explorer.jobs.watchers import drop_unwatched, record_leaving, record_look
from explorer.jobs.worker_locks import dead_workers
from explorer.store.database import NothingSaved

# While this many jobs are open, no other job can be submitted; nor by a guest who has this many.
OPEN_AT_MOST, OPEN_OF_GUEST = 200, 40
# The owner of a job after it was submitted once more: somebody who asks for what nobody had asked
# for, or what its owner deleted, is the new owner.
NEW_OWNER = (
    "CASE WHEN :rank = 0 AND (jobs.rank > 0 OR jobs.deleted IS NOT NULL) "
    "THEN :visitor ELSE jobs.owner END"
)
# Joins a job that is in the right state already.
JOIN = f"""
UPDATE jobs SET owner = {NEW_OWNER}, rank = min(rank, :rank), deleted = NULL,
       visitor = CASE WHEN rank > :rank THEN :visitor ELSE visitor END
WHERE key = :key
"""
# A job that its owner leaves within this many seconds goes to the gallery's bin.
SOON_SECONDS = 20.0
# Ends a job that was asked for, and that its visitor has left.
LEAVE = f"""
UPDATE jobs SET state = 'cancelled', ended = :now,
       deleted = CASE WHEN owner = :visitor AND queued > :now - {SOON_SECONDS} THEN :now END
WHERE key = :key AND state = 'open' AND rank = {ASKED}
"""


class QueueFull(ExplorerError):
    """The error for a job that is refused because too many jobs are open already."""


class Jobs(QueueReader):
    """The job queue in a store; safe to use from several threads and processes."""

    def submit(
        self,
        recipe: Recipe,
        visitor: str = "",
        rank: int = ASKED,
        fresh: bool = False,
        shipped: bool = True,
        looked: float | None = None,
    ) -> Job:
        """Submit a recipe: join an open job, use stored results, or queue a new job.

        Args:
            recipe: the recipe to render.
            visitor: the visitor who submits it; workers take turns between visitors. A new job
                belongs to this visitor.
            rank: ``ASKED``, or ``UNASKED`` for pictures that a page shows without being asked.
            fresh: whether to render all parts, including those whose result is in the store.
            shipped: whether shipped pictures, which are lossy, count as results.
            looked: as for ``watch``.

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
        now = self._clock()
        with self.store.transaction() as connection:
            self._free_parts(connection, keys)
            drop_unwatched(connection, now)
            self._queue(connection, recipe, visitor, rank, [(it, it in present) for it in keys])
            record_look(connection, recipe.key, visitor, now, now if looked is None else looked)
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
        state = "done" if done else "open"
        existing = connection.execute("SELECT state FROM jobs WHERE key = ?", (key,)).fetchone()
        if existing is not None and existing[0] == state:
            connection.execute(JOIN, {"key": key, "rank": rank, "visitor": visitor})
            return
        if not done:
            _check_room(connection, visitor)
        row = {
            "key": key,
            "kind": recipe.kind,
            "network": recipe.network,
            "layer": getattr(recipe, "layer", ""),
            "recipe": recipe.to_json(),
            "state": state,
            "rank": rank,
            "visitor": visitor,
            "now": now,
            "ended": now if done else None,
        }
        connection.execute(
            "INSERT INTO jobs VALUES (:key, :kind, :network, :layer, :recipe, :state, :rank, "
            ":visitor, '', :now, :ended, 0.0, '', 0, NULL, :visitor, '') "
            "ON CONFLICT (key) DO UPDATE SET state = excluded.state, message = '', "
            f"owner = {NEW_OWNER}, rank = min(rank, excluded.rank), visitor = excluded.visitor, "
            "queued = excluded.queued, ended = excluded.ended, spent = 0.0, deleted = NULL, "
            "stopped_by = ''",
            row,
        )
        connection.execute("DELETE FROM parts WHERE job = ?", (key,))
        rows = [(key, at, part, ready, not ready) for at, (part, ready) in enumerate(parts)]
        connection.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?)", rows)

    def watch(self, key: str, visitor: str, looked: float | None = None) -> None:
        """Record that a visitor watches a job now.

        A job cannot be cancelled by one visitor while other visitors watch it.

        Args:
            key: key of the job.
            visitor: the visitor.
            looked: when the visitor opened what shows the job, in seconds since 1970; by default
                now. What was opened last comes first (``explorer.jobs.queue_order``).
        """
        now = self._clock()
        recent = (
            "SELECT 1 FROM watchers WHERE job = :key AND visitor = :visitor "
            f"AND seen > :now - {WATCHING_SECONDS / 3} AND (:looked IS NULL OR looked >= :looked)"
        )
        values = {"key": key, "visitor": visitor, "now": now, "looked": looked}
        with self.store.reading() as connection:
            if connection.execute(recent, values).fetchone():
                return
        # If the store cannot be written, no job is open that could be cancelled.
        with contextlib.suppress(NothingSaved), self.store.transaction() as connection:
            record_look(connection, key, visitor, now, now if looked is None else looked)

    def cancel(self, key: str, visitor: str | None = None) -> Job:
        """Cancel a job on purpose, unless others watch it; the results of finished parts are kept.

        A guest can cancel only a job that they submitted themselves. For others than the visitor
        who cancelled it, pages submit the job again (``Job.stopped_for``).

        Args:
            key: key of the job.
            visitor: the visitor who cancels the job; None to cancel it for everybody, even if
                visitors watch it.

        Returns:
            The job, cancelled or still open.

        Raises:
            ExplorerError: there is no such job.
        """
        now = self._clock()
        with self.store.transaction() as connection:
            submitter = record_leaving(connection, key, visitor, now)
            if submitter is not None and may_change(visitor, submitter):
                stopped = "UPDATE jobs SET stopped_by = ? WHERE key = ? AND state = 'open'"
                connection.execute(stopped, (EVERYBODY if visitor is None else visitor, key))
                end_job(connection, key, "cancelled", "", now)
        return self._existing(key)

    def leave(self, key: str, visitor: str) -> None:
        """Stop a job that a visitor no longer looks at, unless others watch it.

        If it is the visitor's own and younger than ``SOON_SECONDS``, the gallery does not keep it.
        What nobody had asked for is dropped.

        Args:
            key: key of the job.
            visitor: the visitor. A guest stops only a job that they submitted themselves.
        """
        now = self._clock()
        # If the store cannot be written, the job stays; that harms nobody.
        with contextlib.suppress(NothingSaved), self.store.transaction() as connection:
            submitter = record_leaving(connection, key, visitor, now)
            drop_unwatched(connection, now)
            if submitter is not None and may_change(visitor, submitter):
                connection.execute(LEAVE, {"key": key, "visitor": visitor, "now": now})

    def withdraw(self, keys: Iterable[str], visitor: str) -> None:
        """Delete jobs that a page started without being asked, after a visitor has left the page.

        Args:
            keys: keys of the jobs. A job is kept if a user asked for it, or other visitors watch
                it. If a worker is at it, the worker gives up first.
            visitor: the visitor who has left the page.
        """
        now = self._clock()
        # If the store cannot be written, the jobs stay; that harms nobody.
        with contextlib.suppress(NothingSaved), self.store.transaction() as connection:
            for key in keys:
                record_leaving(connection, key, visitor, now)
            drop_unwatched(connection, now)

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
