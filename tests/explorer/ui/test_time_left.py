"""How long jobs take and wait, against a simulation of visitors who take turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.recipes.neuron import NeuronRecipe
from explorer.jobs.job import Job
from explorer.jobs.queue_order import PARTS_AT_MOST, TURN_SECONDS
from explorer.ui import server_state, time_left

# Length of a turn in the simulation, in seconds.
TICK = 0.01


def job(visitor: str, seed: int, seconds: float | None = None, watched: bool = True) -> Job:
    recipe = NeuronRecipe("sketchnet", "0123456789abcdef", seed, "relu1a", (1,), size=16, steps=2)
    return Job(
        recipe.key, "neurons", "sketchnet", "relu1a", recipe.to_json(), "waiting", 0, "", 0.0,
        None, 0.0, 0.0, seconds, 1, "", False, None, visitor, visitor, "", watched,
    )  # fmt: skip


def left(it: Job) -> float | None:
    return it.seconds_left


@dataclass
class Simulation:
    """Visitors whose jobs a worker serves in turns, each visitor's one after the other.

    Attributes:
        begun, done: when each job had its first turn, and when it was finished, by its key.
    """

    begun: dict[str, float]
    done: dict[str, float]


def simulate(queue: Sequence[Job], turn: float, first: str) -> Simulation:
    """Serve jobs until all are finished; the turn of the visitor ``first`` comes last."""
    rest = {it.key: it.seconds_left or 0.0 for it in queue}
    visitors = sorted({it.visitor for it in queue}, key=lambda it: it == first)
    found, now = Simulation({}, {}), 0.0
    while len(found.done) < len(queue):
        for visitor in visitors:
            some = [it.key for it in queue if it.visitor == visitor and it.key not in found.done]
            if some:
                found.begun.setdefault(some[0], now)
                spent = min(turn, rest[some[0]])
                now, rest[some[0]] = now + spent, rest[some[0]] - spent
                if rest[some[0]] < 1e-9:
                    found.done[some[0]] = now
    return found


SECONDS = st.integers(1, 40).map(lambda it: it / 2)
JOBS = st.lists(st.tuples(st.sampled_from("abc"), SECONDS), min_size=1, max_size=7)


@given(JOBS, st.data())
@settings(deadline=None, max_examples=40)
def test_the_time_left_is_that_of_turns(
    drawn: list[tuple[str, float]], data: st.DataObject
) -> None:
    queue = [job(visitor, seed, seconds) for seed, (visitor, seconds) in enumerate(drawn)]
    asked = data.draw(st.sampled_from(queue))
    expected = simulate(queue, TICK, asked.visitor).done[asked.key]
    found = time_left.seconds_left(asked, queue, left)
    assert found == pytest.approx(expected, abs=4 * TICK)


@given(st.lists(st.tuples(st.sampled_from("bcd"), SECONDS), max_size=6))
@settings(deadline=None, max_examples=40)
def test_who_has_no_other_job_waits_for_one_turn_of_each(drawn: list[tuple[str, float]]) -> None:
    others = [job(visitor, seed, seconds) for seed, (visitor, seconds) in enumerate(drawn)]
    asked = job("a", 9, 5.0)
    totals: Mapping[str, float] = {
        it.visitor: sum(other.seconds_left or 0 for other in others if other.visitor == it.visitor)
        for it in others
    }
    expected = sum(min(TURN_SECONDS, it) for it in totals.values())
    found = time_left.seconds_before(asked, [*others, asked], left)
    assert found == pytest.approx(expected)


def test_what_is_unknown_of_others_is_bounded_and_of_ones_own_is_not() -> None:
    asked, mine, other = job("a", 0, 20.0), job("a", 1), job("b", 2)
    assert time_left.seconds_left(asked, [asked], left) == 20
    assert time_left.seconds_left(asked, [other, asked], left) == 40
    assert time_left.seconds_before(asked, [other, asked], left) == TURN_SECONDS
    # What nobody watches has hardly any turns.
    assert time_left.seconds_left(asked, [replace(other, watched=False), asked], left) == 20
    assert time_left.seconds_left(asked, [mine, asked], left) is None
    assert time_left.seconds_before(asked, [mine, asked], left) is None


def test_who_waits_until_a_worker_has_room_is_told_no_time() -> None:
    begun = [replace(job("b", seed), fraction=0.5) for seed in range(PARTS_AT_MOST)]
    asked = job("a", 9)
    assert time_left.seconds_before(asked, [*begun, asked], left) is None
    assert time_left.seconds_before(asked, [*begun[1:], asked], left) == TURN_SECONDS


def test_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_left, "_expected", lambda *_: None)
    asked, other = job("a", 0), job("b", 2)
    two = replace(asked, before=2)
    assert time_left.waiting_text(asked, [other, asked]) == (
        "Waiting: 1 job comes first, about 3 s."
    )
    assert time_left.waiting_text(two, [job("a", 3), other, two]) == "Waiting: 2 jobs come first."
    assert time_left.waiting_text(replace(asked, before=0), [asked]) == "Starting ..."
    work = replace(other, kind="dream", fraction=0.43)
    assert time_left.at_work_text(work) == "Now: a dream, 43%."
    monkeypatch.setattr(type(server_state.jobs()), "open", lambda *_, **__: [other, asked])
    assert time_left.time_left(asked) == ""
    assert time_left.time_left(replace(asked, seconds_left=20.0)) == ", about 40 s left"
