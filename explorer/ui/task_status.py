"""A background task on a page: a button that starts it, its progress, and a button to stop it."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.errors import ExplorerError
from explorer.jobs.ownership import may_change
from explorer.library import background_task
from explorer.text import formatting
from explorer.ui import job_status, server_state
from explorer.ui.link_problems import toast_problem

POLL_SECONDS = 0.5


def show_task(
    key: str, doing: str, label: str, start: Callable[[], None], finished: str = ""
) -> None:
    """Show a button that starts a background task, or the task's progress while it runs.

    The page runs again once the task has ended.

    Args:
        key: key of the task, for ``background_task.latest_task``.
        doing: what the task does, beside its progress: ``Downloading resnet50``.
        label: text of the button.
        start: starts the task.
        finished: what the page says after the task has ended well; "" for nothing.
    """
    before = background_task.latest_task(key)

    def begin() -> None:
        try:
            start()
        except ExplorerError as error:
            st.session_state[f"refused {key}"] = str(error)

    following = before is not None and before.open

    def show(_: Sequence[object]) -> bool:
        now = background_task.latest_task(key)
        running = now is not None and now.open
        with st.container(key=f"task {key}", horizontal=True, vertical_alignment="center"):
            if now is not None and now.open:
                st.progress(now.share, f"{doing}{_time_left(now)}")
                if may_change(server_state.visitor(), now.owner):
                    stop = partial(now.stop, server_state.visitor())
                    st.button("Stop", key=f"stop {key}", on_click=toast_problem()(stop))
            elif running == following:
                if now is not None and (now.problem or finished):
                    st.markdown(formatting.escape_markdown(now.problem or finished))
                if refused := st.session_state.pop(f"refused {key}", ""):
                    st.error(f"This cannot be done: {formatting.escape_markdown(refused)}")
                st.button(label, key=f"start {key}", type="primary", on_click=begin)
        return running

    job_status.follow([], show, POLL_SECONDS if following else None, following)


def _time_left(task: background_task.BackgroundTask) -> str:
    """Return the time that a task still takes, such as ``, about 2 min left``."""
    seconds = task.seconds_left
    return " ..." if seconds is None else f", {formatting.about_seconds(seconds)} left"
