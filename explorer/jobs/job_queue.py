"""Jobs: work that waits in the store, is done part by part, and is never lost.

Whoever wants something submits its recipe; an equal recipe is the same job, so it is joined while
it runs and answered from the store once it is done. What the workers do with it stands in
``explorer.jobs.claims``. Nothing here computes, and nothing here needs PyTorch.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import ExplorerError
from core.recipes import kinds
from core.recipes.recipe import Recipe
from explorer.store.results import Store

# Ranks: what somebody waits for comes before what fills a page unasked.
ASKED, UNASKED = 0, 1
# More jobs than this do not wait; the next visitor is told so.
OPEN_AT_MOST = 200
# A visitor who has not looked for so long no longer holds back another one's cancel.
WATCHING_SECONDS = 10.0
# Before this share of a job is done its pace foretells nothing.
SETTLED = 0.02
# As many digits of a key as a person is shown; any unambiguous beginning is understood.
ID_DIGITS = 8

SNAPSHOT = """
SELECT key, kind, network, layer, recipe AS json, state, rank, message, queued, ended, spent, title,
       starred, deleted,
       (SELECT count(*) FROM parts WHERE job = key) AS parts,
       (SELECT count(*) FROM parts WHERE job = key AND done) AS finished,
       (SELECT count(*) FROM parts WHERE job = key AND todo) AS todo,
       (SELECT count(*) FROM parts WHERE job = key AND todo AND done) AS todone,
       (SELECT count(*) FROM parts JOIN claims USING (result)
        WHERE parts.job = key AND NOT parts.done) AS working,
       (SELECT coalesce(sum(1.0 * claims.done / claims.total), 0.0)
        FROM parts JOIN claims USING (result)
        WHERE parts.job = key AND NOT parts.done) AS under_way,
       (SELECT coalesce(sum(:now - claims.since), 0.0) FROM parts JOIN claims USING (result)
        WHERE parts.job = key AND NOT parts.done) AS working_seconds,
       (SELECT count(*) FROM jobs AS other WHERE other.state = 'open'
        AND (other.rank, other.queued) < (jobs.rank, jobs.queued)) AS before
FROM jobs
"""


class Busy(ExplorerError):
    """So many jobs wait already that one more is refused."""


@dataclass(frozen=True)
class Job:
    """What is known of a job at one moment.

    Attributes:
        key: of its recipe.
        kind, network, layer: of its recipe.
        json: the recipe.
        state: ``waiting``, ``running``, ``done``, ``cancelled``, ``failed`` or ``interrupted``.
        rank: ``ASKED`` or ``UNASKED``.
        message: why it failed or stopped; mostly empty.
        queued, ended: seconds since 1970; when it was last asked for, and when it was over.
        spent: seconds of work that went into it since it was queued.
        fraction: how much of it is done, from 0 to 1.
        seconds_left: an estimate, or None while there is none.
        before: how many jobs were there first.
        title: a name that somebody gave it; mostly empty.
        starred: whether somebody starred it.
        deleted: when it went into the bin, or None.
    """

    key: str
    kind: str
    network: str
    layer: str
    json: str
    state: str
    rank: int
    message: str
    queued: float
    ended: float | None
    spent: float
    fraction: float
    seconds_left: float | None
    before: int
    title: str
    starred: bool
    deleted: float | None

    @property
    def id(self) -> str:
        """As much of the key as a person needs."""
        return self.key[:ID_DIGITS]

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")

    @property
    def recipe(self) -> Recipe:
        """What is to be made."""
        return kinds.read(self.json)


class Jobs:
    """The queue in a store; safe to share between threads, and between processes by the store."""

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
        """Ask for something: join the job that makes it, answer from the store, or queue it.

        Args:
            recipe: what is to be made.
            visitor: who asks; between visitors workers take turns.
            rank: ``ASKED``, or ``UNASKED`` for what only fills a page.
            fresh: make it anew though it is in the store.
            shipped: whether pictures that came with the project, which are lossy, will do.

        Raises:
            Busy: too many jobs wait.
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
            self._queue(connection, recipe, visitor, rank, [(it, it in present) for it in keys])
            _watch(connection, recipe.key, visitor, self._clock())
        found = self.get(recipe.key)
        assert found is not None
        return found

    def _queue(
        self,
        connection: sqlite3.Connection,
        recipe: Recipe,
        visitor: str,
        rank: int,
        parts: Sequence[tuple[str, bool]],
    ) -> None:
        """Write down a job whose parts are done or not, unless it is there in the same state."""
        key, now = recipe.key, self._clock()
        done = all(there for _, there in parts)
        known = connection.execute("SELECT state FROM jobs WHERE key = ?", (key,)).fetchone()
        if known is not None and known[0] == ("done" if done else "open"):
            again = "UPDATE jobs SET rank = min(rank, ?), deleted = NULL WHERE key = ?"
            connection.execute(again, (rank, key))
            return
        waiting = _count(connection, "SELECT count(*) FROM jobs WHERE state = 'open'")
        if not done and waiting >= OPEN_AT_MOST:
            raise Busy(
                f"the explorer is busy: {waiting} jobs wait already; "
                "come back when some of them are done, or cancel some in the gallery"
            )
        layer = getattr(recipe, "layer", "")
        state, ended = ("done", now) if done else ("open", None)
        row = (key, recipe.kind, recipe.network, layer, recipe.to_json(), state, rank, visitor)
        connection.execute(
            "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, 0.0, '', 0, NULL) "
            "ON CONFLICT (key) DO UPDATE SET state = excluded.state, message = '', "
            "rank = min(rank, excluded.rank), visitor = excluded.visitor, "
            "queued = excluded.queued, ended = excluded.ended, spent = 0.0, deleted = NULL",
            (*row, now, ended),
        )
        connection.execute("DELETE FROM parts WHERE job = ?", (key,))
        connection.executemany(
            "INSERT INTO parts VALUES (?, ?, ?, ?, ?)",
            [(key, at, part, there, not there) for at, (part, there) in enumerate(parts)],
        )

    def get(self, key: str) -> Job | None:
        """Tell how a job is, ``None`` if there is none."""
        found = self.select("WHERE key = :key", {"key": key})
        return found[0] if found else None

    def find(self, beginning: str) -> Job:
        """Find a job by the first digits of its key.

        Raises:
            ExplorerError: none or several begin so.
        """
        found = self.select(
            "WHERE substr(key, 1, :n) = :it", {"n": len(beginning), "it": beginning}
        )
        if not beginning or not found:
            raise ExplorerError(
                f"there is no job {beginning!r}; `jobs` lists those that wait or run"
            )
        if len(found) > 1:
            raise ExplorerError(f"{len(found)} jobs begin with {beginning!r}; write more digits")
        return found[0]

    def open(self) -> list[Job]:
        """List the jobs that wait or run, in the order in which they were asked for."""
        return self.select("WHERE state = 'open' ORDER BY rank, queued")

    def select(self, clause: str, values: Mapping[str, object] | None = None) -> list[Job]:
        """List jobs by an SQL clause over the table ``jobs``, with named values."""
        with self.store.reading() as connection:
            cursor = connection.execute(
                f"{SNAPSHOT} {clause}", {"now": self._clock(), **(values or {})}
            )
            names = [column[0] for column in cursor.description]
            return [_job(dict(zip(names, row, strict=True))) for row in cursor]

    def parts(self, key: str) -> list[str]:
        """List the keys of a job's parts, whose results the store may have already."""
        with self.store.reading() as connection:
            rows = connection.execute(
                "SELECT result FROM parts WHERE job = ? ORDER BY position", (key,)
            )
            return [result for (result,) in rows]

    def previews(self, key: str) -> dict[int, bytes]:
        """Get a job's unfinished pictures as far as they came, encoded, by their numbers."""
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
        """Get how the costs of a job's unfinished picture fell so far, as ``work.told`` writes it.

        Empty where that is not told.
        """
        with self.store.reading() as connection:
            row = connection.execute(
                "SELECT course FROM parts JOIN sketches USING (result) "
                "WHERE parts.job = ? AND NOT parts.done ORDER BY position LIMIT 1",
                (key,),
            ).fetchone()
            return "" if row is None else str(row[0])

    def watch(self, key: str, visitor: str) -> None:
        """Say that a visitor looks at a job, so that nobody else's cancel stops it."""
        now = self._clock()
        lately = "SELECT 1 FROM watchers WHERE job = ? AND visitor = ? AND seen > ?"
        with self.store.reading() as connection:
            if connection.execute(lately, (key, visitor, now - WATCHING_SECONDS / 3)).fetchone():
                return
        with self.store.transaction() as connection:
            _watch(connection, key, visitor, now)

    def cancel(self, key: str, visitor: str | None = None) -> Job:
        """Stop a job, and keep what is there; it goes on where others watch it.

        Args:
            key: of the job.
            visitor: who no longer wants it; None stops it for everybody.

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
            if not watching:
                end_job(connection, key, "cancelled", "", now)
        found = self.get(key)
        if found is None:
            raise ExplorerError(f"there is no job {key!r}")
        return found

    def withdraw(self, keys: Iterable[str], visitor: str) -> None:
        """Forget what would only fill a page that a visitor has left.

        What somebody asked for, what is being worked on, and what others look at stays.
        """
        leave = "DELETE FROM watchers WHERE job = ? AND visitor = ?"
        forget = (
            "DELETE FROM jobs WHERE key = ? AND state = 'open' AND rank = ? AND NOT EXISTS "
            "(SELECT 1 FROM watchers WHERE job = jobs.key AND seen > ?) AND NOT EXISTS "
            "(SELECT 1 FROM parts JOIN claims USING (result) WHERE parts.job = jobs.key)"
        )
        lately = self._clock() - WATCHING_SECONDS
        with self.store.transaction() as connection:
            for key in keys:
                connection.execute(leave, (key, visitor))
                connection.execute(forget, (key, UNASKED, lately))

    def resume(self, key: str, visitor: str = "") -> Job:
        """Go on with a job that stopped; what it has finished stays.

        Raises:
            Busy: too many jobs wait.
            ExplorerError: there is no such job, or it cannot be read any more.
        """
        found = self.get(key)
        if found is None:
            raise ExplorerError(f"there is no job {key!r}")
        return self.submit(found.recipe, visitor)


def _job(row: dict[str, Any]) -> Job:
    """Put together what is known of a job."""
    counts = ("parts", "finished", "todo", "todone", "working", "under_way", "working_seconds")
    total, finished, todo, todone, working, under_way, seconds = (row.pop(it) for it in counts)
    if row["state"] == "open":
        row["state"] = "running" if working else "waiting"
    done = todone + under_way
    left = None
    if row["state"] in ("waiting", "running") and done > SETTLED * todo:
        pace = (row["spent"] + seconds) / done
        left = pace * (todo - done) / max(working, 1)
    fraction = (finished + under_way) / total
    return Job(fraction=fraction, seconds_left=left, **{**row, "starred": bool(row["starred"])})


def _watch(connection: sqlite3.Connection, key: str, visitor: str, now: float) -> None:
    seen = (
        "INSERT OR REPLACE INTO watchers SELECT key, ?, ? FROM jobs WHERE key = ? "
        "AND state = 'open'"
    )
    connection.execute(seen, (visitor, now, key))


def end_job(connection: sqlite3.Connection, key: str, state: str, message: str, now: float) -> None:
    """End a job, if it is open, in a transaction of the store."""
    end = "UPDATE jobs SET state = ?, message = ?, ended = ? WHERE key = ? AND state = 'open'"
    connection.execute(end, (state, message, now, key))


def _count(connection: sqlite3.Connection, statement: str, values: Sequence[object] = ()) -> int:
    (count,) = connection.execute(statement, values).fetchone()
    return int(count)
