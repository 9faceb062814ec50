"""Who watches which job, and what becomes of jobs that nobody watches."""

import json
import sqlite3

from explorer.jobs.queue_order import UNASKED, WATCHES

# Selects the open jobs that nobody asked for, that nobody watches, and that no worker is at.
UNWATCHED = f"""
SELECT key FROM jobs WHERE state = 'open' AND rank = {UNASKED}
AND NOT EXISTS (SELECT 1 FROM watchers WHERE job = jobs.key AND {WATCHES})
AND NOT EXISTS (SELECT 1 FROM parts JOIN claims USING (result) WHERE parts.job = jobs.key)
"""
# Who submitted a job that is there and that no visitor watches.
SUBMITTER = f"""
SELECT visitor FROM jobs WHERE key = :key AND (:visitor IS NULL OR NOT EXISTS
(SELECT 1 FROM watchers WHERE job = jobs.key AND {WATCHES}))
"""


def record_look(
    connection: sqlite3.Connection, key: str, visitor: str, now: float, looked: float
) -> None:
    """Record that a visitor watches a job; do nothing if the job is not open.

    Args:
        connection: a connection in a transaction.
        key: key of the job.
        visitor: the visitor.
        now: the current time in seconds since 1970.
        looked: when the visitor opened what shows the job. If several tabs show it, the last one
            counts.
    """
    watch = (
        "INSERT INTO watchers SELECT key, :visitor, :now, :looked FROM jobs "
        "WHERE key = :key AND state = 'open' ON CONFLICT (job, visitor) DO UPDATE SET "
        f"looked = CASE WHEN {WATCHES} THEN max(looked, excluded.looked) "
        "ELSE excluded.looked END, seen = excluded.seen"
    )
    values = {"key": key, "visitor": visitor, "now": now, "looked": looked}
    connection.execute(watch, values)


def record_leaving(
    connection: sqlite3.Connection, key: str, visitor: str | None, now: float
) -> str | None:
    """Record that a visitor does not watch a job any more.

    Args:
        connection: a connection in a transaction.
        key: key of the job.
        visitor: the visitor; None for everybody.
        now: the current time in seconds since 1970.

    Returns:
        The visitor who submitted the job; None if there is no such job, or if others watch it.
    """
    leave = "DELETE FROM watchers WHERE job = ? AND visitor = ?"
    connection.execute(leave, (key, visitor))
    values = {"key": key, "visitor": visitor, "now": now}
    row = connection.execute(SUBMITTER, values).fetchone()
    return None if row is None else str(row[0])


def drop_unwatched(connection: sqlite3.Connection, now: float) -> None:
    """Delete the open jobs that nobody asked for and nobody watches, with their previews.

    A job that a worker is at stays until the worker has given up. A job with a finished part stays
    as a cancelled one, so that it is known that nobody asked for the part.

    Args:
        connection: a connection in a transaction.
        now: the current time in seconds since 1970.
    """
    keys = json.dumps([key for (key,) in connection.execute(UNWATCHED, {"now": now})])
    if keys == "[]":
        return
    among = "(SELECT value FROM json_each(?))"
    previews = (
        f"DELETE FROM sketches WHERE result IN (SELECT result FROM parts WHERE job IN {among} "
        f"EXCEPT SELECT result FROM parts WHERE job NOT IN {among})"
    )
    connection.execute(previews, (keys, keys))
    finished = "EXISTS (SELECT 1 FROM parts WHERE job = jobs.key AND done)"
    connection.execute(f"DELETE FROM jobs WHERE key IN {among} AND NOT {finished}", (keys,))
    end = f"UPDATE jobs SET state = 'cancelled', ended = ? WHERE key IN {among}"
    connection.execute(end, (now, keys))
