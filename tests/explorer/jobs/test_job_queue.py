"""Tests of jobs and claims with a fake clock: joining, results, turns, cancelling, dead workers."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import ExplorerError
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import BATCH, NeuronRecipe
from explorer.jobs import job_queue as queue
from explorer.jobs.claims import Claim, Claims
from explorer.jobs.job_queue import Jobs, QueueFull
from explorer.jobs.queue_order import ASKED, UNASKED, Decision
from explorer.jobs.worker import gather_inputs
from explorer.store.results import Store, StoredPicture
from tests.conftest import Clock
from tests.explorer.workers import alive

PNG = "ab" * 16  # the fingerprint of a picture


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "a.sqlite3", shipped=())
    with alive(store, "w", "v", "a", "b"):
        yield store
    store.close()


@pytest.fixture
def jobs(store: Store, clock: Clock) -> Jobs:
    return Jobs(store, clock)


@pytest.fixture
def claims(store: Store, clock: Clock) -> Claims:
    return Claims(store, clock)


def recipe(parts: int = 1, seed: int = 0) -> NeuronRecipe:
    """Return a recipe with some number of parts, each with a full batch of units."""
    units = tuple(range(parts * BATCH))
    return NeuronRecipe("tiny", "0123456789abcdef", seed, layer="3", units=units, size=16, steps=2)


def pictures(part: NeuronRecipe) -> list[StoredPicture]:
    return [StoredPicture(unit, b"\x89PNG", {"activation": 1.0}) for unit in part.units]


def finish(claims: Claims, claim: Claim | None, seconds: float = 1.0) -> None:
    assert claim is not None and isinstance(claim.recipe, NeuronRecipe)
    claims.finish(claim, pictures(claim.recipe), seconds)


def work_off(claims: Claims) -> list[str]:
    """Finish all parts, and return the jobs in the order in which their parts were claimed."""
    order = []
    while (claim := claims.claim("w")) is not None:
        order.append(claim.job)
        finish(claims, claim)
    return order


def test_a_job_from_asking_to_the_last_part(jobs: Jobs, claims: Claims, clock: Clock) -> None:
    asked = recipe(parts=2)
    job = jobs.submit(asked, "me")
    assert (job.state, job.fraction, job.seconds_left) == ("waiting", 0.0, None)
    first = claims.claim("w")
    assert first is not None and first.recipe == asked.parts()[0]
    clock.now += 10
    assert jobs.history(asked.key) == ""
    claims.report(first, 50, 100, {3: b"half"}, "{}")
    job = jobs.get(asked.key)
    assert job is not None
    # Half of one of the two parts took 10 seconds, so the other three halves take 30.
    assert (job.state, job.fraction, job.seconds_left) == ("running", 0.25, 30.0)
    assert (jobs.previews(asked.key), jobs.history(asked.key)) == ({3: b"half"}, "{}")
    clock.now += 10
    finish(claims, first)
    job = jobs.get(asked.key)
    assert job is not None
    assert (job.state, job.fraction, job.spent) == ("waiting", 0.5, 20.0)
    assert (jobs.previews(asked.key), jobs.history(asked.key)) == ({}, "")
    assert set(jobs.store.pictures(asked)) == set(range(BATCH))
    finish(claims, claims.claim("w"))
    job = jobs.get(asked.key)
    assert job is not None and (job.state, job.fraction, job.ended) == ("done", 1.0, clock.now)
    assert claims.claim("w") is None
    assert set(jobs.store.pictures(asked)) == set(range(2 * BATCH))


def test_an_equal_recipe_joins_and_is_answered(jobs: Jobs, claims: Claims, clock: Clock) -> None:
    first = jobs.submit(recipe(), "me")
    clock.now += 5
    second = jobs.submit(recipe(), "you")
    assert (second.key, second.queued) == (first.key, first.queued)
    assert work_off(claims) == [first.key]
    ended = clock.now
    clock.now += 5
    answered = jobs.submit(recipe(), "you")
    assert (answered.state, answered.ended) == ("done", ended)
    assert claims.claim("w") is None
    assert jobs.submit(recipe(), "me", fresh=True).state == "waiting"
    assert work_off(claims) == [first.key]


def test_what_parts_share_is_made_once(jobs: Jobs, claims: Claims) -> None:
    large, small = recipe(parts=2), recipe(parts=1)
    assert large.parts()[0] == small
    jobs.submit(small)
    jobs.submit(large)
    claim = claims.claim("w")
    assert claim is not None and claim.job == small.key
    other = claims.claim("v")
    assert other is not None and other.recipe == large.parts()[1]
    finish(claims, other)
    finish(claims, claim)
    assert [it.state for it in jobs.select("ORDER BY queued")] == ["done", "done"]


def test_a_result_that_is_there_already_counts(jobs: Jobs, claims: Claims) -> None:
    large = recipe(parts=3)
    jobs.store.put(large.parts()[1], pictures(large.parts()[1]), 1.0)
    job = jobs.submit(large)
    assert job.fraction == pytest.approx(1 / 3)
    assert len(work_off(claims)) == 2
    jobs.store.put(recipe(seed=9), pictures(recipe()), 1.0)
    assert jobs.submit(recipe(seed=9)).state == "done"


def film(frames: int, seed: int = 0) -> DreamRecipe:
    return DreamRecipe("tiny", "0123456789abcdef", seed, layers=("3",), image=PNG, frames=frames)


def test_frames_are_made_one_after_the_other(jobs: Jobs, claims: Claims) -> None:
    jobs.store.put_input(PNG, b"picture")
    asked = film(3)
    jobs.submit(asked)
    parts = asked.parts()
    for number, part in enumerate(parts):
        claim = claims.claim("w")
        assert claim is not None and claim.recipe == part
        assert claims.claim("v") is None  # the next frame needs this one
        given = gather_inputs(jobs.store, part)
        before = {parts[number - 1].key: b"frame %d" % (number - 1)} if number else {}
        assert given == {PNG: b"picture", **before}
        claims.finish(claim, [StoredPicture(number, b"frame %d" % number, {})], 1.0)
    done = jobs.get(asked.key)
    assert done is not None and done.state == "done"


def test_frames_that_are_there_are_kept(jobs: Jobs, claims: Claims) -> None:
    jobs.store.put_input(PNG, b"picture")
    asked = film(3)
    jobs.submit(asked)
    claim = claims.claim("w")
    assert claim is not None
    claims.finish(claim, [StoredPicture(0, b"frame 0", {})], 1.0)
    assert claims.claim("w") is not None
    jobs.cancel(asked.key)
    claims.release_dead(["w"])
    assert set(jobs.store.pictures(asked)) == {0}
    jobs.resume(asked.key)
    again = claims.claim("w")
    assert again is not None and again.recipe == asked.parts()[1]
    # The frames of another film can be claimed meanwhile.
    jobs.submit(film(2, seed=1))
    other = claims.claim("v")
    assert other is not None and other.recipe == film(2, seed=1).parts()[0]


def test_visitors_take_turns_part_by_part(jobs: Jobs, claims: Claims, clock: Clock) -> None:
    long, short, other = recipe(4, seed=1), recipe(1, seed=2), recipe(2, seed=3)
    opened = clock.now
    jobs.submit(long, "greedy", looked=opened)
    clock.now += 1
    jobs.submit(other, "greedy", looked=opened)
    order = []
    for step in range(7):
        clock.now += 1
        if step == 1:
            jobs.submit(short, "late")
        claim = claims.claim("w")
        assert claim is not None
        order.append(claim.job)
        finish(claims, claim)
    # Visitors whose jobs were never claimed come first; of one page's jobs, the oldest.
    assert order == [long.key, short.key, *[long.key] * 3, *[other.key] * 2]


def test_two_long_jobs_alternate(jobs: Jobs, claims: Claims, clock: Clock) -> None:
    a, b = recipe(3, seed=1), recipe(3, seed=2)
    jobs.submit(a, "a")
    jobs.submit(b, "b")
    order = []
    for _ in range(6):
        clock.now += 1
        claim = claims.claim("w")
        assert claim is not None
        order.append(claim.job)
        finish(claims, claim)
    assert order == [a.key, b.key] * 3


def test_what_nobody_asked_for_gives_way(jobs: Jobs, claims: Claims) -> None:
    filling, asked = recipe(2, seed=1), recipe(1, seed=2)
    jobs.submit(filling, "me", UNASKED)
    claim = claims.claim("w")
    assert claim is not None and claims.decide(claim) is Decision.CONTINUE
    jobs.submit(asked, "me", ASKED)
    assert claims.decide(claim) is Decision.RELEASE
    claims.release(claim)
    assert work_off(claims) == [asked.key, filling.key, filling.key]
    # A later submission with a smaller rank lowers the rank of the job.
    jobs.submit(recipe(seed=3), "me", UNASKED)
    assert jobs.submit(recipe(seed=3), "you", ASKED).rank == ASKED


def test_a_cancelled_job_keeps_what_is_there(jobs: Jobs, claims: Claims) -> None:
    asked = recipe(parts=3)
    jobs.submit(asked, "me")
    finish(claims, claims.claim("w"))
    claim = claims.claim("w")
    assert claim is not None and claims.decide(claim) is Decision.CONTINUE
    claims.report(claim, 1, 2, {BATCH: b"half"})
    assert jobs.cancel(asked.key, "me").state == "cancelled"
    assert claims.decide(claim) is Decision.RELEASE
    assert claims.claiming_workers() == [("w", False)]
    claims.release(claim)
    assert claims.claim("w") is None
    assert set(jobs.store.pictures(asked)) == set(range(BATCH))
    assert jobs.previews(asked.key) == {BATCH: b"half"}
    assert jobs.submit(recipe(seed=1)).before == 0
    assert jobs.resume(asked.key).state == "waiting"
    assert sorted(work_off(claims)) == sorted([asked.key, asked.key, recipe(seed=1).key])


def test_a_job_that_others_watch_goes_on(jobs: Jobs, clock: Clock) -> None:
    key = jobs.submit(recipe(), "me").key
    jobs.submit(recipe(), "you")
    assert jobs.cancel(key, "me").state == "waiting"
    assert jobs.cancel(key, "you").state == "cancelled"
    jobs.resume(key, "me")
    jobs.watch(key, "you")
    clock.now += queue.WATCHING_SECONDS + 1
    assert jobs.cancel(key, "me").state == "cancelled"  # "you" has not watched it for long
    jobs.resume(key, "me")
    jobs.watch(key, "you")
    assert jobs.cancel(key).state == "cancelled"  # for everybody
    with pytest.raises(ExplorerError, match="no job"):
        jobs.cancel("ffff", "me")


def test_what_only_filled_a_page_is_forgotten_when_its_visitor_leaves(
    jobs: Jobs, claims: Claims, clock: Clock
) -> None:
    asked = jobs.submit(recipe(1, seed=1), "me").key
    watched = jobs.submit(recipe(1, seed=2), "me", UNASKED).key
    jobs.watch(watched, "you")
    begun = jobs.submit(recipe(1, seed=3), "me", UNASKED).key
    assert claims.claim("w", begun) is not None
    left = jobs.submit(recipe(1, seed=4), "me", UNASKED).key
    jobs.withdraw([asked, watched, begun, left], "me")
    assert {job.key for job in jobs.open()} == {asked, watched, begun}
    clock.now += queue.WATCHING_SECONDS + 1
    jobs.withdraw([watched], "me")
    assert {job.key for job in jobs.open()} == {asked, begun}
    assert jobs.submit(recipe(1, seed=4), "me", UNASKED).state == "waiting"


def test_a_shared_part_goes_on_for_the_job_that_still_wants_it(jobs: Jobs, claims: Claims) -> None:
    jobs.submit(recipe(1), "me")
    jobs.submit(recipe(2), "you")
    claim = claims.claim("w")
    assert claim is not None and claim.job == recipe(1).key
    jobs.cancel(recipe(1).key)
    assert claims.decide(claim) is Decision.CONTINUE
    jobs.cancel(recipe(2).key)
    assert claims.decide(claim) is Decision.RELEASE


def test_a_failure_ends_its_job_and_no_other(jobs: Jobs, claims: Claims) -> None:
    jobs.submit(recipe(2, seed=1), "me")
    jobs.submit(recipe(1, seed=2), "you")
    claim = claims.claim("w")
    assert claim is not None
    claims.fail(claim, "there is no layer '3'")
    failed = jobs.get(claim.job)
    assert failed is not None
    assert (failed.state, failed.message) == ("failed", "there is no layer '3'")
    assert work_off(claims) == [recipe(1, seed=2).key]
    assert jobs.resume(failed.key).message == ""


def test_a_recipe_of_an_older_version_stops_nothing_else(jobs: Jobs, claims: Claims) -> None:
    old = jobs.submit(recipe(1, seed=1), "me")
    jobs.submit(recipe(1, seed=2), "you")
    with jobs.store.transaction() as connection:
        aged = old.json.replace(f'"version":{old.recipe.version}', '"version":1')
        connection.execute("UPDATE jobs SET recipe = ? WHERE key = ?", (aged, old.key))
    assert claims.claim("w") is None
    failed = jobs.get(old.key)
    assert failed is not None and failed.state == "failed" and "has version 1" in failed.message
    assert work_off(claims) == [recipe(1, seed=2).key]


def test_a_lost_worker_ends_what_it_was_at(jobs: Jobs, claims: Claims) -> None:
    keys = [jobs.submit(recipe(2, seed=seed)).key for seed in range(3)]
    lost = [claims.claim(worker) for worker in ("a", "b")]
    claims.release_dead(["a"], "interrupted", "closed")
    claims.release_dead(["b"])
    states = {it.key: (it.state, it.message) for it in jobs.select("")}
    assert lost[0] is not None and lost[1] is not None
    assert states[lost[0].job] == ("interrupted", "closed")
    assert claims.claiming_workers() == []
    assert [states[key][0] for key in keys].count("waiting") == 2
    # Reports of a worker whose claim was deleted are ignored.
    claims.report(lost[0], 9, 10, {0: b"late"})
    assert jobs.previews(lost[0].job) == {}
    assert claims.decide(lost[0]) is Decision.RELEASE


def test_a_long_queue_says_busy(jobs: Jobs, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "OPEN_AT_MOST", 3)
    for seed in range(3):
        clock.now += 1
        assert jobs.submit(recipe(seed=seed), f"v{seed}").before == seed
    with pytest.raises(QueueFull, match="busy: 3 jobs wait already"):
        jobs.submit(recipe(seed=3), "v3")
    assert jobs.get(recipe(seed=3).key) is None
    assert jobs.submit(recipe(seed=1), "v3").before == 1  # joining is allowed


def test_a_job_is_found_by_its_first_digits(jobs: Jobs) -> None:
    job = jobs.submit(recipe())
    assert jobs.find(job.id).key == job.key
    assert jobs.find(job.key).key == job.key
    for wrong in ("", "zz", "%"):
        with pytest.raises(ExplorerError, match="there is no job"):
            jobs.find(wrong)
    others = [jobs.submit(recipe(seed=seed)).key for seed in range(1, 18)]
    digit = max("0123456789abcdef", key=lambda it: sum(key[0] == it for key in others))
    with pytest.raises(ExplorerError, match="write more digits"):
        jobs.find(digit)


def test_inputs_must_be_in_the_store(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NeuronRecipe, "inputs", property(lambda self: ("ab" * 16,)))
    with pytest.raises(ExplorerError, match="starts from is not here"):
        jobs.submit(recipe())
    jobs.store.put_input("ab" * 16, b"\x89PNG")
    assert jobs.submit(recipe()).state == "waiting"


def test_many_workers_never_claim_the_same_part(store: Store, jobs: Jobs) -> None:
    for seed in range(6):
        jobs.submit(recipe(5, seed=seed), f"visitor {seed % 3}")
    claimed: list[str] = []

    def work(name: str) -> None:
        claims = Claims(store)
        while (claim := claims.claim(name)) is not None:
            claimed.append(claim.recipe.key)
            finish(claims, claim)
        store.close()

    threads = [threading.Thread(target=work, args=(f"w{it}",)) for it in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 30
    assert {it.state for it in jobs.select("")} == {"done"}


def test_a_store_of_the_first_version_gets_its_queue(tmp_path: Path) -> None:
    old = Store(tmp_path / "old.sqlite3", shipped=())
    old.put(recipe(), pictures(recipe()), 1.0)
    old.close()
    with sqlite3.connect(old.path) as connection:
        tables = [
            "jobs",
            "parts",
            "claims",
            "sketches",
            "watchers",
            "turns",
            "inputs",
            "checkpoints",
            "checkpoint_owners",
        ]
        for table in tables:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    new = Store(old.path, shipped=())
    assert Jobs(new).submit(recipe()).state == "done"
    new.close()
