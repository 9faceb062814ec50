"""The order of the queue, against a slow reference in Python, and what it means for visitors."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.recipes.neuron import BATCH, NeuronRecipe
from explorer.jobs.claims import Claim, Claims
from explorer.jobs.job_queue import Jobs
from explorer.jobs.queue_order import (
    ASKED,
    PARTS_AT_MOST,
    SHORT_TURN_SECONDS,
    TURN_SECONDS,
    UNASKED,
    UNSERVED_SECONDS,
    WATCHING_SECONDS,
    Decision,
    has_room,
)
from explorer.store.results import Store
from tests.conftest import Clock
from tests.explorer.workers import alive

TABLES = ("jobs", "parts", "claims", "watchers", "turns", "results", "sketches")


def recipe(seed: int, parts: int = 1) -> NeuronRecipe:
    units = tuple(range(parts * BATCH))
    return NeuronRecipe("tiny", "0123456789abcdef", seed, layer="3", units=units, size=16, steps=2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("order") / "a.sqlite3", shipped=())
    with alive(store, "w", "v"):
        yield store
    store.close()


@pytest.fixture
def queue(store: Store, clock: Clock) -> "Queue":
    return Queue(store, clock)


class Queue:
    """An empty job queue with a clock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        with store.transaction() as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")
        self.clock, self.jobs, self.claims = clock, Jobs(store, clock), Claims(store, clock)

    def claim(self, worker: str = "w") -> Claim | None:
        self.clock.now += 0.001
        return self.claims.claim(worker)

    def work(self) -> str | None:
        """Finish the next part, and return the key of its job; None if nothing can be claimed."""
        claim = self.claim()
        if claim is None:
            return None
        self.claims.finish(claim, [], 1.0)
        return claim.job

    def work_off(self) -> list[str]:
        """Finish all parts, and return the jobs in the order in which they were begun."""
        begun: dict[str, None] = {}
        while (key := self.work()) is not None:
            begun[key] = None
        return list(begun)

    def before(self) -> dict[str, int]:
        return {it.key: it.before for it in self.jobs.open() if it.state == "waiting"}


@dataclass
class SlowJob:
    """A job of the reference: what the queue stores of it, in plain Python."""

    key: str
    visitor: str
    rank: int
    queued: float
    parts: list[str]
    looks: dict[str, tuple[float, float]] = field(default_factory=dict)


class SlowQueue:
    """The rules of ``explorer.jobs.queue_order``, written down once more without SQL."""

    def __init__(self) -> None:
        self.jobs: dict[str, SlowJob] = {}
        self.served: dict[str, float] = {}
        self.finished: set[str] = set()
        self.claimed: set[str] = set()

    def left(self, job: SlowJob) -> list[str]:
        return [it for it in job.parts if it not in self.finished]

    def submit(self, asked: NeuronRecipe, visitor: str, rank: int, now: float) -> None:
        self.jobs = {key: it for key, it in self.jobs.items() if self.is_served(it, now)}
        job = self.jobs.get(asked.key)
        if job is not None and self.left(job):
            if rank < job.rank:
                job.visitor, job.rank = visitor, rank
        else:
            parts = [part.key for part in asked.parts()]
            self.jobs[asked.key] = SlowJob(asked.key, visitor, rank, now, parts)
        self.look(asked.key, visitor, now, now)

    def look(self, key: str, visitor: str, now: float, looked: float) -> None:
        job = self.jobs.get(key)
        if job is not None and self.left(job):
            if visitor in self.watchers(job, now):
                looked = max(looked, job.looks[visitor][1])
            job.looks[visitor] = now, looked

    def watchers(self, job: SlowJob, now: float) -> list[str]:
        return [it for it, (seen, _) in job.looks.items() if now - seen < WATCHING_SECONDS]

    def is_served(self, job: SlowJob, now: float) -> bool:
        busy = any(part in self.claimed for part in self.left(job))
        return job.rank == ASKED or bool(self.watchers(job, now)) or busy

    def next_part(self, now: float) -> tuple[str, str, str] | None:
        """Return job, part and visitor of the part that comes next."""
        rows = []
        for job in self.jobs.values():
            watchers = self.watchers(job, now)
            if self.left(job) and (watchers or job.rank == ASKED):
                rows += [(job, it, job.looks[it][1]) for it in watchers]
                rows += [] if watchers else [(job, job.visitor, None)]
        best = None
        for job, visitor, looked in rows:
            served = self.served.get(visitor, 0.0)
            arrived = min(other.queued for other, who, _ in rows if who == visitor)
            waited = now - max(served, job.queued)
            later = looked is None and waited <= UNSERVED_SECONDS
            newest = -looked if looked is not None else 0.0
            place = (later, served, arrived, visitor, newest, job.rank, job.queued)
            free = [it for it in self.left(job) if it not in self.claimed]
            if free and (best is None or place < best[0]):
                best = place, (job.key, free[0], visitor)
        return None if best is None else best[1]


SEEDS, VISITORS = st.integers(0, 4), st.sampled_from(("anne", "bert", "carl"))
# No sum of some of these is about 10 or 30 s: nothing ends while the queue is worked off.
PAUSES = st.sampled_from((1.01, 2.53, 7.07, 23.19))
SUBMIT = st.tuples(
    st.just("submit"), PAUSES, SEEDS, VISITORS, st.integers(1, 3), st.sampled_from((0, 1))
)
LOOK = st.tuples(st.just("look"), PAUSES, SEEDS, VISITORS, st.integers(1, 3), st.just(0))
WORK = st.tuples(st.just("work"), PAUSES, SEEDS, VISITORS, st.just(1), st.just(0))


@given(st.lists(SUBMIT | LOOK | WORK, max_size=25), st.booleans())
@settings(deadline=None, max_examples=50)
def test_the_order_is_that_of_the_reference(
    store: Store, steps: list[tuple[str, float, int, str, int, int]], busy: bool
) -> None:
    clock = Clock()
    queue, slow = Queue(store, clock), SlowQueue()
    for what, pause, seed, visitor, parts, rank in steps:
        clock.now += pause
        asked = recipe(seed, parts)
        if what == "submit":
            queue.jobs.submit(asked, visitor, rank)
            slow.submit(asked, visitor, rank, clock.now)
        elif what == "look":
            queue.jobs.watch(asked.key, visitor, clock.now)
            slow.look(asked.key, visitor, clock.now, clock.now)
        else:
            expected = slow.next_part(clock.now + 0.001)
            found = queue.work()
            assert found == (None if expected is None else expected[0])
            if expected is not None:
                slow.served[expected[2]] = clock.now
                slow.finished.add(expected[1])
    running = queue.claim("v") if busy else None
    if running is not None:
        expected = slow.next_part(clock.now)
        assert expected is not None and running.recipe.key == expected[1]
        slow.served[expected[2]] = clock.now
        slow.claimed.add(expected[1])
    before = queue.before()
    parts_left = [part for job in slow.jobs.values() for part in slow.left(job)]
    shared = len(parts_left) > len(set(parts_left))
    begun = {
        job.key: None
        for job in slow.jobs.values()
        if running is not None and running.recipe.key in slow.left(job)
    }
    while (claim := queue.claim()) is not None:
        expected = slow.next_part(clock.now)
        assert expected is not None and (claim.job, claim.recipe.key) == expected[:2]
        slow.served[expected[2]] = clock.now
        slow.finished.add(expected[1])
        queue.claims.finish(claim, [], 1.0)
        if claim.job not in begun:
            # "N before you" counts exactly the jobs that were begun before. Where jobs share parts,
            # one is finished in the turns of others, and the number is an estimate.
            assert shared or before[claim.job] == len(begun)
            begun[claim.job] = None
    assert slow.next_part(clock.now) is None


def test_what_was_opened_last_comes_first(queue: Queue) -> None:
    first, second, third = (recipe(seed, 2) for seed in range(3))
    for asked in (first, second, third):
        queue.clock.now += 1
        queue.jobs.submit(asked, "me")
    queue.jobs.watch(second.key, "me", queue.clock.now + 1)
    assert [it.key for it in queue.jobs.open()] == [second.key, third.key, first.key]
    assert queue.work_off() == [second.key, third.key, first.key]


def test_what_one_page_shows_comes_in_its_order(queue: Queue) -> None:
    looked = queue.clock.now
    filling = [recipe(seed) for seed in range(3)]
    for it in filling:
        queue.clock.now += 1
        queue.jobs.submit(it, "me", UNASKED, looked=looked)
    chosen = recipe(9)
    queue.clock.now += 1
    queue.jobs.submit(chosen, "me", ASKED, looked=looked)
    assert queue.work_off() == [it.key for it in (chosen, *filling)]


def test_what_somebody_watches_comes_before_what_was_only_asked_for(queue: Queue) -> None:
    asked, shown = recipe(1, 2), recipe(2, 2)
    queue.jobs.submit(asked, "anne")
    queue.clock.now += WATCHING_SECONDS + 1
    queue.jobs.submit(shown, "bert", UNASKED)
    assert queue.before() == {shown.key: 0, asked.key: 1}
    assert queue.work_off() == [shown.key, asked.key]


def test_a_job_that_nobody_asked_for_or_watches_gives_way_in_the_middle(queue: Queue) -> None:
    shown = recipe(1, 2)
    queue.jobs.submit(shown, "me", UNASKED)
    claim = queue.claim()
    assert claim is not None
    queue.claims.report(claim, 1, 10, {0: b"half"})
    queue.clock.now += WATCHING_SECONDS / 2
    assert queue.claims.decide(claim) is Decision.CONTINUE
    queue.clock.now += WATCHING_SECONDS / 2
    assert queue.claims.decide(claim) is Decision.RELEASE
    # While the worker is at it, it stays, so that its worker is not killed.
    queue.claims.drop_unwatched()
    assert queue.claims.claiming_workers() == [("w", True)]
    queue.claims.release(claim)
    assert queue.claim() is None
    queue.claims.drop_unwatched()
    assert queue.jobs.get(shown.key) is None
    assert queue.jobs.submit(shown, "me", UNASKED).state == "waiting"
    assert queue.jobs.previews(shown.key) == {}


def test_what_is_finished_of_a_dropped_job_is_kept(queue: Queue) -> None:
    shown = recipe(1, 2)
    queue.jobs.submit(shown, "me", UNASKED)
    queue.work()
    queue.clock.now += WATCHING_SECONDS + 1
    queue.claims.drop_unwatched()
    dropped = queue.jobs.get(shown.key)
    assert dropped is not None and (dropped.state, dropped.fraction) == ("cancelled", 0.5)
    assert not dropped.stopped_for("me")
    again = queue.jobs.submit(shown, "me", UNASKED)
    assert (again.state, again.fraction) == ("waiting", 0.5)


def test_what_is_asked_for_is_never_dropped(queue: Queue) -> None:
    asked = recipe(1)
    queue.jobs.submit(asked, "me", UNASKED)
    queue.jobs.submit(asked, "you", ASKED)
    claim = queue.claim()
    queue.clock.now += 1000
    assert claim is not None and queue.claims.decide(claim) is Decision.CONTINUE
    queue.claims.release(claim)
    queue.claims.drop_unwatched()
    assert queue.work() == asked.key


def test_a_dropped_job_makes_room(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.jobs.job_queue.OPEN_AT_MOST", 2)
    for seed in range(2):
        queue.jobs.submit(recipe(seed), "me", UNASKED)
    queue.clock.now += WATCHING_SECONDS + 1
    assert queue.jobs.submit(recipe(2), "you").state == "waiting"


def test_what_a_page_shows_gives_way_to_what_its_visitor_opened_later(queue: Queue) -> None:
    shown, later = recipe(1, 2), recipe(2)
    queue.jobs.submit(shown, "me", UNASKED)
    claim = queue.claim()
    assert claim is not None
    queue.clock.now += 1
    queue.jobs.submit(later, "me", UNASKED)
    assert queue.claims.decide(claim) is Decision.RELEASE
    # For somebody else who watches it too, nothing else comes first.
    queue.jobs.watch(shown.key, "you")
    assert queue.claims.decide(claim) is Decision.CONTINUE


def test_a_part_that_nobody_watches_pauses_for_anything_that_is_watched(queue: Queue) -> None:
    asked, shown = recipe(1), recipe(2)
    queue.jobs.submit(asked, "anne")
    claim = queue.claim()
    assert claim is not None
    queue.clock.now += WATCHING_SECONDS + 1
    assert queue.claims.decide(claim, TURN_SECONDS) is Decision.CONTINUE
    for visitor in ("anne", "bert"):
        queue.jobs.submit(shown, visitor, UNASKED)
        assert queue.claims.decide(claim) is Decision.PAUSE
        queue.clock.now += WATCHING_SECONDS + 1
        queue.claims.drop_unwatched()
        assert queue.claims.decide(claim) is Decision.CONTINUE


def test_a_part_pauses_for_what_its_visitor_opened_later(queue: Queue) -> None:
    dream, page = recipe(1), recipe(2)
    queue.jobs.submit(dream, "anne")
    claim = queue.claim()
    assert claim is not None
    queue.jobs.submit(recipe(3), "anne", UNASKED, looked=queue.clock.now - 1)
    assert queue.claims.decide(claim, TURN_SECONDS) is Decision.CONTINUE
    queue.clock.now += 1
    queue.jobs.submit(page, "anne", UNASKED)
    assert queue.claims.decide(claim) is Decision.PAUSE
    # Bert has opened nothing else.
    queue.jobs.watch(dream.key, "bert")
    assert queue.claims.decide(claim) is Decision.CONTINUE


def test_at_the_end_of_a_turn_another_visitor_comes_first(queue: Queue) -> None:
    asked, other = recipe(1, 2), recipe(2)
    queue.jobs.submit(asked, "anne")
    claim = queue.claim()
    assert claim is not None
    assert queue.claims.decide(claim, TURN_SECONDS) is Decision.CONTINUE
    queue.jobs.submit(other, "bert", UNASKED)
    assert queue.claims.decide(claim) is Decision.CONTINUE
    assert queue.claims.decide(claim, TURN_SECONDS) is Decision.PAUSE
    queue.clock.now += WATCHING_SECONDS + 1
    queue.jobs.watch(asked.key, "anne")
    # Nobody watches the other one any more.
    assert queue.claims.decide(claim, TURN_SECONDS) is Decision.CONTINUE


def test_a_turn_is_short_if_somebody_else_has_nothing_to_see_yet(queue: Queue) -> None:
    asked, other = recipe(1), recipe(2, 2)
    queue.jobs.submit(asked, "anne")
    claim = queue.claim()
    assert claim is not None
    queue.jobs.submit(other, "bert", UNASKED)
    assert queue.claims.decide(claim, SHORT_TURN_SECONDS / 2) is Decision.CONTINUE
    assert queue.claims.decide(claim, SHORT_TURN_SECONDS) is Decision.PAUSE
    queue.claims.pause(claim)
    assert queue.work() == other.key
    # Bert had his turn just now, and one of his pictures is there.
    assert queue.claim() == claim
    assert queue.claims.decide(claim, SHORT_TURN_SECONDS) is Decision.CONTINUE
    queue.clock.now += TURN_SECONDS
    assert queue.claims.decide(claim, SHORT_TURN_SECONDS) is Decision.CONTINUE
    assert queue.claims.decide(claim, TURN_SECONDS) is Decision.PAUSE
    # A job that has not begun hurries again.
    queue.jobs.submit(recipe(3), "bert")
    assert queue.claims.decide(claim, SHORT_TURN_SECONDS) is Decision.PAUSE


def test_a_part_does_not_pause_for_what_its_other_visitors_need_less(queue: Queue) -> None:
    shown, example = recipe(1), recipe(2)
    for visitor in ("anne", "bert"):
        queue.jobs.submit(shown, visitor, UNASKED, looked=queue.clock.now)
        queue.jobs.submit(example, visitor, UNASKED, looked=queue.clock.now)
    claim = queue.claim()
    assert claim is not None and claim.job == shown.key
    queue.clock.now += TURN_SECONDS
    # It is Bert's turn, and what comes first for him is the same.
    assert queue.claims.decide(claim, TURN_SECONDS) is Decision.CONTINUE
    assert queue.claim() == claim


def test_a_worker_without_room_goes_on_with_what_it_has_paused(queue: Queue) -> None:
    first, second = recipe(1), recipe(2)
    queue.jobs.submit(first, "anne")
    claim = queue.claim()
    assert claim is not None
    queue.jobs.submit(second, "bert")
    assert queue.claims.decide(claim, TURN_SECONDS) is Decision.PAUSE
    assert queue.claims.decide(claim, TURN_SECONDS, room=False) is Decision.CONTINUE
    queue.clock.now += 0.001
    assert queue.claims.claim("w", room=False) == claim
    assert queue.claims.claim("v", room=False) is None
    assert queue.claim("v") == Claim(second.key, second, "v")


def test_how_many_parts_a_worker_is_at() -> None:
    small = recipe(1)
    large = replace(small, units=(1,), size=1024)
    assert has_room([]) and has_room([large]) and has_room([small] * (PARTS_AT_MOST - 1))
    assert not has_room([small] * PARTS_AT_MOST)
    # Two of 1024 px take as much memory as a worker may have.
    assert not has_room([large, small])


def test_a_paused_job_waits_and_its_pause_is_not_counted(queue: Queue) -> None:
    asked, shown = recipe(1), recipe(2)
    queue.jobs.submit(asked, "anne")
    paused = queue.claim()
    assert paused is not None
    queue.claims.report(paused, 1, 2)
    queue.clock.now += 20
    queue.jobs.submit(shown, "bert", UNASKED)
    queue.claims.pause(paused)
    other = queue.claim()
    assert other is not None and other.job == shown.key
    queue.clock.now += 7
    queue.jobs.watch(shown.key, "bert")
    job = queue.jobs.get(asked.key)
    assert job is not None and (job.state, job.before, job.fraction) == ("waiting", 1, 0.5)
    assert job.seconds_left == pytest.approx(20, abs=0.1)
    queue.claims.finish(other, [], 1.0)
    assert queue.claim() == paused
    queue.clock.now += 4
    job = queue.jobs.get(asked.key)
    assert job is not None and job.state == "running"
    assert job.seconds_left == pytest.approx(24, abs=0.1)
    queue.claims.finish(paused, [], 1.0)
    job = queue.jobs.get(asked.key)
    assert job is not None and job.spent == pytest.approx(24, abs=0.1)


def test_if_a_worker_dies_its_paused_job_stays_open(queue: Queue) -> None:
    asked, shown = recipe(1), recipe(2)
    queue.jobs.submit(asked, "anne")
    assert queue.claim() is not None
    queue.jobs.submit(shown, "bert", UNASKED)
    assert queue.claim() is not None
    queue.claims.release_dead(["w"], "failed", "the worker was killed")
    states = [queue.jobs.get(it.key) for it in (asked, shown)]
    assert [it.state for it in states if it is not None] == ["waiting", "failed"]
    assert queue.claims.claiming_workers() == []


def test_a_job_that_two_visitors_watch_comes_in_the_turn_of_each(queue: Queue) -> None:
    shared, own = recipe(1, 4), recipe(2, 2)
    queue.jobs.submit(shared, "anne")
    queue.clock.now += 1
    queue.jobs.submit(own, "bert")
    order = [queue.work() for _ in range(2)]
    assert order == [shared.key, own.key]
    queue.clock.now += 1
    queue.jobs.watch(shared.key, "bert")
    # Bert opened it last, so his turn goes to it as well.
    assert [queue.work() for _ in range(4)] == [shared.key, shared.key, shared.key, own.key]


def test_a_background_job_is_not_starved(queue: Queue) -> None:
    queue.jobs.submit(recipe(0, 3), "bert")
    waits, waited = [], 0.0
    for seed in range(1, 40):
        queue.clock.now += 5
        waited += 5
        queue.jobs.submit(recipe(seed), "anne")
        if queue.work() == recipe(0, 3).key:
            waits.append(waited)
            waited = 0.0
    # The first part comes at once: Bert watches until then.
    assert len(waits) == 3
    assert all(UNSERVED_SECONDS <= it <= UNSERVED_SECONDS + 10 for it in waits[1:])
