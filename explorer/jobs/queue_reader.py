"""Reading the job queue: jobs and their progress, parts, previews and loss curves."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping

from core.errors import ExplorerError, quoted
from core.recipes import kinds
from core.recipes.recipe import Recipe
from explorer.jobs.job import SNAPSHOT, Job, job_from_row
from explorer.jobs.queue_order import count_before
from explorer.jobs.worker_locks import dead_workers, known_dead_workers
from explorer.store.results import Store


class QueueReader:
    """Reads the job queue in a store; safe to use from several threads and processes."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock

    def get(self, key: str) -> Job | None:
        """Return a job by its key, or None if it does not exist."""
        return self.get_all([key]).get(key)

    def get_all(self, keys: Iterable[str]) -> dict[str, Job]:
        """Return those of some jobs that exist, by their keys.

        Pages call this often, so a worker's death may be noticed a little later.
        """
        with self.store.reading() as connection:
            dead = known_dead_workers(self.store, _workers(connection))
            clause = "WHERE key IN (SELECT value FROM json_each(:keys))"
            found = self._read(connection, clause, {"keys": json.dumps(list(keys))}, dead)
            return {job.key: job for job in found}

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

    def open(self, often: bool = False) -> list[Job]:
        """Return the running jobs, and then the waiting jobs in the order of the queue.

        Args:
            often: whether this is called often; a worker's death may be noticed a little later.
        """
        jobs = self.select("WHERE state = 'open'", often=often)
        return sorted(jobs, key=lambda it: (it.state == "waiting", it.before, it.rank, it.queued))

    def select(
        self, clause: str, values: Mapping[str, object] | None = None, often: bool = False
    ) -> list[Job]:
        """Return the jobs that an SQL clause selects from the table ``jobs``.

        Args:
            clause: for example ``WHERE key = :key``.
            values: the values of the clause's parameters by name, here ``{"key": "0f3c..."}``.
            often: as for ``open``.

        A job whose worker is dead is returned as interrupted, even if nobody has marked it yet.
        """
        with self.store.reading() as connection:
            look = known_dead_workers if often else dead_workers
            dead = look(self.store, _workers(connection))
            return self._read(connection, clause, values or {}, dead)

    def _read(
        self,
        connection: sqlite3.Connection,
        clause: str,
        values: Mapping[str, object],
        dead: list[str],
    ) -> list[Job]:
        """Return the jobs that ``clause`` selects, given the names of the dead workers."""
        now = self._clock()
        cursor = connection.execute(
            f"{SNAPSHOT} {clause}", {"now": now, "dead": json.dumps(dead), **values}
        )
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        before: dict[str, int] = {}
        if any(row["state"] == "open" and not row["working"] for row in rows):
            before = count_before(connection, now)
        return [job_from_row(row, before.get(row["key"], len(before))) for row in rows]

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


def _workers(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the workers that have claimed a part."""
    return [name for (name,) in connection.execute("SELECT DISTINCT worker FROM claims")]
