"""The order in which workers serve the parts of jobs.

What somebody watches comes first. Visitors take turns: the one whose last turn is longest ago comes
first, and a job that several visitors watch comes in the turn of each of them. Of one visitor's
jobs, those come first that show what the visitor opened last; then those that the visitor asked
for; then the one that was submitted first.

A job that was asked for and that nobody watches comes after these, but it waits at most about
``UNSERVED_SECONDS`` while others are served. What nobody asked for and nobody watches is not served
at all (``explorer.jobs.watchers.drop_unwatched`` deletes it).

A part that takes long pauses at the end of a turn of ``TURN_SECONDS`` if the next turn is not its
own, and goes on when it is (``decide``). The turn is over after ``SHORT_TURN_SECONDS`` if the next
one belongs to a job of which there is nothing to see yet, so that every visitor soon has a first
preview.
"""

import enum
import heapq
import math
import sqlite3
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

from core.recipes import kinds
from core.recipes.recipe import Recipe

# Ranks: jobs that a user asked for, and jobs that a page starts without being asked.
ASKED, UNASKED = 0, 1
# A visitor watches a job if the page has asked for the job's state within this time.
WATCHING_SECONDS = 10.0
# While others are served, a visitor's jobs that were asked for wait at most about this long.
UNSERVED_SECONDS = 30.0
# A part that a worker is at is not interrupted for other visitors until it has had this long: the
# second if a visitor who was not served for the first waits for a job that has not begun.
TURN_SECONDS, SHORT_TURN_SECONDS = 3.0, 1.0
# A worker is at no more parts than this at a time; all but one are paused, in its memory. It begins
# no third part while their pictures have more pixels than this: a paused style transfer takes about
# 90 MiB at 320 px and 350 MiB at 1024 px.
PARTS_AT_MOST, PIXELS_AT_MOST = 4, 2**20
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
# Whether ``:worker`` has a claim of a part of a candidate.
IS_OWN = """EXISTS (SELECT 1 FROM claims
                WHERE claims.result = parts.result AND claims.worker = :worker)"""
# Whether ``:worker`` can claim a part of a candidate now, or go on with it if it has paused it.
# ``:room`` tells whether it may begin a part besides those that it has paused.
CLAIMABLE = f"""
NOT parts.done
AND ({IS_OWN}
     OR :room AND NOT EXISTS (SELECT 1 FROM claims WHERE claims.result = parts.result))
AND (kind NOT IN ({IN_ORDER}) OR NOT EXISTS
     (SELECT 1 FROM parts AS earlier WHERE earlier.job = parts.job
      AND earlier.position < parts.position AND NOT earlier.done))
"""
# Whether a candidate has nothing to show yet: no finished part, no preview, and no progress.
IS_BLANK = """NOT EXISTS (
    SELECT 1 FROM parts AS own LEFT JOIN claims USING (result) LEFT JOIN sketches USING (result)
    WHERE own.job = key AND (own.done OR claims.result IS NOT NULL OR sketches.result IS NOT NULL))
"""
# The candidates and their parts that ``:worker`` can claim now, first come those that are served
# first; the last column tells whether it is the turn of what nobody watches.
NEXT_PARTS = f"""
{CANDIDATES}
SELECT key, recipe, visitor, position, result, looked IS NULL AND NOT later
FROM candidates JOIN parts ON parts.job = key
WHERE (:only IS NULL OR key = :only) AND {CLAIMABLE} ORDER BY {ORDER}, position
"""
# Whether there is a part that ``:worker`` can claim now and that somebody watches.
WATCHED_WAITS = f"""
{CANDIDATES}
SELECT EXISTS (SELECT 1 FROM candidates JOIN parts ON parts.job = key
               WHERE looked IS NOT NULL AND {CLAIMABLE})
"""
# Of the part whose turn is next among those that do not come later: whether it is another one than
# ``:result``, and whether it has waited for ``TURN_SECONDS`` with nothing to show.
NEXT_TURN = f"""
{CANDIDATES}
SELECT result <> :result, served <= :now - {TURN_SECONDS} AND {IS_BLANK}
FROM candidates JOIN parts ON parts.job = key
WHERE NOT later AND {CLAIMABLE} ORDER BY {ORDER}, position LIMIT 1
"""
# Another job of which ``:worker`` could serve a part instead of ``:result``.
OTHER = f"""
SELECT 1 FROM candidates AS other JOIN parts ON parts.job = other.key
WHERE other.key <> own.key AND result <> :result AND {CLAIMABLE}
"""
# For each job and visitor who needs the part that a worker is at, the values of ``Need``.
NEEDED = f"""
{CANDIDATES}
SELECT rank,
EXISTS ({OTHER} AND other.visitor = own.visitor
        AND (other.looked, -other.rank) > (own.looked, -own.rank)),
EXISTS ({OTHER} AND other.looked IS NOT NULL
        AND (own.looked IS NULL OR other.visitor = own.visitor AND other.looked > own.looked))
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


def has_room(parts: Sequence[Recipe]) -> bool:
    """Return whether a worker may begin another part besides those that it is at."""
    pixels = sum(getattr(it, "size", 0) ** 2 * len(it.pictures) for it in parts)
    return len(parts) < (PARTS_AT_MOST if pixels <= PIXELS_AT_MOST else 2)


class Need(NamedTuple):
    """Why one visitor needs the part that a worker is at, and what could be served meanwhile.

    Attributes:
        rank: ``ASKED`` or ``UNASKED``.
        gives_way: whether another job of this visitor comes first, because the visitor opened it
            later, or asked for it.
        waits: whether a job that is watched comes first: any if nobody watches this one, else one
            that this visitor opened later.
    """

    rank: int
    gives_way: bool
    waits: bool


class NextTurn(NamedTuple):
    """What is served at the end of a turn.

    Attributes:
        other: whether it is another part than the one that the worker is at.
        hurries: whether it belongs to a job of which there is nothing to see yet, and its visitor
            has not been served for ``TURN_SECONDS``.
    """

    other: bool
    hurries: bool


class Decision(enum.Enum):
    """What a worker does with the part that it is at."""

    CONTINUE = enum.auto()
    # Keep it in memory, and serve what comes next.
    PAUSE = enum.auto()
    # Stop, and give the part back unfinished.
    RELEASE = enum.auto()


def decide(
    needs: Sequence[Need], seconds: float, overdue: bool, next_turn: NextTurn | None
) -> Decision:
    """Return what a worker does with a part.

    What a visitor asked for is finished. The rest is released if nobody watches it any more, or if
    each of its visitors has something that comes first. A part pauses while something comes first
    for everybody who needs it, and at the end of its turn.

    Args:
        needs: what ``NEEDED`` selects for the part.
        seconds: how long the part's turn has lasted.
        overdue: whether it has its turn because it had waited for so long; then it has all of it.
        next_turn: what ``NEXT_TURN`` selects; None for nothing.
    """
    asked = any(it.rank == ASKED for it in needs)
    if not asked and all(it.gives_way for it in needs):
        return Decision.RELEASE
    if overdue and seconds < TURN_SECONDS:
        return Decision.CONTINUE
    hurries = next_turn is not None and next_turn.hurries
    turn_over = seconds >= (SHORT_TURN_SECONDS if hurries else TURN_SECONDS)
    if all(it.waits for it in needs) or (turn_over and next_turn is not None and next_turn.other):
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
