"""Following jobs on a page: the interval between two looks, and when the whole page runs again."""

import pytest

from core.recipes.neuron import NeuronRecipe
from explorer.jobs.job import Job
from explorer.ui import job_status, server_state
from tests.explorer.ui.conftest import Body, Rerun


def submit() -> Job:
    recipe = NeuronRecipe("sketchnet", "0123456789abcdef", 0, "relu1a", (1,), size=16, steps=2)
    return server_state.jobs().submit(recipe, "me")


def test_the_page_runs_again_when_a_job_has_ended(
    looks: list[tuple[Body, float | None]],
) -> None:
    job = submit()
    shown: list[str] = []

    def show(now: list[Job | str | None]) -> None:
        shown.extend(it.state for it in now if isinstance(it, Job))

    job_status.follow([job, None], show, job_status.poll_interval(job, None))
    ((body, interval),) = looks
    assert interval == job_status.POLL_SECONDS
    body()
    server_state.jobs().cancel(job.key)
    with pytest.raises(Rerun):
        body()
    assert shown == ["waiting", "waiting", "cancelled"]


def test_an_open_job_is_watched(looks: list[tuple[Body, float | None]]) -> None:
    job = submit()
    job_status.follow([job], lambda _: None, None)
    # Another visitor's cancel does not stop it.
    assert server_state.jobs().cancel(job.key, "somebody else").open


def test_the_page_runs_again_when_the_state_has_changed(
    looks: list[tuple[Body, float | None]],
) -> None:
    states = iter((False, False, True))
    job_status.follow([], lambda _: next(states), 0.5, False)
    ((body, interval),) = looks
    assert interval == 0.5
    body()
    with pytest.raises(Rerun):
        body()


def test_what_was_refused_is_requested_again_at_the_second_look(
    looks: list[tuple[Body, float | None]],
) -> None:
    refused = "so many jobs wait already"
    job_status.follow([refused], lambda _: None, job_status.poll_interval(refused))
    ((body, interval),) = looks
    assert interval == job_status.RETRY_SECONDS
    with pytest.raises(Rerun):
        body()


def test_a_page_looks_as_often_as_the_quickest_of_its_jobs_needs() -> None:
    job = submit()
    assert job_status.poll_interval() is None
    assert job_status.poll_interval("busy", job, None) == job_status.POLL_SECONDS
    assert job_status.poll_interval("busy", job, seconds=0.25) == 0.25
    assert job_status.poll_interval(server_state.jobs().cancel(job.key)) is None
