"""What guests may change in the queue, and how they share its turns and its room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.recipes.neuron import BATCH, NeuronRecipe
from explorer.gallery.queries import Gallery, Search
from explorer.jobs import job_queue, ownership
from explorer.jobs.claims import Claims
from explorer.jobs.job_queue import Jobs, QueueFull
from explorer.jobs.ownership import NotYours
from explorer.jobs.queue_order import ASKED, UNASKED, Decision
from explorer.store.results import Store, StoredPicture
from tests.conftest import Clock

ANNE, BERT, CARL = (ownership.visitor_id(name, guest=True) for name in ("anne", "bert", "carl"))
USER = ownership.visitor_id("anne", guest=False)


@pytest.fixture
def jobs(tmp_path: Path, clock: Clock) -> Iterator[Jobs]:
    store = Store(tmp_path / "a.sqlite3", shipped=())
    yield Jobs(store, clock)
    store.close()


@pytest.fixture
def claims(jobs: Jobs, clock: Clock) -> Claims:
    return Claims(jobs.store, clock)


def recipe(seed: int = 0, parts: int = 1) -> NeuronRecipe:
    units = tuple(range(parts * BATCH))
    return NeuronRecipe("tiny", "0123456789abcdef", seed, layer="3", units=units, size=16, steps=2)


def work(claims: Claims) -> str:
    """Render the next part, and return in whose turn."""
    claim = claims.claim("w")
    assert claim is not None and isinstance(claim.recipe, NeuronRecipe)
    claims.finish(claim, [StoredPicture(it, b"\x89PNG", {}) for it in claim.recipe.units], 1.0)
    job = Jobs(claims.store).get(claim.job)
    assert job is not None
    return job.visitor


def finished(jobs: Jobs, claims: Claims, seed: int, visitor: str) -> str:
    key = jobs.submit(recipe(seed), visitor).key
    work(claims)
    return key


def test_only_who_submitted_a_job_stops_it(jobs: Jobs, clock: Clock) -> None:
    key = jobs.submit(recipe(), ANNE).key
    clock.now += 60  # Nobody watches it any more.
    assert jobs.cancel(key, BERT).open
    assert not jobs.cancel(key, ANNE).open
    # Somebody else may go on with it, in their own turns; then it is theirs to stop.
    assert jobs.resume(key, BERT).open
    clock.now += 60
    assert jobs.cancel(key, ANNE).open
    assert not jobs.cancel(key, BERT).open
    # The user of the machine may stop everything.
    jobs.resume(key, ANNE)
    clock.now += 60
    assert not jobs.cancel(key, USER).open


def test_only_the_owner_changes_an_entry(jobs: Jobs, claims: Claims, clock: Clock) -> None:
    key = finished(jobs, claims, 1, ANNE)
    jobs.submit(recipe(1), BERT)  # Bert opened a link to the picture.
    anne, bert = (Gallery(jobs, clock, it) for it in (ANNE, BERT))
    (entry,) = bert.entries(Search())
    assert anne.may_change(entry) and not bert.may_change(entry)
    with pytest.raises(NotYours):
        bert.rename(key, "mine")
    with pytest.raises(NotYours):
        bert.star(key, True)
    assert bert.delete([key]) == []
    anne.rename(key, "Anne's")
    anne.star(key, True)
    assert anne.delete([key]) == [key]
    with pytest.raises(NotYours):
        bert.restore([key])
    anne.restore([key])
    (entry,) = bert.entries(Search())
    assert (entry.title, entry.starred, entry.deleted) == ("Anne's", True, None)
    for everything in (Gallery(jobs, clock), Gallery(jobs, clock, USER)):
        everything.rename(key, "of the house")
        assert everything.delete([key]) == [key]
        everything.restore([key])


def test_what_nobody_has_becomes_whose_who_asks(jobs: Jobs, claims: Claims, clock: Clock) -> None:
    def owner(key: str) -> str:
        job = jobs.get(key)
        assert job is not None
        return job.owner

    # What a page of Anne's only showed, Bert asks for.
    key = jobs.submit(recipe(1), ANNE, UNASKED).key
    job = jobs.submit(recipe(1), BERT, ASKED)
    assert (job.owner, job.visitor) == (BERT, BERT)
    # To look at it changes nothing.
    assert jobs.submit(recipe(1), ANNE, UNASKED).owner == BERT
    work(claims)
    assert owner(key) == BERT
    # What Bert has deleted, Carl asks for.
    Gallery(jobs, clock, BERT).delete([key])
    assert jobs.submit(recipe(1), ANNE, UNASKED).owner == BERT
    Gallery(jobs, clock, BERT).delete([key])
    assert jobs.submit(recipe(1), CARL).owner == CARL


def test_a_greedy_guest_leaves_room_and_turns(jobs: Jobs, claims: Claims, clock: Clock) -> None:
    with pytest.raises(QueueFull, match="of yours"):
        for seed in range(200):
            jobs.submit(recipe(seed, parts=2), ANNE)
    assert len(jobs.open()) == job_queue.OPEN_OF_GUEST
    clock.now += 1
    jobs.submit(recipe(1000, parts=3), BERT)
    jobs.submit(recipe(1001), CARL)
    served = []
    for _ in range(8):
        clock.now += 1
        served.append(work(claims))
    # Each of the others waits for one part of somebody else's at most.
    assert served.count(BERT) == 3 and served.count(CARL) == 1
    assert served[:3].count(BERT) == served[:3].count(CARL) == 1
    assert BERT in served[3:5] and BERT in served[5:7]


def test_a_turn_is_not_taken_away_by_others(jobs: Jobs, claims: Claims, clock: Clock) -> None:
    jobs.submit(recipe(1, parts=2), BERT, UNASKED)
    claim = claims.claim("w")
    assert claim is not None
    jobs.submit(recipe(2), ANNE)
    assert claims.decide(claim) is Decision.CONTINUE
    # What Bert asks for comes before what his page shows.
    jobs.submit(recipe(3), BERT)
    assert claims.decide(claim) is Decision.RELEASE


def test_the_machines_user_has_the_whole_queue(jobs: Jobs) -> None:
    for seed in range(job_queue.OPEN_OF_GUEST + 1):
        jobs.submit(recipe(seed), USER)
