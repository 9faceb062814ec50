"""A snapshot of a job: its recipe, its state in the queue, and its progress."""

from dataclasses import dataclass
from typing import Any

from core.recipes import kinds
from core.recipes.recipe import Recipe
from explorer.jobs.queue_order import IS_PAUSED, WATCHES

# The remaining time is estimated once more than this fraction of a job's work is done.
ESTIMATE_FROM = 0.02
# Number of a key's digits that are shown to users. Any unambiguous prefix of a key is accepted.
ID_DIGITS = 8

# The message of jobs whose worker is dead.
INTERRUPTED = "the explorer was closed while this was being made; what was finished is kept"
# Who stopped a job that the machine's user stopped for all visitors.
EVERYBODY = "everybody"
# The claims of workers that are alive, with ``paused``; ``:dead`` is a JSON list of the names of
# those that are not.
ALIVE = f"""(SELECT *, {IS_PAUSED} AS paused FROM claims
        WHERE worker NOT IN (SELECT value FROM json_each(:dead)))"""

# Selects what ``job_from_row`` needs from the table ``jobs``; ``:now`` is the current time, and
# ``:dead`` is as for ``ALIVE``.
SNAPSHOT = f"""
SELECT key, kind, network, layer, recipe AS json, state, rank, message, queued, ended, spent, title,
       starred, deleted, visitor, owner, stopped_by,
       EXISTS (SELECT 1 FROM watchers WHERE watchers.job = key AND {WATCHES}) AS watched,
       (SELECT count(*) FROM parts WHERE job = key) AS parts,
       (SELECT count(*) FROM parts WHERE job = key AND done) AS finished,
       (SELECT count(*) FROM parts WHERE job = key AND todo) AS todo,
       (SELECT count(*) FROM parts WHERE job = key AND todo AND done) AS todone,
       (SELECT count(*) FROM parts JOIN {ALIVE} AS alive USING (result)
        WHERE parts.job = key AND NOT parts.done AND NOT paused) AS working,
       (SELECT coalesce(sum(1.0 * alive.done / alive.total), 0.0)
        FROM parts JOIN {ALIVE} AS alive USING (result)
        WHERE parts.job = key AND NOT parts.done) AS under_way,
       (SELECT coalesce(sum(:now - alive.since), 0.0) FROM parts JOIN {ALIVE} AS alive
        USING (result) WHERE parts.job = key AND NOT parts.done AND NOT paused) AS working_seconds,
       (SELECT count(*) FROM claims WHERE job = key AND NOT {IS_PAUSED}
        AND worker IN (SELECT value FROM json_each(:dead))) AS left_over
FROM jobs
"""


@dataclass(frozen=True)
class Job:
    """A snapshot of a job; it does not change when the job does.

    Attributes:
        key: key of the job's recipe.
        kind, network, layer: fields of the recipe.
        json: the recipe as JSON.
        state: ``waiting``, ``running``, ``done``, ``cancelled``, ``failed`` or ``interrupted``. A
            job whose worker has paused it waits.
        rank: ``queue_order.ASKED`` or ``queue_order.UNASKED``.
        message: why the job failed or was interrupted; empty otherwise.
        queued: when the job was last submitted, in seconds since 1970.
        ended: when the job ended, in seconds since 1970; None while it is open.
        spent: seconds that workers have spent on the job since it was queued; work on parts that
            are claimed now is not included.
        fraction: fraction of the job that is done, from 0 to 1.
        seconds_left: estimated remaining time in seconds, or None if there is no estimate.
        before: number of other jobs that workers are at, or begin before this waiting one.
        title: the name that a user gave the job; empty if none.
        starred: whether a user starred the job.
        deleted: when the job was moved to the bin, in seconds since 1970, or None.
        visitor: the visitor in whose turns workers render the job, and who may stop it.
        owner: the visitor to whom the job's entry in the gallery belongs; "" if to nobody.
        stopped_by: the visitor who stopped the job on purpose, or ``EVERYBODY`` if it was stopped
            for all; "" if the job stopped because its visitors left.
        watched: whether a visitor watches it.
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
    visitor: str
    owner: str
    stopped_by: str
    watched: bool

    @property
    def id(self) -> str:
        """The first ``ID_DIGITS`` digits of the key, which users see as the job's id."""
        return self.key[:ID_DIGITS]

    @property
    def open(self) -> bool:
        """Whether the job is waiting or running."""
        return self.state in ("waiting", "running")

    def stopped_for(self, visitor: str) -> bool:
        """Whether the job was stopped on purpose, by a visitor or for everybody."""
        return self.state == "cancelled" and self.stopped_by in (visitor, EVERYBODY)

    @property
    def recipe(self) -> Recipe:
        """The recipe, read from its JSON."""
        return kinds.read(self.json)


def job_from_row(row: dict[str, Any], before: int) -> Job:
    """Build a job from a row that ``SNAPSHOT`` selects; ``row`` is changed.

    Args:
        row: the values by the names of the columns.
        before: number of other jobs that come before the job if it waits.
    """
    counts = ("parts", "finished", "todo", "todone", "working", "under_way", "working_seconds")
    total, finished, todo, todone, working, under_way, seconds = (row.pop(it) for it in counts)
    left_over = row.pop("left_over")
    if row["state"] == "open" and left_over and not working:
        # Nobody has marked it yet, or the store cannot be written.
        row |= {"state": "interrupted", "message": INTERRUPTED}
    if row["state"] == "open":
        row["state"] = "running" if working else "waiting"
    done = todone + under_way
    left = None
    if row["state"] in ("waiting", "running") and done > ESTIMATE_FROM * todo:
        pace = (row["spent"] + seconds) / done
        left = pace * (todo - done) / max(working, 1)
    fraction = (finished + under_way) / total
    row |= {it: bool(row[it]) for it in ("starred", "watched")}
    row |= {"before": before if row["state"] == "waiting" else 0}
    return Job(fraction=fraction, seconds_left=left, **row)
