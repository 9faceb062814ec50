"""Requesting jobs from a page, and withdrawing what the page no longer shows."""

from collections.abc import Sequence
from typing import TypeAlias

import streamlit as st

from core.recipes.recipe import Recipe
from explorer.jobs.job import Job
from explorer.jobs.job_queue import QueueFull
from explorer.jobs.queue_order import ASKED, UNASKED
from explorer.library import disk_quota
from explorer.library.disk_quota import DiskFull
from explorer.store.database import NothingSaved
from explorer.ui import server_state, urls

# What came of a request: a job, a sentence that says why there is none, or None if the result is
# finished already.
Requested: TypeAlias = Job | str | None


def request(recipe: Recipe, rank: int = ASKED) -> Job | str:
    """Submit a recipe, and record that the visitor watches its job.

    A job that failed, or that this visitor stopped, is returned unchanged.

    Args:
        recipe: the recipe to render.
        rank: ``ASKED`` if the visitor asked for it, else ``UNASKED``, a low priority.

    Returns:
        The job, or a sentence that says that the queue is full, or that nothing can be saved.
    """
    jobs, visitor = server_state.jobs(), server_state.visitor()
    job = jobs.get(recipe.key)
    if job is not None and not is_wanted_again(job, rank):
        jobs.watch(job.key, visitor, urls.looked())
        return job
    try:
        return submit(recipe, rank)
    except (QueueFull, DiskFull, NothingSaved) as refused:
        return str(refused)


def is_wanted_again(job: Job, rank: int) -> bool:
    """Whether a page that shows a job has to submit it again.

    Args:
        job: a job with the recipe that the page shows.
        rank: the rank with which the page requests it.
    """
    if job.open:
        return rank < job.rank  # Nobody had asked for it, and this visitor does.
    if job.state == "interrupted":
        # What somebody asked for goes on at the push of a button.
        return job.rank == UNASKED
    return job.state == "done" or is_left(job)


def is_left(job: Job) -> bool:
    """Whether a job stopped without this visitor's doing: its visitors left, or another's Stop."""
    return job.state == "cancelled" and not job.stopped_for(server_state.visitor())


def submit(recipe: Recipe, rank: int = ASKED) -> Job:
    """Submit a recipe in the visitor's name.

    Args:
        recipe, rank: as for ``request``.

    Raises:
        QueueFull, DiskFull: there is no room for another job, or for its pictures.
    """
    jobs, visitor = server_state.jobs(), server_state.visitor()
    disk_quota.make_room(jobs.store, 0, visitor)
    return jobs.submit(recipe, visitor, rank, looked=urls.looked())


def request_exclusive(recipe: Recipe, place: str, asked: bool) -> Requested:
    """Request a recipe for a part of a page that shows one result, and leave the previous one.

    Args:
        recipe: the recipe of the result that is shown now.
        place: name of the part of the page, such as ``painting``.
        asked: whether the visitor chose any of the recipe's settings.

    Returns:
        The same as ``request``; None if the result is finished and the visitor chose nothing.
    """
    before = st.session_state.get(place)
    st.session_state[place] = recipe.key
    if before is not None and before != recipe.key:
        server_state.jobs().leave(before, server_state.visitor())
    if server_state.store().present([recipe.key]) and not asked:
        return None
    return request(recipe, ASKED if asked else UNASKED)


class JobRequests:
    """The jobs with low priority that one run of a page requests, in the order of the page.

    Attributes:
        jobs: by the recipe's key, its job, or a sentence that says why there is none.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, Job | str] = {}

    def ask(self, recipes: Sequence[Recipe]) -> list[Job | str]:
        """Request the recipes that have no result yet, with low priority.

        Jobs that visitors ask for explicitly come first.

        Returns:
            For each recipe without a result, its job, or a sentence that says why there is none.
        """
        here = server_state.store().present([recipe.key for recipe in recipes])
        missing = {it.key: it for it in recipes if it.key not in here}
        for key, recipe in missing.items():
            if key not in self.jobs:
                self.jobs[key] = request(recipe, UNASKED)
        return [self.jobs[key] for key in missing]

    def settle(self) -> None:
        """Withdraw jobs that the previous run of a page requested and this run did not."""
        open_now = {key for key, job in self.jobs.items() if isinstance(job, Job) and job.open}
        left: set[str] = st.session_state.get("filling", set()) - open_now
        if left:
            server_state.jobs().withdraw(left, server_state.visitor())
        st.session_state["filling"] = open_now
