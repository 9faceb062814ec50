"""Pictures that a page makes by itself, without a job: some in this run, the rest in later runs.

Streamlit runs a page's code again for every update, so each run makes pictures for a short time.
What is measured on pictures comes after the pictures.
"""

import itertools
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import streamlit as st

from core.errors import ExplorerError
from explorer.ui import job_requests, job_status

# Seconds for which one run of a page makes pictures; after a pause the next run makes more.
PATIENCE_SECONDS = 0.4
POLL_SECONDS = 0.3

Name = TypeVar("Name", bound=Hashable)
Measured = TypeVar("Measured")


@dataclass(frozen=True)
class MadeSoFar(Generic[Name]):
    """The pictures that have been made so far.

    Attributes:
        pictures: URLs of the pictures, or what else their makers returned, by their names.
        complete: whether no more pictures will be made.
        problem: why the first picture that failed could not be made; "" if none failed.
    """

    pictures: dict[Name, str]
    complete: bool
    problem: str


def make_in_time(makers: Mapping[Name, Callable[[], str]]) -> MadeSoFar[Name]:
    """Make pictures until ``PATIENCE_SECONDS`` have passed, but at least one.

    Args:
        makers: by the name of each picture, a function that returns its URL. It should be cached:
            the next run calls it again.
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
                # If the collection of images is gone, every picture would fail.
                return MadeSoFar(made, True, problem)
        if time.monotonic() > until:
            return MadeSoFar(made, len(made) == len(makers), problem)
    return MadeSoFar(made, True, problem)


def show_while_making(
    makers: Mapping[Name, Callable[[], str]],
    show: Callable[[MadeSoFar[Name], job_requests.Requested], None],
    job: job_requests.Requested = None,
) -> None:
    """Show pictures while they are made, and rerun the page once all are there.

    Args:
        makers: a function for each picture, as in ``make_in_time``.
        show: called with the pictures made so far, and the present state of the job.
        job: a job to follow at the same time; None for none.
    """
    first = [make_in_time(makers)]
    complete = first[0].complete

    def look(now: Sequence[job_requests.Requested]) -> bool:
        made = first.pop() if first else make_in_time(makers)
        show(made, now[0])
        return made.complete

    interval = job_status.poll_interval(job) if complete else POLL_SECONDS
    job_status.follow([job], look, interval, complete)


def draw_then_measure(
    key: str, draw: Callable[[Measured | None], object], measure: Callable[[], Measured]
) -> Measured:
    """Draw pictures, measure them, and draw them again with what was measured.

    A visitor who has seen the measures waits for nothing, so then they are drawn only once.

    Args:
        key: name of the pictures, which changes with them.
        draw: draws the pictures; called with the measures, or with None before they are there. It
            must not show widgets.
        measure: measures the pictures; should be cached.
    """
    slot = st.empty()
    seen: set[str] = st.session_state.setdefault("measured", set())
    if key not in seen:
        with slot.container():
            draw(None)
    measured = measure()
    seen.add(key)
    with slot.container():
        draw(measured)
    return measured


def rerun_soon() -> None:
    """Run the page again after ``POLL_SECONDS``, so that it makes more pictures."""
    looks = itertools.count()
    job_status.follow([], lambda _: next(looks), POLL_SECONDS, 0)
