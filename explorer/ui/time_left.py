"""Texts about the time of jobs: how long one still takes, and how long it waits for its turn.

The workers serve visitors in turns (``explorer.jobs.queue_order``): while one visitor has a second
of a worker's time, each other visitor who waits has a second, too. One worker is assumed.
"""

import contextlib
import functools
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import ExplorerError
from explorer import paths
from explorer.jobs.job import Job
from explorer.jobs.queue_order import TURN_SECONDS, has_room
from explorer.store import durations
from explorer.text import formatting
from explorer.ui import server_state

# Returns how many seconds of a worker's time a job still takes; None if unknown.
Estimate = Callable[[Job], float | None]
NOUNS = {
    "neurons": "pictures of neurons",
    "dream": "a dream",
    "style": "a style transfer",
    "style-depths": "styles by layer",
    "variations": "variations of a picture",
}


def seconds_left(job: Job, queue: Sequence[Job], estimate: Estimate) -> float | None:
    """Return after how many seconds an open job is finished, with the turns of other visitors.

    Args:
        job: the job.
        queue: the open jobs, in the order of the queue.
        estimate: estimates each of them.

    Returns:
        The estimate; None if it is unknown how long this job, or one of the same visitor that comes
        first, takes.
    """
    own = _before(job, queue)
    return _shared(_sum([*own, job], estimate), job, queue, estimate)


def seconds_before(job: Job, queue: Sequence[Job], estimate: Estimate) -> float | None:
    """Return after how many seconds a waiting job has its turn; arguments as for the time left.

    It is unknown too while workers hold as many parts as they may: then one must be finished first.
    """
    begun = [it for it in queue if it.state == "running" or it.fraction > 0]
    if not has_room([part for it in begun for part in it.recipe.parts()[:1]]):
        return None
    own = _sum(_before(job, queue), estimate)
    wait = None if own is None else _shared(own + TURN_SECONDS, job, queue, estimate)
    return None if wait is None else wait - TURN_SECONDS


def _before(job: Job, queue: Sequence[Job]) -> list[Job]:
    """Return the jobs of the same visitor that come before a job."""
    keys = [it.key for it in queue]
    ahead = queue[: keys.index(job.key)] if job.key in keys else ()
    return [it for it in ahead if it.visitor == job.visitor]


def _sum(jobs: Sequence[Job], estimate: Estimate) -> float | None:
    seconds = [estimate(it) for it in jobs]
    known = [it for it in seconds if it is not None]
    return sum(known) if len(known) == len(seconds) else None


def _shared(own: float | None, job: Job, queue: Sequence[Job], estimate: Estimate) -> float | None:
    """Return how long it is until a visitor has had some seconds of the worker's time.

    Each other visitor has as much meanwhile, or less if their jobs are finished before. What nobody
    watches has hardly any.
    """
    if own is None:
        return None
    others = defaultdict[str, list[Job]](list)
    for it in queue:
        if it.visitor != job.visitor and it.watched:
            others[it.visitor].append(it)
    totals = (_sum(it, estimate) for it in others.values())
    return own + sum(min(own, math.inf if it is None else it) for it in totals)


def time_left(job: Job) -> str:
    """Return the time that a job still takes, such as ``, about 2 min left``; "" if unknown.

    Before it has begun, it is estimated from what was made here before: ``, about 2 min in all``.
    """
    if job.seconds_left is not None:
        seconds = seconds_left(job, server_state.jobs().open(often=True), estimate)
        return f", {formatting.about_seconds(seconds or job.seconds_left)} left"
    seconds = estimate(job)
    return f", {formatting.about_seconds(seconds)} in all" if seconds else ""


def waiting_text(job: Job, queue: Sequence[Job]) -> str:
    """Return how many jobs are before a waiting job, and for how long, in a sentence."""
    if job.before == 0:
        return f"Starting ...{time_left(job).replace(',', '', 1)}"
    first = "1 job comes" if job.before == 1 else f"{job.before} jobs come"
    seconds = seconds_before(job, queue, estimate)
    wait = f", {formatting.about_seconds(seconds)}" if seconds else ""
    return f"Waiting: {first} first{wait}."


def at_work_text(job: Job) -> str:
    """Return what a worker is at, such as ``Now: a dream, 43%.``"""
    return f"Now: {NOUNS.get(job.kind, 'a picture')}, {formatting.percent(job.fraction)}."


def estimate(job: Job) -> float | None:
    """Estimate how many seconds a job takes, from its progress, or from what was made before."""
    if job.seconds_left is not None:
        return job.seconds_left
    return _expected(paths.home(), job.key)


@functools.lru_cache(maxsize=256)
def _expected(folder: Path, key: str) -> float | None:
    """Estimate the seconds that a job takes, once, as pages look at jobs often.

    Args:
        folder: the data folder; part of the cache's key only.
        key: key of the job.
    """
    job = server_state.jobs().get(key)
    # The recipe of an older version cannot be read, and has no estimate.
    with contextlib.suppress(ExplorerError):
        if job is not None:
            return durations.estimate_seconds(server_state.store(), job.recipe)
    return None
