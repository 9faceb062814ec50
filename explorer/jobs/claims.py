"""The operations of workers on the job queue: claiming, reporting, finishing parts of jobs.

A worker claims one part of a job (see ``Recipe.parts``) at a time, so that no other worker renders
the same part. Workers take turns between visitors, so that a long job of one visitor does not delay
the short jobs of others. A claim is a row in the store. It is deleted when its part has been
finished, has failed, or is released. If the worker of a claim is dead, the job was interrupted.
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

# The kinds of recipes whose parts must be rendered in order, as a list for SQL.
IN_ORDER = ", ".join(f"'{kind}'" for kind, recipe in kinds.KINDS.items() if recipe.in_order)
# While others are served, a visitor's jobs that nobody asked for wait at most about this long.
UNSERVED_SECONDS = 30.0
# Selects the unfinished parts of open jobs that no worker has claimed and that may start now.
CLAIMABLE = f"""
FROM jobs JOIN parts ON parts.job = jobs.key LEFT JOIN turns USING (visitor)
WHERE jobs.state = 'open' AND NOT parts.done
      AND NOT EXISTS (SELECT 1 FROM claims WHERE claims.result = parts.result)
      AND (jobs.kind NOT IN ({IN_ORDER}) OR NOT EXISTS
           (SELECT 1 FROM parts AS earlier WHERE earlier.job = parts.job
            AND earlier.position < parts.position AND NOT earlier.done))
"""
# Marks the jobs that contain a result as done if all of their parts are done.
COMPLETE = """
UPDATE jobs SET state = 'done', message = '', ended = :now
WHERE state <> 'done' AND key IN (SELECT job FROM parts WHERE result = :result)
      AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.job = jobs.key AND NOT parts.done)
"""


@dataclass(frozen=True)
class Claim:
    """A part of a job that one worker is working on.

    Attributes:
        job: key of the job.
        recipe: recipe of the part.
        worker: name of the worker.
        since: when the part was claimed, in seconds since 1970.
    """

    job: str
    recipe: Recipe
    worker: str
    since: float


class Claims:
    """The operations of workers on the job queue in a store."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock

    def claim(self, worker: str, only: str | None = None) -> Claim | None:
        """Claim the next part; return None if no part can be claimed.

        Parts of jobs with a smaller rank come first, and so do parts of a visitor for whom nothing
        was done in ``UNSERVED_SECONDS``. Among these, the visitor who has waited longest for a turn
        comes first; of one visitor's jobs, those with a smaller rank, and then the one that was
        submitted first.

        Args:
            worker: name of the worker.
            only: key of the only job whose parts may be claimed; None for all jobs.
        """
        next_part = (
            f"SELECT jobs.key, jobs.recipe, jobs.visitor, parts.position, parts.result {CLAIMABLE}"
            "AND (:only IS NULL OR jobs.key = :only) "
            "ORDER BY CASE WHEN max(coalesce(turns.served, 0), jobs.queued) < :long_ago THEN 0 "
            "ELSE jobs.rank END, coalesce(turns.served, 0), jobs.rank, jobs.queued, parts.position "
            "LIMIT 1"
        )
        values = {"only": only, "long_ago": self._clock() - UNSERVED_SECONDS}
        with self.store.reading() as connection:
            # Idle workers call this often, so the first query takes no write lock.
            if connection.execute(next_part, values).fetchone() is None:
                return None
        with self.store.transaction() as connection:
            row = connection.execute(next_part, values).fetchone()
            if row is None:
                return None
            job, text, visitor, position, result = row
            now = self._clock()
            try:
                part = kinds.read(text).parts()[position]
            except ExplorerError as error:
                # The recipe was queued by an older version and can no longer be read. Its job
                # fails; other jobs are not affected.
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
        """Store the progress of a claimed part; do nothing if the claim no longer exists.

        Args:
            claim: the claim of the part.
            done, total: amounts of finished work and of all work, as in ``core.progress``.
            previews: unfinished pictures as WebP, by their number within the part's recipe.
            history: the loss curves, as ``explorer.rendering.render_recipe.history_json`` returns
                them; "" if there are none.
        """
        key = claim.recipe.key
        progress = "UPDATE claims SET done = ?, total = ? WHERE result = ? AND worker = ?"
        with self.store.transaction() as connection:
            values = (done, max(total, 1), key, claim.worker)
            if connection.execute(progress, values).rowcount and previews:
                rows = [(key, part, image, history) for part, image in previews.items()]
                connection.executemany("INSERT OR REPLACE INTO sketches VALUES (?, ?, ?, ?)", rows)

    def should_continue(self, claim: Claim) -> bool:
        """Whether a worker should continue to render the part that it has claimed.

        It should stop if no job with this part is open any more, or if an unclaimed part of a job
        of the same visitor with a smaller rank can be rendered now. Jobs of other visitors wait for
        their turn.
        """
        rank = (
            "SELECT min(jobs.rank), jobs.visitor FROM claims JOIN parts USING (result) "
            "JOIN jobs ON jobs.key = parts.job "
            "WHERE claims.result = ? AND claims.worker = ? AND jobs.state = 'open'"
        )
        urgent = f"SELECT 1 {CLAIMABLE} AND jobs.rank < ? AND jobs.visitor = ? LIMIT 1"
        with self.store.reading() as connection:
            values = (claim.recipe.key, claim.worker)
            best = connection.execute(rank, values).fetchone()
            if best[0] is None:
                return False
            return best[0] == ASKED or connection.execute(urgent, best).fetchone() is None

    def finish(self, claim: Claim, pictures: Sequence[StoredPicture], seconds: float) -> None:
        """Store the result of a part, and mark jobs whose last missing part it was as done."""
        key = claim.recipe.key
        with self.store.transaction() as connection:
            self.store.write(connection, claim.recipe, pictures, seconds)
            connection.execute("UPDATE parts SET done = 1 WHERE result = ?", (key,))
            connection.execute("DELETE FROM sketches WHERE result = ?", (key,))
            self._delete_claim(connection, claim)
            connection.execute(COMPLETE, {"now": self._clock(), "result": key})

    def release(self, claim: Claim) -> None:
        """Delete the claim of an unfinished part, and leave the state of its job unchanged."""
        with self.store.transaction() as connection:
            self._delete_claim(connection, claim)

    def fail(self, claim: Claim, message: str) -> None:
        """Delete the claim of a part that cannot be rendered, and mark its job as failed."""
        with self.store.transaction() as connection:
            self._delete_claim(connection, claim)
            end_job(connection, claim.job, "failed", message, self._clock())

    def release_dead(
        self, workers: Iterable[str], state: str | None = None, message: str = ""
    ) -> None:
        """Delete the claims of workers that no longer run, and end the jobs that they worked on.

        Args:
            workers: names of the workers.
            state: new state of the jobs, ``failed`` or ``interrupted``; None leaves them open.
            message: text that users see for these jobs: what happened, and what they can do.
        """
        with self.store.transaction() as connection:
            for worker in workers:
                rows = connection.execute("SELECT job FROM claims WHERE worker = ?", (worker,))
                for (job,) in rows.fetchall():
                    if state is not None:
                        end_job(connection, job, state, message, self._clock())
                connection.execute("DELETE FROM claims WHERE worker = ?", (worker,))

    def claiming_workers(self) -> list[tuple[str, bool]]:
        """Return the worker's name for each claim, and whether an open job still needs its part."""
        statement = (
            "SELECT worker, EXISTS (SELECT 1 FROM parts JOIN jobs ON jobs.key = parts.job "
            "WHERE parts.result = claims.result AND jobs.state = 'open') FROM claims"
        )
        with self.store.reading() as connection:
            return [(worker, bool(needed)) for worker, needed in connection.execute(statement)]

    def _delete_claim(self, connection: sqlite3.Connection, claim: Claim) -> None:
        """Delete a claim, and add the time since it was made to the time spent on its job.

        If the claim has been deleted already, nothing is changed.
        """
        delete = "DELETE FROM claims WHERE result = ? AND worker = ?"
        if connection.execute(delete, (claim.recipe.key, claim.worker)).rowcount:
            spent = "UPDATE jobs SET spent = spent + ? WHERE key = ?"
            connection.execute(spent, (self._clock() - claim.since, claim.job))
