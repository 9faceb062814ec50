"""Pictures that a page makes while it is shown: as many as fit, the rest in the next run."""

import itertools
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.errors import ExplorerError
from explorer.ui import job_status

# A page shows what it has after so long, and goes on a moment later.
PATIENCE_SECONDS = 0.4
POLL_SECONDS = 0.3

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class MadeSoFar(Generic[Name]):
    """Pictures as far as they are made.

    Attributes:
        pictures: URLs, by what names them.
        complete: whether nothing more will come.
        problem: what was wrong with one that is not there; mostly empty.
    """

    pictures: dict[Name, str]
    complete: bool
    problem: str


def make_in_time(makers: Mapping[Name, Callable[[], str]]) -> MadeSoFar[Name]:
    """Make pictures for as long as a visitor waits gladly, at least one.

    Args:
        makers: make each of them, or remember it.
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
                # Where the collection is gone, each one would fail.
                return MadeSoFar(made, True, problem)
        if time.monotonic() > until:
            return MadeSoFar(made, len(made) == len(makers), problem)
    return MadeSoFar(made, True, problem)


def rerun_soon() -> None:
    """Run the page again in a moment, to make what was not there."""
    looks = itertools.count()
    job_status.follow([], lambda _: next(looks), POLL_SECONDS, 0)
