"""Requesting jobs on a page: which are asked for again, and what another visitor's leaving does."""

import pytest
import streamlit as st

from core.recipes.neuron import NeuronRecipe
from explorer.jobs import processes
from explorer.jobs.claims import Claims
from explorer.jobs.job import Job
from explorer.jobs.job_queue import SOON_SECONDS
from explorer.jobs.queue_order import ASKED, UNASKED
from explorer.ui import job_requests, job_status, server_state, urls
from tests.explorer.ui.conftest import Body, Rerun


class Visitors:
    """The visitor whose page runs now."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = "anne"
        monkeypatch.setattr(server_state, "visitor", lambda: self.now)


@pytest.fixture
def visitors(monkeypatch: pytest.MonkeyPatch) -> Visitors:
    monkeypatch.setattr(st, "session_state", {})
    return Visitors(monkeypatch)


def recipe(seed: int = 0) -> NeuronRecipe:
    return NeuronRecipe("sketchnet", "0123456789abcdef", seed, "relu1a", (1,), size=16, steps=2)


def request(rank: int = UNASKED) -> Job:
    job = job_requests.request(recipe(), rank)
    assert isinstance(job, Job)
    return job


def age(job: Job, seconds: float) -> None:
    with server_state.store().transaction() as connection:
        older = "UPDATE jobs SET queued = queued - ? WHERE key = ?"
        connection.execute(older, (seconds, job.key))


@pytest.mark.parametrize("rank", [ASKED, UNASKED])
@pytest.mark.parametrize("seconds", [0.0, SOON_SECONDS + 1])
def test_who_comes_after_a_visitor_has_left_finds_it_begun_again(
    visitors: Visitors, rank: int, seconds: float
) -> None:
    job = job_requests.request_exclusive(recipe(), "dream", asked=rank == ASKED)
    assert isinstance(job, Job) and job.open
    age(job, seconds)
    job_requests.request_exclusive(recipe(seed=1), "dream", asked=False)
    left = server_state.jobs().get(job.key)
    assert left is None or left.state == "cancelled"
    visitors.now = "bert"
    assert request(rank).state == "waiting"
    visitors.now = "anne"
    assert request(rank).state == "waiting"


def test_only_what_its_owner_left_soon_goes_to_the_bin(visitors: Visitors) -> None:
    for seconds, binned in ((0.0, True), (SOON_SECONDS + 1, False)):
        job = request(ASKED)
        age(job, seconds)
        server_state.jobs().leave(job.key, "anne")
        left = server_state.jobs().get(job.key)
        assert left is not None and (left.deleted is not None) == binned


def test_what_others_watch_goes_on_when_one_leaves(visitors: Visitors) -> None:
    job = request(ASKED)
    visitors.now = "bert"
    request(ASKED)
    server_state.jobs().leave(job.key, "anne")
    assert request(ASKED).state == "waiting"


def test_who_stopped_it_finds_it_stopped_and_nobody_else_does(visitors: Visitors) -> None:
    key = request(ASKED).key
    server_state.jobs().cancel(key, "anne")
    assert request(ASKED).state == "cancelled"
    visitors.now = "bert"
    assert request(UNASKED).state == "waiting"
    visitors.now = "anne"
    assert request(ASKED).state == "waiting"
    # On the command line it is stopped for everybody.
    server_state.jobs().cancel(key)
    for visitors.now in ("anne", "bert"):
        assert request(ASKED).state == "cancelled"


def test_what_the_end_of_the_server_interrupted_begins_again_if_nobody_asked_for_it(
    visitors: Visitors,
) -> None:
    for rank, state in ((UNASKED, "waiting"), (ASKED, "interrupted")):
        request(rank)
        assert Claims(server_state.store()).claim("dead") is not None
        processes.mark_interrupted(server_state.store())
        assert request(rank).state == state


def test_who_asks_for_what_a_page_only_showed_gets_it_in_the_gallery(visitors: Visitors) -> None:
    request(UNASKED)
    visitors.now = "bert"
    asked = request(ASKED)
    assert (asked.rank, asked.owner) == (ASKED, "bert")


def test_a_failure_is_shown_and_not_repeated(visitors: Visitors) -> None:
    request(UNASKED)
    claims = Claims(server_state.store())
    claim = claims.claim("w")
    assert claim is not None
    claims.fail(claim, "there is not enough memory")
    assert request(ASKED).state == "failed"


def test_all_that_a_view_requests_has_the_time_when_it_was_opened(
    visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    query: dict[str, str] = {}
    times = iter((10.0, 20.0, 30.0, 40.0))
    monkeypatch.setattr(urls.time, "time", lambda: next(times))
    monkeypatch.setattr(st, "query_params", type("Query", (), {"to_dict": lambda _: dict(query)})())
    seen = []
    for page, layer in (("dream", "a"), ("dream", "a"), ("dream", "b"), ("style", "b")):
        query["layer"] = layer
        urls.note_look(page)
        seen.append(urls.looked())
    assert seen == [10.0, 10.0, 20.0, 30.0]


@pytest.mark.parametrize("how", ["dropped", "left"])
def test_a_page_that_was_hidden_asks_again_and_shows_nothing_stopped(
    looks: list[tuple[Body, float | None]], visitors: Visitors, how: str
) -> None:
    job = request(ASKED if how == "left" else UNASKED)
    shown: list[object] = []
    job_status.follow([job], shown.append, 0.5)
    with server_state.store().transaction() as connection:
        connection.execute("DELETE FROM watchers")  # The tab is hidden, its visitor does not watch.
    if how == "left":
        server_state.jobs().leave(job.key, "anne")
    else:
        Claims(server_state.store()).drop_unwatched()
    ((body, _),) = looks
    with pytest.raises(Rerun):
        body()
    assert len(shown) == 1
    assert request().state == "waiting"


def test_all_jobs_of_a_page_are_read_at_once(
    looks: list[tuple[Body, float | None]],
    visitors: Visitors,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = [job_requests.request(recipe(seed), UNASKED) for seed in range(5)]
    reads: list[list[str]] = []
    read = type(server_state.jobs()).get_all

    def count(queue: object, keys: list[str]) -> dict[str, Job]:
        reads.append(keys)
        return read(queue, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(type(server_state.jobs()), "get_all", count)
    job_status.follow(jobs, lambda _: None, 0.5)
    assert [len(keys) for keys in reads] == [5]
