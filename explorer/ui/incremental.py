"""Pictures that a page makes while it runs: some at once, the rest in the next runs."""

import itertools
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.errors import ExplorerError
from explorer.jobs.job import Job
from explorer.ui import job_status

# A page run makes pictures for at most this long, in seconds; the next one goes on after a pause.
PATIENCE_SECONDS = 0.4
POLL_SECONDS = 0.3

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class MadeSoFar(Generic[Name]):
    """Pictures as far as they are made.

    Attributes:
        pictures: URLs, by the names of their makers.
        complete: whether no more will be made.
        problem: why one of them could not be made; mostly empty.
    """

    pictures: dict[Name, str]
    complete: bool
    problem: str


def make_in_time(makers: Mapping[Name, Callable[[], str]]) -> MadeSoFar[Name]:
    """Make pictures for ``PATIENCE_SECONDS``, at least one.

    Args:
        makers: functions that make one picture each, or return a cached one.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    made: dict[Name, str] = {}
    problem = ""
    for name, maker in makers.items():
        try:
            made[name] = maker()
        except ExplorerError as error:
            problem = problem or str(error)
            if not made:
                # If the collection is gone, each one would fail.
                return MadeSoFar(made, True, problem)
        if time.monotonic() > until:
            return MadeSoFar(made, len(made) == len(makers), problem)
    return MadeSoFar(made, True, problem)


def show_while_making(
    makers: Mapping[Name, Callable[[], str]],
    show: Callable[[MadeSoFar[Name], Job | str | None], None],
    job: Job | str | None = None,
) -> None:
    """Show pictures while they are made, perhaps beside a job, and rerun the page at the end.

    Args:
        makers: as ``make_in_time`` takes them.
        show: gets what is made so far, and the job as it is now.
        job: is followed, too.
    """
    first = [make_in_time(makers)]
    complete = first[0].complete

    def look(now: Sequence[Job | str | None]) -> bool:
        made = first.pop() if first else make_in_time(makers)
        show(made, now[0])
        return made.complete

    interval = job_status.poll_interval(job) if complete else POLL_SECONDS
    job_status.follow([job], look, interval, complete)


def rerun_soon() -> None:
    """Run the page again after a pause, to make more pictures."""
    looks = itertools.count()
    job_status.follow([], lambda _: next(looks), POLL_SECONDS, 0)
