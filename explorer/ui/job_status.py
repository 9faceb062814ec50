"""Jobs on a page: show their progress, and rerun the page when one starts or ends."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from core.errors import ExplorerError
from explorer.jobs.job import Job
from explorer.jobs.ownership import may_change
from explorer.store.results import StoredPicture
from explorer.text import formatting
from explorer.text.formatting import percent
from explorer.ui import job_requests, server_state, time_left, urls
from explorer.ui.job_requests import Requested
from explorer.ui.link_problems import toast_problem

# Seconds after which the state of an open job (waiting or running) is read again.
POLL_SECONDS = 0.6
# Seconds after which a job is requested again if it was refused because the queue was full.
RETRY_SECONDS = 3.0


def poll_interval(*asked: Requested, seconds: float = POLL_SECONDS) -> float | None:
    """Return after how many seconds to read the jobs again; None if none of them will change.

    Args:
        asked: results of ``request``: jobs, or sentences that say why there is none.
        seconds: seconds after which an open job is read again.
    """
    intervals = [
        seconds if isinstance(it, Job) else RETRY_SECONDS
        for it in asked
        if isinstance(it, str) or is_open(it)
    ]
    return min(intervals, default=None)


def follow(
    asked: Sequence[Requested],
    show: Callable[[list[Requested]], object],
    interval: float | None,
    state: object = None,
) -> None:
    """Call ``show`` every ``interval`` seconds, and rerun the whole page on a change.

    The whole page runs again if

    - a job was started or has ended,
    - a job has to be requested again, because it stopped when others had left it, or was dropped
      while this page was in a hidden tab,
    - a job was refused because the queue was full, so that it is requested again, or
    - ``show`` returns another value than ``state``.

    Args:
        asked: results of ``request``: jobs to follow, or sentences that say why there is none.
        show: called with the present state of the jobs; shows a part of the page. It returns a
            value that changes if other parts of the page have to change, too.
        interval: seconds between two calls, such as ``poll_interval(*asked)``; None for one call.
        state: the value that ``show`` returns as long as the page need not run again.
    """
    looks = itertools.count()

    def look() -> None:
        jobs, visitor = server_state.jobs(), server_state.visitor()
        found = jobs.get_all([it.key for it in asked if isinstance(it, Job)])
        if any(_is_lost(it, found) for it in asked):
            st.rerun()
        now = [found.get(it.key, it) if isinstance(it, Job) else it for it in asked]
        for job in now:
            if isinstance(job, Job) and job.open:
                jobs.watch(job.key, visitor, urls.looked())
        changed = show(now) != state
        switched = [is_open(it) for it in now] != [is_open(it) for it in asked]
        retry = next(looks) > 0 and any(isinstance(it, str) for it in asked)
        if changed or switched or retry:
            st.rerun()

    def body() -> None:
        try:
            look()
        except ExplorerError as error:
            # Streamlit calls fragments without the rest of the app, which shows errors otherwise.
            st.error(formatting.escape_markdown(str(error)))

    st.fragment(body, run_every=interval)()


def is_open(job: Requested) -> bool:
    """Whether a request is for a job that waits or runs."""
    return isinstance(job, Job) and job.open


def _is_lost(job: Requested, found: Mapping[str, Job]) -> bool:
    """Whether a job was open and is gone, or stopped without this visitor's doing."""
    if not isinstance(job, Job) or not job.open:
        return False
    return job.key not in found or job_requests.is_left(found[job.key])


def show_progress(
    job: Job, doing: Callable[[float], str], where: str, stop: bool = True, listed: bool = False
) -> None:
    """Show the progress of a job, with a button to stop it, if the visitor may, or to resume it.

    While it waits for its first turn, the progress of the job is shown that has its turn now.

    Args:
        job: a job that is not done.
        doing: returns the finished fraction in words, such as ``5 of 64 neurons``.
        where: name of the part of the page, for widgets' keys: several parts may show one job.
        stop: False for a part of the page beside its main one, so that a page has one such button.
            The gallery has one for every job.
        listed: whether the other jobs are shown beside it.
    """
    key = f"{where} {job.key}"
    with st.container(key=f"job {key}", horizontal=True, vertical_alignment="center"):
        if job.state == "running":
            st.progress(min(job.fraction, 1.0), f"{doing(job.fraction)}{time_left.time_left(job)}")
        elif job.state == "waiting":
            _show_waiting(job, doing, listed or not stop)
        else:
            st.markdown(f"{stopped_text(job)} ({doing(job.fraction)})")
        if stop and job.open and may_change(server_state.visitor(), job.visitor):
            st.button("Stop", key=f"stop {key}", on_click=_stop, args=(job.key,))
        elif not job.open:
            st.button("Go on", key=f"go on {key}", on_click=_go_on, args=(job.key,))


def _show_waiting(job: Job, doing: Callable[[float], str], brief: bool) -> None:
    """Show how long a job waits: its own progress if it has begun, else that of what comes first.

    Args:
        job: a job that waits for its turn.
        doing: as for ``show_progress``.
        brief: whether to leave the progress of other jobs out.
    """
    queue = server_state.jobs().open(often=True)
    at_work = next((it for it in queue if it.state == "running"), None)
    if job.fraction > 0:
        turn = "; another job has its turn" if at_work else ""
        words = f"{doing(job.fraction)}{time_left.time_left(job)}{turn}"
        st.progress(min(job.fraction, 1.0), words)
    elif at_work is None or brief:
        st.markdown(time_left.waiting_text(job, queue))
    else:
        words = f"{time_left.waiting_text(job, queue)} {time_left.at_work_text(at_work)}"
        st.progress(min(at_work.fraction, 1.0), words)


def follow_picture(
    key: str,
    job: Requested,
    seconds: float,
    show: Callable[[StoredPicture | None, bytes | None, Requested], None],
) -> StoredPicture | None:
    """Show the one picture of a recipe while it is made, and rerun the page when it is finished.

    Args:
        key: key of the recipe.
        job: result of ``request_exclusive`` for the recipe.
        seconds: seconds after which an open job is read again.
        show: called with the finished picture or None, the encoded preview or None, and the
            present state of the job.

    Returns:
        The picture, if it was finished when this run of the page began; else None.
    """
    store = server_state.store()
    stored = store.picture(key, 0)

    def look(now: Sequence[Requested]) -> bool:
        found = stored or store.picture(key, 0)
        show(found, None if found else server_state.jobs().previews(key).get(0), now[0])
        return found is None

    with st.container(key="stage"):
        follow([job], look, poll_interval(job, seconds=seconds), stored is None)
    return stored


def show_status(
    job: Requested,
    doing: Callable[[float], str],
    where: str,
    keep: Callable[[], None],
    tools: Callable[[], None],
) -> None:
    """Show the progress of a picture's job, or buttons if the picture is finished.

    Args:
        job: present state of the job, as ``follow_picture`` passes it to its ``show``.
        doing, where: as in ``show_progress``.
        keep: shows a button that saves the preview; called if the job has stopped.
        tools: shows the buttons of a finished picture.
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
    """Return "Stopped" if a visitor stopped a job; otherwise the message of the job's error."""
    if job.state == "cancelled":
        return "Stopped"
    return formatting.escape_markdown(job.message[:1].upper() + job.message[1:])


@toast_problem()
def _stop(key: str) -> None:
    if server_state.jobs().cancel(key, server_state.visitor()).open:
        st.toast("Somebody else is watching this too, so it goes on.")


@toast_problem()
def _go_on(key: str) -> None:
    job = server_state.jobs().get(key)
    if job is not None:
        job_requests.submit(job.recipe)


# Encoded previews of unfinished pictures, by the recipe's key and the picture's number in it.
Previews = Mapping[tuple[str, int], bytes]


def show_while_running(
    key: str,
    asked: Sequence[Job | str],
    doing: Callable[[float], str] | None,
    show: Callable[[Previews], None],
    stop: bool = True,
    above: bool = False,
) -> None:
    """Show the results and the progress of jobs, and rerun the page when a job has ended.

    Args:
        key: name of the part of the page, for widgets' keys.
        asked: result of ``JobRequests.ask``: jobs, or sentences that say why there is none.
        doing: returns the finished fraction of a job in words; None to show only stopped jobs.
        show: shows the results; called with the previews of those that are unfinished.
        stop: as in ``show_progress``.
        above: whether the progress is above the results, for results that fill the window.
    """

    def look(now: Sequence[Requested]) -> None:
        jobs = [it for it in now if isinstance(it, Job)]
        previews = {job.key: server_state.jobs().previews(job.key) for job in jobs}
        status = st.container(key=f"{key}-status") if above else None
        show({(key, part): it for key, some in previews.items() for part, it in some.items()})
        unfinished = [it for it in jobs if it.state != "done" and (doing or not it.open)]
        refused = [it for it in asked if isinstance(it, str)]
        with status or st.container(key=f"{key}-status"):
            if unfinished:
                show_progress(unfinished[0], doing or percent, key, stop)
            elif refused:
                st.caption(refused[0])

    follow(asked, look, poll_interval(*asked))
