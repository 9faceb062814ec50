"""The operations of workers on the job queue: claiming, reporting, finishing parts of jobs.

A worker claims a part of a job (see ``Recipe.parts``), so that no other worker renders the same
part. ``explorer.jobs.queue_order`` decides which part is next. A claim is a row in the store. It is
deleted when its part has been finished, has failed, or is released. If the worker of a claim is
dead, the job was interrupted.

Of several claims of a worker, the latest is that of the part that it is rendering; the other parts
are paused. To go on with a paused part, its worker claims it again.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.errors import ExplorerError
from core.recipes import kinds
from core.recipes.recipe import Recipe
from explorer.jobs.job_queue import end_job
from explorer.jobs.queue_order import (
    NEEDED,
    NEXT_PARTS,
    NEXT_TURN,
    SHORT_TURN_SECONDS,
    WATCHED_WAITS,
    Decision,
    Need,
    NextTurn,
    decide,
)
from explorer.jobs.watchers import UNWATCHED, drop_unwatched
from explorer.store.results import Store, StoredPicture

# Marks the jobs that contain a result as done if all of their parts are done.
COMPLETE = """
UPDATE jobs SET state = 'done', message = '', ended = :now
WHERE state <> 'done' AND key IN (SELECT job FROM parts WHERE result = :result)
      AND NOT EXISTS (SELECT 1 FROM parts WHERE parts.job = jobs.key AND NOT parts.done)
"""
# Makes the claim of a paused part the latest one.
RESUME = """
UPDATE claims SET rowid = (SELECT max(rowid) + 1 FROM claims), since = :now WHERE result = :result
"""
# The job of the part that a worker is rendering.
RENDERED_JOB = "SELECT job FROM claims WHERE worker = ? ORDER BY rowid DESC LIMIT 1"


@dataclass(frozen=True)
class Claim:
    """A part of a job that one worker is working on.

    Attributes:
        job: key of the job.
        recipe: recipe of the part.
        worker: name of the worker.
        overdue: whether nobody watches the job, but it had waited so long that it comes before
            what is watched.
    """

    job: str
    recipe: Recipe
    worker: str
    overdue: bool = False


class Claims:
    """The operations of workers on the job queue in a store."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float] = time.time,
        networks: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        """Prepare the operations.

        Args:
            store: the store with the job queue.
            clock: returns the time in seconds since 1970.
            networks: returns the architectures that the worker can load; the jobs of others wait
                for a worker that can, unless they are asked for by name. None for all.
        """
        self.store = store
        self._clock = clock
        self._networks = networks

    def claim(self, worker: str, only: str | None = None, room: bool = True) -> Claim | None:
        """Claim the next part, or one that the worker has paused; None if there is no part.

        The order is that of ``explorer.jobs.queue_order``. The time of a pause does not count as
        time spent on the part.

        Args:
            worker: name of the worker.
            only: key of the only job whose parts may be claimed; None for all jobs.
            room: whether it may be another part than those that the worker has paused.
        """
        values = {"only": only, "worker": worker, "room": room, "now": self._clock()}
        values["networks"] = self._loadable(only)
        next_part = f"{NEXT_PARTS} LIMIT 1"
        with self.store.reading() as connection:
            # Idle workers call this often, so the first query takes no write lock.
            if connection.execute(next_part, values).fetchone() is None:
                return None
        with self.store.transaction() as connection:
            row = connection.execute(next_part, values).fetchone()
            if row is None:
                return None
            job, text, visitor, position, result, overdue = row
            if overdue:
                (overdue,) = connection.execute(WATCHED_WAITS, values).fetchone()
            now = self._clock()
            try:
                part = kinds.read(text).parts()[position]
            except ExplorerError as error:
                # The recipe was queued by an older version and can no longer be read. Its job
                # fails; other jobs are not affected.
                end_job(connection, job, "failed", str(error), now)
                return None
            if not connection.execute(RESUME, {"result": result, "now": now}).rowcount:
                claim = "INSERT INTO claims VALUES (?, ?, ?, ?, 0, 1)"
                connection.execute(claim, (result, job, worker, now))
            connection.execute("INSERT OR REPLACE INTO turns VALUES (?, ?)", (visitor, now))
        return Claim(job, part, worker, bool(overdue))

    def _loadable(self, only: str | None) -> str | None:
        """Return the architectures whose jobs are served, as JSON; None for all."""
        if self._networks is None or only is not None:
            return None
        return json.dumps(list(self._networks()))

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

    def decide(self, claim: Claim, seconds: float = 0.0, room: bool = True) -> Decision:
        """Return what a worker does with the part that it has claimed.

        Args:
            claim: the claim of the part.
            seconds: seconds since it was claimed the last time.
            room: as for ``claim``.
        """
        values = {
            "room": room,
            "result": claim.recipe.key,
            "worker": claim.worker,
            "now": self._clock(),
            "networks": self._loadable(None),
        }
        with self.store.reading() as connection:
            needs = [Need(*row) for row in connection.execute(NEEDED, values)]
            row = None
            if seconds >= SHORT_TURN_SECONDS:
                row = connection.execute(NEXT_TURN, values).fetchone()
        return decide(needs, seconds, claim.overdue, None if row is None else NextTurn(*row))

    def pause(self, claim: Claim) -> None:
        """Store that a worker leaves a part for a while, to claim another one."""
        with self.store.transaction() as connection:
            self._add_time(connection, claim)
            since = "UPDATE claims SET since = ? WHERE result = ? AND worker = ?"
            connection.execute(since, (self._clock(), claim.recipe.key, claim.worker))

    def drop_unwatched(self) -> None:
        """Delete the open jobs that nobody asked for and that nobody watches any more."""
        values = {"now": self._clock()}
        with self.store.reading() as connection:
            # Supervisors call this often, so the first query takes no write lock.
            if connection.execute(UNWATCHED, values).fetchone() is None:
                return
        with self.store.transaction() as connection:
            drop_unwatched(connection, values["now"])

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

        Jobs whose parts were paused stay open.

        Args:
            workers: names of the workers.
            state: new state of the jobs, ``failed`` or ``interrupted``; None leaves them open.
            message: text that users see for these jobs: what happened, and what they can do.
        """
        with self.store.transaction() as connection:
            for worker in workers:
                rendered = connection.execute(RENDERED_JOB, (worker,)).fetchone()
                if state is not None and rendered is not None:
                    end_job(connection, rendered[0], state, message, self._clock())
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
        self._add_time(connection, claim)
        delete = "DELETE FROM claims WHERE result = ? AND worker = ?"
        connection.execute(delete, (claim.recipe.key, claim.worker))

    def _add_time(self, connection: sqlite3.Connection, claim: Claim) -> None:
        """Add the time since a part was claimed or resumed to the time spent on its job."""
        own = "FROM claims WHERE result = :result AND worker = :worker"
        spent = (
            f"UPDATE jobs SET spent = spent + :now - (SELECT since {own}) "
            f"WHERE key = (SELECT job {own})"
        )
        values = {"now": self._clock(), "result": claim.recipe.key, "worker": claim.worker}
        connection.execute(spent, values)
