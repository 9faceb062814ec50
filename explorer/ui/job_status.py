"""Jobs on a page: requests, progress, and reruns when a job starts or ends."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from core.errors import ExplorerError
from core.recipes.recipe import Recipe
from explorer.gallery.queries import Gallery
from explorer.jobs.job import Job
from explorer.jobs.job_queue import ASKED, UNASKED, QueueFull
from explorer.store.results import StoredPicture
from explorer.text import formatting
from explorer.ui import server_state

# Seconds between two looks at an open job.
POLL_SECONDS = 0.6
# Seconds until a job is requested again that the full queue refused.
RETRY_SECONDS = 3.0
# A job that is abandoned sooner than this, in seconds, does not stay in the gallery.
SOON_SECONDS = 20.0


def request(recipe: Recipe, rank: int = ASKED) -> Job | str:
    """Submit a recipe unless its job was stopped before, and record the visitor as watching it.

    Returns:
        The job, or a sentence that says that the queue is full.
    """
    jobs, visitor = server_state.jobs(), server_state.visitor()
    job = jobs.get(recipe.key)
    if job is not None and job.state != "done":
        jobs.watch(job.key, visitor)
        return job
    try:
        return jobs.submit(recipe, visitor, rank)
    except QueueFull as busy:
        return str(busy)


def request_exclusive(recipe: Recipe, place: str, asked: bool) -> Job | str | None:
    """Request a recipe, and abandon the one that was requested before in the same place.

    Args:
        recipe: of what is shown now.
        place: names the part of the page, which shows one recipe at a time.
        asked: whether the visitor chose anything of it.

    Returns:
        As ``request``; None where the result is there, and the visitor chose nothing.
    """
    before = st.session_state.get(place)
    st.session_state[place] = recipe.key
    if before is not None and before != recipe.key:
        abandon(before)
    if server_state.store().present([recipe.key]) and not asked:
        return None
    return request(recipe, ASKED if asked else UNASKED)


def abandon(key: str) -> None:
    """Stop a job that is no longer shown; one that hardly began does not stay in the gallery."""
    jobs, visitor = server_state.jobs(), server_state.visitor()
    job = jobs.get(key)
    if job is None or not job.open:
        return
    if time.time() - job.queued < SOON_SECONDS:
        Gallery(jobs).delete([key], visitor)
    else:
        jobs.cancel(key, visitor)


def poll_interval(*asked: Job | str | None, seconds: float = POLL_SECONDS) -> float | None:
    """Return how often to look at jobs, in seconds; None if none of them will change.

    Args:
        asked: jobs as ``request`` returns them, or why there is none.
        seconds: between two looks at an open job.
    """
    intervals = [
        seconds if isinstance(it, Job) else RETRY_SECONDS
        for it in asked
        if isinstance(it, str) or (it is not None and it.open)
    ]
    return min(intervals, default=None)


def follow(
    asked: Sequence[Job | str | None],
    show: Callable[[list[Job | str | None]], object],
    interval: float | None,
    state: object = None,
) -> None:
    """Show something, show it again every ``interval`` seconds, and rerun the page on a change.

    The page runs again when one of the jobs was started or has ended, when a job that was refused
    may be requested once more, and when ``show`` returns another state than the page began with.

    Args:
        asked: the jobs that are followed, or why there is none, as ``request`` returns them.
        show: shows what there is, given the jobs as they are now, and returns the state of
            everything else that matters to the rest of the page.
        interval: seconds between two looks, such as ``poll_interval(*asked)``; None for one look.
        state: what ``show`` returns as long as the page need not run again.
    """
    looks = itertools.count()

    def body() -> None:
        jobs, visitor = server_state.jobs(), server_state.visitor()
        now = [jobs.get(it.key) or it if isinstance(it, Job) else it for it in asked]
        for job in now:
            if isinstance(job, Job) and job.open:
                jobs.watch(job.key, visitor)
        changed = show(now) != state
        switched = [_is_open(it) for it in now] != [_is_open(it) for it in asked]
        retry = next(looks) > 0 and any(isinstance(it, str) for it in asked)
        if changed or switched or retry:
            st.rerun()

    st.fragment(body, run_every=interval)()


def _is_open(job: Job | str | None) -> bool:
    return isinstance(job, Job) and job.open


def show_progress(job: Job, doing: Callable[[float], str], where: str) -> None:
    """Show the progress of a job, with a button to stop or to resume it.

    Args:
        job: which is not done.
        doing: returns the finished fraction in words, such as ``5 of 64 neurons``.
        where: names the place, as the same job may be shown in several.
    """
    key = f"{where} {job.key}"
    with st.container(key=f"job {key}", horizontal=True, vertical_alignment="center"):
        if job.state == "running":
            st.progress(min(job.fraction, 1.0), f"{doing(job.fraction)}{time_left(job)}")
        elif job.state == "waiting":
            st.markdown(waiting_text(job))
        else:
            st.markdown(f"{stopped_text(job)} ({doing(job.fraction)} finished)")
        if job.open:
            st.button("Stop", key=f"stop {key}", on_click=_stop, args=(job.key,))
        else:
            st.button("Go on", key=f"go on {key}", on_click=_go_on, args=(job.key,))


def follow_picture(
    key: str,
    job: Job | str | None,
    seconds: float,
    show: Callable[[StoredPicture | None, bytes | None, Job | str | None], None],
) -> StoredPicture | None:
    """Follow the picture of a page, and run the page again when it is finished.

    Args:
        key: of the recipe, which has one picture.
        job: as ``request_exclusive`` returns it.
        seconds: between two looks at an open job.
        show: gets the finished picture, or the encoded preview, and the job as it is now.

    Returns:
        The finished picture, if it was there before.
    """
    store = server_state.store()
    stored = store.picture(key, 0)

    def look(now: Sequence[Job | str | None]) -> bool:
        found = stored or store.picture(key, 0)
        show(found, None if found else server_state.jobs().previews(key).get(0), now[0])
        return found is None

    with st.container(key="stage"):
        follow([job], look, poll_interval(job, seconds=seconds), stored is None)
    return stored


def show_status(
    job: Job | str | None,
    doing: Callable[[float], str],
    where: str,
    keep: Callable[[], None],
    tools: Callable[[], None],
) -> None:
    """Show beneath a picture its progress, or what can be done with it.

    Args:
        job: as ``follow_picture`` passes it on.
        doing, where: as ``show_progress`` takes them.
        keep: offers the preview of a picture whose job has stopped.
        tools: offers what can be done with a finished picture.
    """
    with st.container(key=f"{where}-status", horizontal=True, vertical_alignment="center"):
        if isinstance(job, str):
            st.caption(job)
        elif job is None or job.state == "done":
            tools()
        else:
            show_progress(job, doing, where)
            if not job.open:
                keep()


def stopped_text(job: Job) -> str:
    """Return why a job has stopped."""
    if job.state == "cancelled":
        return "Stopped"
    return formatting.escape_markdown(job.message[:1].upper() + job.message[1:])


def time_left(job: Job) -> str:
    """Return how long a job still takes, as the end of a sentence; "" while that is unknown."""
    return (
        "" if job.seconds_left is None else f", {formatting.about_seconds(job.seconds_left)} left"
    )


def waiting_text(job: Job) -> str:
    """Return what a waiting job waits for."""
    if job.before == 0:
        return "Starting ..."
    first = "1 job comes" if job.before == 1 else f"{job.before} jobs come"
    return f"Waiting: {first} first{time_left(job)}."


def _stop(key: str) -> None:
    if server_state.jobs().cancel(key, server_state.visitor()).open:
        st.toast("Somebody else is watching this too, so it goes on.")


def _go_on(key: str) -> None:
    try:
        server_state.jobs().resume(key, server_state.visitor())
    except ExplorerError as error:
        st.toast(str(error))


# Unfinished pictures, by the key of their recipe and their number.
Previews = Mapping[tuple[str, int], bytes]


class JobRequests:
    """Everything that a page run has requested, in the order in which it is shown.

    Attributes:
        jobs: the job of each recipe, or why there is none, by the recipe's key.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, Job | str] = {}

    def ask(self, recipes: Sequence[Recipe]) -> list[Job | str]:
        """Queue missing results with low priority, after what a visitor requested explicitly."""
        here = server_state.store().present([recipe.key for recipe in recipes])
        missing = {it.key: it for it in recipes if it.key not in here}
        for key, recipe in missing.items():
            if key not in self.jobs:
                self.jobs[key] = request(recipe, UNASKED)
        return [self.jobs[key] for key in missing]

    def settle(self) -> None:
        """Withdraw the requests of earlier page runs that this one has not repeated."""
        open_now = {key for key, job in self.jobs.items() if isinstance(job, Job) and job.open}
        left: set[str] = st.session_state.get("filling", set()) - open_now
        if left:
            server_state.jobs().withdraw(left, server_state.visitor())
        st.session_state["filling"] = open_now


def show_while_running(
    key: str,
    asked: Sequence[Job | str],
    doing: Callable[[float], str] | None,
    show: Callable[[Previews], None],
) -> None:
    """Show the results of jobs and their progress, and run the page again when one has ended.

    Args:
        key: names the place.
        asked: the jobs, or why there are none.
        doing: returns the finished fraction of a job in words; None to show only stopped jobs.
        show: gets the unfinished pictures.
    """

    def look(now: Sequence[Job | str | None]) -> None:
        jobs = [it for it in now if isinstance(it, Job)]
        previews = {job.key: server_state.jobs().previews(job.key) for job in jobs}
        show({(key, part): it for key, some in previews.items() for part, it in some.items()})
        unfinished = [it for it in jobs if it.state != "done" and (doing or not it.open)]
        refused = [it for it in asked if isinstance(it, str)]
        with st.container(key=f"{key}-status"):
            if unfinished:
                show_progress(unfinished[0], doing or "{:.0%}".format, key)
            elif refused:
                st.caption(refused[0])

    follow(asked, look, poll_interval(*asked))
