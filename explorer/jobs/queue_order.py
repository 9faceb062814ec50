"""The order in which workers serve the parts of jobs.

What somebody watches comes first. Visitors take turns: the one whose last turn is longest ago comes
first, and a job that several visitors watch comes in the turn of each of them. Of one visitor's
jobs, those come first that show what the visitor opened last; then those that the visitor asked
for; then the one that was submitted first.

A job that was asked for and that nobody watches comes after these, but it waits at most about
``UNSERVED_SECONDS`` while others are served. A part that takes long pauses while something comes
first, and after each turn of ``TURN_SECONDS`` for what another visitor watches (``decide``). What
nobody asked for and nobody watches is not served
at all (``explorer.jobs.watchers.drop_unwatched`` deletes it).
"""

import enum
import heapq
import math
import sqlite3
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

from core.recipes import kinds

# Ranks: jobs that a user asked for, and jobs that a page starts without being asked.
ASKED, UNASKED = 0, 1
# A visitor watches a job if the page has asked for the job's state within this time.
WATCHING_SECONDS = 10.0
# While others are served, a visitor's jobs that were asked for wait at most about this long.
UNSERVED_SECONDS = 30.0
# A part that a worker is at is not interrupted for other visitors until it has had this long.
TURN_SECONDS = 3.0
# The kinds of recipes whose parts must be rendered in order, as a list for SQL.
IN_ORDER = ", ".join(f"'{kind}'" for kind, recipe in kinds.KINDS.items() if recipe.in_order)
# Whether a row of ``watchers`` tells that its visitor watches now; ``:now`` is the current time.
WATCHES = f"watchers.seen > :now - {WATCHING_SECONDS}"
# The open jobs that are served: a row for each visitor who watches a job, and one for a job that
# nobody watches (then ``looked`` is null). ``:networks`` is a list, as JSON, of the architectures
# that the worker can load; null for all of them.
CANDIDATES = f"""
WITH served_jobs AS (
    SELECT key, recipe, kind, rank, queued, jobs.rowid AS number, looked,
           coalesce(watchers.visitor, jobs.visitor) AS visitor
    FROM jobs LEFT JOIN watchers ON watchers.job = jobs.key AND {WATCHES}
    WHERE state = 'open' AND (rank = {ASKED} OR watchers.job IS NOT NULL)
          AND (:networks IS NULL OR substr(network, 1, instr(network || ':', ':') - 1)
               IN (SELECT value FROM json_each(:networks)))
),
candidates AS (
    SELECT served_jobs.*, coalesce(served, 0.0) AS served,
           min(queued) OVER (PARTITION BY visitor) AS arrived,
           looked IS NULL
           AND max(coalesce(served, 0.0), queued) >= :now - {UNSERVED_SECONDS} AS later
    FROM served_jobs LEFT JOIN turns USING (visitor)
)
"""
# The order of the candidates. Of visitors who had no turn yet, the one who came first comes first.
ORDER = "later, served, arrived, visitor, looked DESC, rank, queued, number"
# Whether the part of a row of ``claims`` is paused: its worker has claimed another part later.
IS_PAUSED = """EXISTS (SELECT 1 FROM claims AS later
                 WHERE later.worker = claims.worker AND later.rowid > claims.rowid)"""
# Whether a part of a candidate can be claimed now.
CLAIMABLE = f"""
NOT parts.done AND NOT EXISTS (SELECT 1 FROM claims WHERE claims.result = parts.result)
AND (kind NOT IN ({IN_ORDER}) OR NOT EXISTS
     (SELECT 1 FROM parts AS earlier WHERE earlier.job = parts.job
      AND earlier.position < parts.position AND NOT earlier.done))
"""
# The candidates and their parts that can be claimed now, first come those that are served first.
NEXT_PARTS = f"""
{CANDIDATES}
SELECT key, recipe, visitor, position, result FROM candidates JOIN parts ON parts.job = key
WHERE (:only IS NULL OR key = :only) AND {CLAIMABLE} ORDER BY {ORDER}, position
"""
# Another job of which a part can be claimed now.
OTHER = f"""
SELECT 1 FROM candidates AS other JOIN parts ON parts.job = other.key
WHERE other.key <> own.key AND {CLAIMABLE}
"""
# For each job and visitor who needs the part that a worker is at, the values of ``Need``.
NEEDED = f"""
{CANDIDATES}
SELECT rank,
EXISTS ({OTHER} AND other.visitor = own.visitor
        AND (other.looked, -other.rank) > (own.looked, -own.rank)),
EXISTS ({OTHER} AND other.looked IS NOT NULL
        AND (own.looked IS NULL OR other.visitor = own.visitor AND other.looked > own.looked)),
EXISTS ({OTHER} AND other.looked IS NOT NULL AND other.visitor <> own.visitor)
FROM candidates AS own WHERE key IN (
    SELECT parts.job FROM parts JOIN claims USING (result)
    WHERE result = :result AND worker = :worker)
"""
# Unfinished parts of open jobs that no worker renders now, and the jobs that workers render.
RENDERED = f"(SELECT result FROM claims WHERE NOT {IS_PAUSED})"
UNCLAIMED = f"""
SELECT job, result FROM parts JOIN jobs ON jobs.key = job
WHERE state = 'open' AND NOT done AND result NOT IN {RENDERED}
ORDER BY job, position DESC
"""
BEGUN = f"""
SELECT DISTINCT parts.job FROM {RENDERED} JOIN parts USING (result)
JOIN jobs ON jobs.key = parts.job
WHERE state = 'open' AND NOT parts.done
"""


class Need(NamedTuple):
    """Why one visitor needs the part that a worker is at, and what could be served meanwhile.

    Attributes:
        rank: ``ASKED`` or ``UNASKED``.
        gives_way: whether another job of this visitor comes first, because the visitor opened it
            later, or asked for it.
        waits: whether a job that is watched comes first: any if nobody watches this one, else one
            that this visitor opened later.
        others: whether another visitor watches a job that could be served.
    """

    rank: int
    gives_way: bool
    waits: bool
    others: bool


class Decision(enum.Enum):
    """What a worker does with the part that it is at."""

    CONTINUE = enum.auto()
    # Serve one part of another job, and then go on.
    PAUSE = enum.auto()
    # Stop, and give the part back unfinished.
    RELEASE = enum.auto()


def decide(needs: Sequence[Need], turn_over: bool) -> Decision:
    """Return what a worker does with a part.

    What a visitor asked for is finished. The rest is released if nobody watches it any more, or if
    each of its visitors has something that comes first. A part pauses while something comes first
    for everybody who needs it; at the end of a turn, what other visitors watch comes first too.

    Args:
        needs: what ``NEEDED`` selects for the part.
        turn_over: whether the part has had its worker for a whole turn.
    """
    asked = any(it.rank == ASKED for it in needs)
    if not asked and all(it.gives_way for it in needs):
        return Decision.RELEASE
    if all(it.waits or (turn_over and it.others) for it in needs):
        return Decision.PAUSE
    return Decision.CONTINUE


def count_before(connection: sqlite3.Connection, now: float) -> dict[str, int]:
    """Return for each waiting job the number of other jobs that workers begin before it.

    Jobs that workers are at now are counted too. One worker is assumed, and that nothing changes
    meanwhile. Jobs that are not served are left out.

    Args:
        connection: a connection to the store; all is read in one transaction.
        now: the current time in seconds since 1970.
    """
    left: defaultdict[str, list[str]] = defaultdict(list)
    for job, result in connection.execute(UNCLAIMED):
        left[job].append(result)
    begun = {job for (job,) in connection.execute(BEGUN)}
    # For each visitor in the order of the turns: the jobs that are watched, those that nobody
    # watches and that have waited long enough for one turn, and all that nobody watches.
    queues = [defaultdict[str, deque[str]](deque) for _ in range(4)]
    watched, overdue, background, nothing = queues
    turns: dict[str, tuple[float, float]] = {}
    for visitor, served, arrived, key, unwatched, later in connection.execute(
        f"{CANDIDATES} SELECT visitor, served, arrived, key, looked IS NULL, later "
        f"FROM candidates ORDER BY {ORDER}",
        {"now": now, "networks": None},
    ):
        turns[visitor] = served, arrived
        if unwatched:
            background[visitor].append(key)
        if not later:
            (overdue if unwatched else watched)[visitor].append(key)
    before: dict[str, int] = {}
    made: set[str] = set()
    for first, second in ((watched, overdue), (background, nothing)):
        waiting = [(*turns[visitor], visitor) for visitor in {**first, **second}]
        heapq.heapify(waiting)
        while waiting:
            *_, visitor = heapq.heappop(waiting)
            job = _first_unfinished(first[visitor], left, made)
            job = job or _first_unfinished(second[visitor], left, made)
            if job is None:
                continue
            second[visitor].clear()  # This visitor has had the one turn.
            made.add(left[job].pop())
            if job not in begun:
                before[job] = len(begun)
                begun.add(job)
            # The next turn of this visitor comes after those of all others.
            turns[visitor] = math.inf, float(len(made))
            heapq.heappush(waiting, (*turns[visitor], visitor))
    return before


def _first_unfinished(jobs: deque[str], left: dict[str, list[str]], made: set[str]) -> str | None:
    """Return the first of some jobs with a part that is not made, which becomes its last item."""
    while jobs:
        parts = left[jobs[0]]
        while parts and parts[-1] in made:
            parts.pop()
        if parts:
            return jobs[0]
        jobs.popleft()
    return None
