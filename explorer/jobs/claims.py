"""Claims: how workers share out the parts of jobs, and what becomes of those they lose.

A worker claims one part after the other, in turns between visitors, so that a long job lets short
ones through. A claim stands in the store until its part is finished, failed or let go; one whose
worker has died tells that its job was interrupted.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.errors import ExplorerError
from core.recipes import kinds
from core.recipes.recipe import Recipe
from explorer.jobs.job_queue import ASKED, end_job
from explorer.store.results import Store, StoredPicture

# Kinds of recipes whose parts are made one after the other.
IN_ORDER = ", ".join(f"'{kind}'" for kind, recipe in kinds.KINDS.items() if recipe.in_order)
# A part that somebody waits for and nobody works on.
CLAIMABLE = f"""
FROM jobs JOIN parts ON parts.job = jobs.key LEFT JOIN turns USING (visitor)
WHERE jobs.state = 'open' AND NOT parts.done
      AND NOT EXISTS (SELECT 1 FROM claims WHERE claims.result = parts.result)
      AND (jobs.kind NOT IN ({IN_ORDER}) OR NOT EXISTS
           (SELECT 1 FROM parts AS earlier WHERE earlier.job = parts.job
            AND earlier.position < parts.position AND NOT earlier.done))
"""
# Of the jobs that a result belongs to, those that miss nothing any more.
COMPLETE = """
UPDATE jobs SET state = 'done', message = '', ended = :now
WHERE state <> 'done' AND key IN (SELECT job FROM parts WHERE result = :result)
      AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.job = jobs.key AND NOT parts.done)
"""


@dataclass(frozen=True)
class Claim:
    """A part of a job that one worker has taken on.

    Attributes:
        job: key of the job.
        recipe: the part's own recipe.
        worker: the worker's name.
        since: when it began, seconds since 1970.
    """

    job: str
    recipe: Recipe
    worker: str
    since: float


class Claims:
    """The workers' side of the queue in a store."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock

    def claim(self, worker: str, only: str | None = None) -> Claim | None:
        """Take on the next part, in turns between visitors; ``None`` if there is nothing to do.

        Args:
            worker: the worker's name.
            only: key of the one job to work on.
        """
        wanted = (
            f"SELECT jobs.key, jobs.recipe, jobs.visitor, parts.position, parts.result {CLAIMABLE}"
            "AND (:only IS NULL OR jobs.key = :only) "
            "ORDER BY jobs.rank, coalesce(turns.served, 0), jobs.queued, parts.position LIMIT 1"
        )
        values = {"only": only}
        with self.store.reading() as connection:
            if connection.execute(wanted, values).fetchone() is None:
                return None  # Without a lock, as idle workers ask often.
        with self.store.transaction() as connection:
            row = connection.execute(wanted, values).fetchone()
            if row is None:
                return None
            job, text, visitor, position, result = row
            now = self._clock()
            try:
                part = kinds.read(text).parts()[position]
            except ExplorerError as error:
                # It waited since before a newer version; the queue goes on without it.
                end_job(connection, job, "failed", str(error), now)
                return None
            claim = "INSERT INTO claims VALUES (?, ?, ?, ?, 0, 1)"
            connection.execute(claim, (result, job, worker, now))
            connection.execute("INSERT OR REPLACE INTO turns VALUES (?, ?)", (visitor, now))
        return Claim(job, part, worker, now)

    def report(
        self,
        claim: Claim,
        done: int,
        total: int,
        previews: Mapping[int, bytes] | None = None,
        history: str = "",
    ) -> None:
        """Tell how far a part is, with its pictures as they stand."""
        key = claim.recipe.key
        far = "UPDATE claims SET done = ?, total = ? WHERE result = ? AND worker = ?"
        with self.store.transaction() as connection:
            mine = connection.execute(far, (done, max(total, 1), key, claim.worker)).rowcount
            if mine and previews:
                rows = [(key, part, image, history) for part, image in previews.items()]
                connection.executemany("INSERT OR REPLACE INTO sketches VALUES (?, ?, ?, ?)", rows)

    def wanted(self, claim: Claim) -> bool:
        """Tell whether to go on with a part: nobody cancelled it, and nothing urgent waits."""
        rank = (
            "SELECT min(jobs.rank) FROM claims JOIN parts USING (result) "
            "JOIN jobs ON jobs.key = parts.job "
            "WHERE claims.result = ? AND claims.worker = ? AND jobs.state = 'open'"
        )
        urgent = f"SELECT 1 {CLAIMABLE} AND jobs.rank < ? LIMIT 1"
        with self.store.reading() as connection:
            (found,) = connection.execute(rank, (claim.recipe.key, claim.worker)).fetchone()
            if found is None:
                return False
            return found == ASKED or connection.execute(urgent, (found,)).fetchone() is None

    def finish(self, claim: Claim, pictures: Sequence[StoredPicture], seconds: float) -> None:
        """Keep the result of a part, which may complete its job and others."""
        key = claim.recipe.key
        with self.store.transaction() as connection:
            self.store.write(connection, claim.recipe, pictures, seconds)
            connection.execute("UPDATE parts SET done = 1 WHERE result = ?", (key,))
            connection.execute("DELETE FROM sketches WHERE result = ?", (key,))
            self._let_go(connection, claim)
            connection.execute(COMPLETE, {"now": self._clock(), "result": key})

    def release(self, claim: Claim) -> None:
        """Let go of a part that is not finished; its job waits on, or was stopped."""
        with self.store.transaction() as connection:
            self._let_go(connection, claim)

    def fail(self, claim: Claim, message: str) -> None:
        """Say that a part cannot be made, which ends its job."""
        with self.store.transaction() as connection:
            self._let_go(connection, claim)
            end_job(connection, claim.job, "failed", message, self._clock())

    def release_dead(
        self, workers: Iterable[str], state: str | None = None, message: str = ""
    ) -> None:
        """Drop the claims of workers that are no more, and end the jobs that they were at.

        Args:
            workers: their names.
            state: ``failed`` or ``interrupted``; None leaves the jobs as they are.
            message: what happened, and what to do.
        """
        with self.store.transaction() as connection:
            for worker in workers:
                rows = connection.execute("SELECT job FROM claims WHERE worker = ?", (worker,))
                for (job,) in rows.fetchall():
                    if state is not None:
                        end_job(connection, job, state, message, self._clock())
                connection.execute("DELETE FROM claims WHERE worker = ?", (worker,))

    def claims(self) -> list[tuple[str, bool]]:
        """List the workers that have claimed something, and whether anybody still wants it."""
        wanted = (
            "SELECT worker, EXISTS (SELECT 1 FROM parts JOIN jobs ON jobs.key = parts.job "
            "WHERE parts.result = claims.result AND jobs.state = 'open') FROM claims"
        )
        with self.store.reading() as connection:
            return [(worker, bool(it)) for worker, it in connection.execute(wanted)]

    def _let_go(self, connection: sqlite3.Connection, claim: Claim) -> None:
        gone = "DELETE FROM claims WHERE result = ? AND worker = ?"
        if connection.execute(gone, (claim.recipe.key, claim.worker)).rowcount:
            spent = "UPDATE jobs SET spent = spent + ? WHERE key = ?"
            connection.execute(spent, (self._clock() - claim.since, claim.job))
