"""Tests of workers: finished, failed and cancelled parts, and killed worker processes."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from core.errors import ExplorerError
from core.networks import registry
from core.neurons import render_neurons
from core.recipes.neuron import BATCH, NeuronRecipe
from core.recipes.recipe import Recipe
from explorer.jobs import supervisor, worker
from explorer.jobs.claims import Claims
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.jobs.queue_order import PARTS_AT_MOST
from explorer.jobs.supervisor import Supervisor
from explorer.jobs.worker import Worker
from explorer.jobs.worker_locks import dead_workers, hold_lock
from explorer.rendering import render_recipe
from explorer.rendering.update import Update
from explorer.store.results import Store, StoredPicture
from tests.explorer.commands import crowding, started

# A worker process first imports PyTorch, which is slow on a busy machine.
PATIENCE = 90.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "a.sqlite3", shipped=())
    yield store
    store.close()


def recipe(parts: int = 1, seed: int = 0) -> NeuronRecipe:
    units = tuple(range(parts * BATCH))
    return NeuronRecipe("tiny", "0123456789abcdef", seed, layer="3", units=units, size=16, steps=2)


def until(jobs: Jobs, key: str, met: Callable[[Job], bool]) -> Job:
    """Wait until a job fulfils a condition."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        job = jobs.get(key)
        if job is not None and met(job):
            return job
        time.sleep(0.02)
    raise AssertionError(f"still {jobs.get(key)}")


def painted(asked: Recipe) -> tuple[StoredPicture, ...]:
    assert isinstance(asked, NeuronRecipe)
    return tuple(StoredPicture(unit, b"\x89PNG", {}) for unit in asked.units)


def calm(asked: Recipe, checkpoint: Path | None, inputs: Mapping[str, bytes]) -> Iterator[Update]:
    yield Update(1, 2, {0: b"half"})
    yield Update(2, 2, {}, painted(asked))


def test_a_worker_does_all_parts_and_tells_what_it_does(store: Store) -> None:
    key = Jobs(store).submit(recipe(2)).key
    told: list[int] = []
    made = Worker(store, "w", calm, lambda claim, update: told.append(update.done))
    assert made.run_next_part() and made.run_next_part() and not made.run_next_part()
    job = Jobs(store).get(key)
    assert job is not None and job.state == "done"
    assert told == [1, 2, 1, 2]
    assert set(store.pictures(recipe(2))) == set(range(2 * BATCH))


def test_inputs_and_checkpoint_reach_the_work(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NeuronRecipe, "inputs", property(lambda self: ("ab" * 16,)))
    store.put_input("ab" * 16, b"\x89PNG input")
    (tmp_path / "own.safetensors").touch()
    store.remember_checkpoint("tiny", "0123456789abcdef", tmp_path / "own.safetensors")
    Jobs(store).submit(recipe())
    seen: list[object] = []

    def note(
        asked: Recipe, checkpoint: Path | None, inputs: Mapping[str, bytes]
    ) -> Iterator[Update]:
        seen.extend([checkpoint, dict(inputs)])
        return calm(asked, checkpoint, inputs)

    assert Worker(store, "w", note).run_next_part()
    assert seen == [tmp_path / "own.safetensors", {"ab" * 16: b"\x89PNG input"}]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ExplorerError("no layer '3' in tiny"), "^no layer '3' in tiny$"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
        (
            ZeroDivisionError("one by none"),
            r"inside the explorer \(ZeroDivisionError: one by none\)",
        ),
    ],
)
def test_a_part_that_cannot_be_made_fails_its_job(
    store: Store, error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = Jobs(store).submit(recipe(2)).key

    def broken(*_: object) -> Iterator[Update]:
        yield Update(1, 2)
        raise error

    assert Worker(store, "w", broken).run_next_part()
    job = Jobs(store).get(key)
    assert job is not None and job.state == "failed"
    assert re.search(words, job.message)
    assert not Worker(store, "w", broken).run_next_part()


def test_a_cancel_stops_between_two_steps_and_closes_the_work(store: Store) -> None:
    jobs = Jobs(store)
    key = jobs.submit(recipe()).key
    steps: list[int] = []
    closed: list[bool] = []

    def long(*_: object) -> Iterator[Update]:
        try:
            for step in range(1000):
                steps.append(step)
                if step == 2:
                    jobs.cancel(key)
                time.sleep(worker.REPORT_SECONDS / 2)
                yield Update(step, 1000, {0: b"sketch"})
        finally:
            closed.append(True)

    assert Worker(store, "w", long).run_next_part()
    assert len(steps) <= 5 and closed == [True]
    job = jobs.get(key)
    assert job is not None and job.state == "cancelled"
    assert jobs.previews(key) == {0: b"sketch"}
    assert store.present([key]) == set()


def test_an_interrupt_lets_go_of_the_part(store: Store) -> None:
    key = Jobs(store).submit(recipe()).key

    def interrupted(*_: object) -> Iterator[Update]:
        yield Update(1, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Worker(store, "w", interrupted).run_next_part()
    job = Jobs(store).get(key)
    assert job is not None and job.state == "waiting"


class Interleaved:
    """Renders parts of some steps each, and does something between the steps of the first part."""

    def __init__(self, steps: int, between: Callable[[int], None]) -> None:
        self.steps, self.between = steps, between
        # The seed of each part and its steps in the order in which they were rendered.
        self.order: list[tuple[int, int]] = []

    def __call__(self, asked: Recipe, *_: object) -> Iterator[Update]:
        for step in range(self.steps):
            self.order.append((asked.seed, step))
            if asked.seed == 0:
                self.between(step)
            yield Update(step, self.steps, {0: b"preview"})
        yield Update(self.steps, self.steps, {}, painted(asked))


def work_off(busy: Worker) -> None:
    """Let a worker work until nothing is left."""
    while busy.run_next_part():
        pass


def submit_unwatched(store: Store) -> str:
    """Submit a job that nobody has watched for a minute; return its key."""
    return Jobs(store, lambda: time.time() - 60).submit(recipe(), "anne").key


def show(store: Store, seed: int) -> str:
    """Submit a job that somebody watches; return its key."""
    return Jobs(store).submit(recipe(seed=seed), "bert").key


def test_a_part_pauses_for_what_is_watched_and_goes_on_where_it_was(store: Store) -> None:
    jobs = Jobs(store)
    keys = [submit_unwatched(store)]

    def show_twice(step: int) -> None:
        if step in (1, 2):
            keys.append(show(store, step))

    compute = Interleaved(4, show_twice)
    work_off(Worker(store, "w", compute, pauses=True))
    others = [[(seed, step) for step in range(4)] for seed in (1, 2)]
    assert compute.order == [(0, 0), (0, 1), *others[0], (0, 2), *others[1], (0, 3)]
    assert [job.state for job in jobs.get_all(keys).values()] == ["done"] * 3
    assert all(store.pictures(recipe(seed=seed)) for seed in range(3))


def test_a_command_finishes_its_part_first(store: Store) -> None:
    submit_unwatched(store)
    compute = Interleaved(3, lambda step: show(store, 1))
    assert Worker(store, "w", compute).run_next_part()
    assert compute.order == [(0, step) for step in range(3)]


def shorten_turns(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let turns end after every step: the short ones, or both kinds."""
    monkeypatch.setattr("explorer.jobs.claims.SHORT_TURN_SECONDS", 0.0)
    for name in names:
        monkeypatch.setattr(f"explorer.jobs.queue_order.{name}", 0.0)


def test_parts_take_turns_and_what_has_nothing_to_show_has_a_preview_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_turns(monkeypatch, "SHORT_TURN_SECONDS")
    for seed, visitor in enumerate(("anne", "bert", "carl")):
        Jobs(store).submit(recipe(seed=seed), visitor)
    compute = Interleaved(4, lambda step: None)
    work_off(Worker(store, "w", compute, pauses=True))
    # With nobody waiting for a first preview, turns are longer than these parts.
    rest = [(seed, step) for seed in (2, 0, 1) for step in range(1, 4)]
    assert compute.order == [(0, 0), (1, 0), (2, 0), *rest]
    # Paused or not, each part is rendered once, and its result is complete.
    assert all(set(store.pictures(recipe(seed=seed))) == set(range(BATCH)) for seed in range(3))


def test_every_visitor_has_a_turn_of_the_same_length(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_turns(monkeypatch, "SHORT_TURN_SECONDS", "TURN_SECONDS")
    for seed, visitor in enumerate(("anne", "bert", "carl")):
        Jobs(store).submit(recipe(seed=seed), visitor)
    compute = Interleaved(4, lambda step: None)
    work_off(Worker(store, "w", compute, pauses=True))
    assert compute.order == [(seed, step) for step in range(4) for seed in range(3)]


def test_no_more_than_some_parts_are_in_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_turns(monkeypatch, "SHORT_TURN_SECONDS", "TURN_SECONDS")
    for seed in range(PARTS_AT_MOST + 2):
        Jobs(store).submit(recipe(seed=seed), f"visitor {seed}")
    most: list[int] = []

    def compute(asked: Recipe, *_: object) -> Iterator[Update]:
        for step in range(3):
            most.append(len(Claims(store).claiming_workers()))
            yield Update(step, 3, {0: b"preview"})
        yield Update(3, 3, {}, painted(asked))

    work_off(Worker(store, "w", compute, pauses=True))
    assert max(most) == PARTS_AT_MOST
    assert all(store.pictures(recipe(seed=seed)) for seed in range(PARTS_AT_MOST + 2))


def test_a_worker_with_large_parts_in_memory_begins_no_third_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_turns(monkeypatch, "SHORT_TURN_SECONDS", "TURN_SECONDS")
    monkeypatch.setattr("explorer.jobs.queue_order.PIXELS_AT_MOST", 2 * BATCH * 16**2 - 1)
    for seed, visitor in enumerate(("anne", "bert", "carl")):
        Jobs(store).submit(recipe(seed=seed), visitor)
    compute = Interleaved(3, lambda step: None)
    work_off(Worker(store, "w", compute, pauses=True))
    # Two take turns; the third begins when one of them is finished.
    assert compute.order[:6] == [(seed, step) for step in range(3) for seed in range(2)]
    assert compute.order[6:] == [(2, step) for step in range(3)]


def test_what_nobody_watches_has_whole_turns_when_it_has_waited_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_unwatched(store)
    for seed in (1, 2):
        show(store, seed)
    compute = Interleaved(3, lambda step: None)
    work_off(Worker(store, "w", compute, pauses=True))
    # It waited for a minute, and its turn does not end while it is at it.
    assert compute.order[:3] == [(0, step) for step in range(3)]


def test_paused_parts_are_given_back_when_the_worker_ends(store: Store) -> None:
    key = submit_unwatched(store)
    closed: list[int] = []

    def compute(asked: Recipe, *_: object) -> Iterator[Update]:
        try:
            if asked.seed == 0:
                show(store, 1)
            yield Update(0, 2, {0: b"preview"})
            raise KeyboardInterrupt
        finally:
            closed.append(asked.seed)

    pausing = Worker(store, "w", compute, pauses=True)
    assert pausing.run_next_part() and not closed
    with pytest.raises(KeyboardInterrupt):
        pausing.run_next_part()
    assert closed == [1] and Claims(store).claiming_workers() == [("w", True)]
    pausing.release_all()
    assert closed == [1, 0] and Claims(store).claiming_workers() == []
    job = Jobs(store).get(key)
    assert job is not None and job.state == "waiting"


def test_a_paused_part_that_is_stopped_is_released_meanwhile(store: Store) -> None:
    jobs = Jobs(store)
    stopped = submit_unwatched(store)
    claims: list[int] = []

    def compute(asked: Recipe, *_: object) -> Iterator[Update]:
        yield Update(0, 9, {0: b"preview"})
        if asked.seed == 0:
            shown = show(store, 1)
            yield Update(1, 9, {0: b"preview"})
            found = jobs.get(shown)
            assert found is not None and found.state == "done"
            yield Update(2, 9, {0: b"preview"})
            raise AssertionError("it was stopped")
        claims.append(len(Claims(store).claiming_workers()))
        jobs.cancel(stopped)
        yield Update(1, 9, {0: b"preview"})
        claims.append(len(Claims(store).claiming_workers()))
        yield Update(9, 9, {}, painted(asked))

    work_off(Worker(store, "w", compute, pauses=True))
    assert claims == [2, 1]
    job = jobs.get(stopped)
    assert job is not None and (job.state, job.message) == ("cancelled", "")


def test_what_fails_in_a_pause_is_not_the_paused_part(store: Store) -> None:
    jobs = Jobs(store)
    key = submit_unwatched(store)

    def compute(asked: Recipe, *_: object) -> Iterator[Update]:
        yield Update(0, 2, {0: b"preview"})
        if asked.seed == 1:
            raise ExplorerError("no layer '3' in tiny")
        show(store, 1)
        yield Update(1, 2, {0: b"preview"})
        yield Update(2, 2, {}, painted(asked))

    work_off(Worker(store, "w", compute, pauses=True))
    other = jobs.get(recipe(seed=1).key)
    assert other is not None and other.state == "failed"
    job = jobs.get(key)
    assert job is not None and job.state == "done"


def test_the_living_are_told_from_the_dead(store: Store) -> None:
    with hold_lock(store, "alive"):
        assert dead_workers(store, ["alive", "dead"]) == ["dead"]
    assert dead_workers(store, ["alive"]) == ["alive"]


@pytest.mark.parametrize("text", ["two", "-1", "1000", "1.5"])
def test_a_bad_number_of_workers_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_WORKERS", text)
    with pytest.raises(ExplorerError, match="EXPLORER_WORKERS is"):
        supervisor.worker_count()


def test_updates_throttle_sketches_and_end_with_replayable_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = registry.load(registry.SKETCHNET, device="cpu")
    asked = render_neurons.plan(network, "relu1a", [3, 1], size=16, steps=6)
    monkeypatch.setattr(render_recipe, "PREVIEW_SECONDS", 0.0)
    every = list(render_recipe.render_updates(asked))
    assert [sorted(it.previews) for it in every] == [[1, 3]] * 6 + [[]]
    assert [it.part for it in every[-1].pictures] == [3, 1]
    monkeypatch.setattr(render_recipe, "PREVIEW_SECONDS", 1000.0)
    # The first preview comes without delay.
    assert [bool(it.previews) for it in render_recipe.render_updates(asked)] == [True, *[False] * 6]


def plan(units: int, size: int, steps: int, seed: int = 0) -> NeuronRecipe:
    network = registry.load(registry.SKETCHNET, device="cpu")
    return render_neurons.plan(network, "relu2a", range(units), size=size, steps=steps, seed=seed)


# A worker whose work leaves an object that refers to itself, as truncated networks do. It prints
# how many of them are alive when a part begins, and ends when there is nothing to do.
LEAVING = """
import gc, sys, weakref
from explorer.jobs import worker
from explorer.rendering import render_recipe
from explorer.rendering.update import Update
from explorer.store.results import StoredPicture

class Knot:
    pass

alive = weakref.WeakSet()

def render(recipe, checkpoint, inputs):
    print(len(alive), flush=True)
    knot = Knot()
    knot.itself = knot
    alive.add(knot)
    pictures = tuple(StoredPicture(unit, b"PNG", {}) for unit in recipe.units)
    yield Update(1, 1, {}, pictures)

def rest(seconds):
    raise SystemExit

gc.disable()
render_recipe.render_updates = render
render_recipe.warm_up = lambda: None
worker.time.sleep = rest
worker.main()
"""


def test_nothing_of_a_finished_part_stays_in_memory(store: Store) -> None:
    for seed in range(3):
        # A worker serves the networks that it can load.
        Jobs(store).submit(plan(1, 16, 1, seed))
    line = [sys.executable, "-c", LEAVING, "somebody", str(store.path)]
    # A worker ends when its standard input does.
    with started(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read().split() == ["0", "0", "0"]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is for POSIX systems")
def test_a_killed_worker_fails_one_job_and_the_queue_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_SECONDS", 0.1)
    jobs = Jobs(store)
    doomed = jobs.submit(plan(16, 64, 2000)).key
    running = Supervisor(store, 1)
    running.start()
    try:
        until(jobs, doomed, lambda job: job.fraction > 0)
        os.kill(running.processes[0], signal.SIGKILL)
        quick = jobs.submit(plan(2, 16, 3)).key
        # Until the supervisor has noticed it, the job is listed as interrupted.
        failed = until(jobs, doomed, lambda job: job.state == "failed")
        assert "the worker was killed (SIGKILL)" in failed.message
        assert until(jobs, quick, lambda job: not job.open).state == "done"
        # A step of a picture of this size takes longer than PATIENCE_SECONDS.
        slow = jobs.submit(plan(1, 1024, 1000)).key
        until(jobs, slow, lambda job: job.state == "running")
        time.sleep(0.5)
        patience = 1.5 * crowding()
        pressed = time.monotonic()
        jobs.cancel(slow)
        while running.processes and worker.Claims(store).claiming_workers():
            assert time.monotonic() - pressed < patience
            time.sleep(0.02)
        again = jobs.submit(plan(2, 16, 3, seed=1)).key
        assert until(jobs, again, lambda job: not job.open).state == "done"
        stopped = jobs.get(slow)
        assert stopped is not None and stopped.state == "cancelled"
    finally:
        running.stop()
    assert running.processes == []


def test_a_worker_process_serves_what_is_watched_in_the_middle_of_a_part(store: Store) -> None:
    jobs = Jobs(store)
    long = Jobs(store, lambda: time.time() - 60).submit(plan(2, 96, 1500), "anne").key
    running = Supervisor(store, 1)
    running.start()
    try:
        until(jobs, long, lambda job: job.state == "running" and job.fraction > 0)
        quick = jobs.submit(plan(2, 16, 3, seed=1), "bert").key
        assert until(jobs, quick, lambda job: not job.open).state == "done"
        paused = jobs.get(long)
        assert paused is not None and paused.open and 0 < paused.fraction < 1
        until(jobs, long, lambda job: job.state == "running" and job.fraction > paused.fraction)
    finally:
        running.stop()


SERVER = """
    import sys, time
    from pathlib import Path
    from explorer.store.results import Store
    from explorer.jobs.supervisor import Supervisor
    supervisor = Supervisor(Store(Path(sys.argv[1]), shipped=()), 1)
    supervisor.start()
    while not supervisor.processes:
        time.sleep(0.01)
    print(supervisor.processes[0], flush=True)
    time.sleep(1000)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is for POSIX systems")
def test_a_killed_server_takes_its_worker_along_and_the_next_one_offers_to_go_on(
    store: Store,
) -> None:
    jobs = Jobs(store)
    key = jobs.submit(plan(32, 32, 300)).key
    waiting = jobs.submit(plan(1, 16, 2, seed=9), "other").key
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(store.path)]
    with started(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        until(jobs, key, lambda job: job.fraction > 0.5)
        kept = store.present(jobs.parts(key))
        server.kill()
    deadline = time.monotonic() + PATIENCE
    while _alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    following = Supervisor(store, 1)
    following.start()
    try:
        stopped = until(jobs, key, lambda job: not job.open)
        assert stopped.state == "interrupted" and "was closed" in stopped.message
        assert until(jobs, waiting, lambda job: not job.open).state == "done"
        assert len(kept) == 1 and store.present(jobs.parts(key)) == kept
        jobs.resume(key)
        assert until(jobs, key, lambda job: not job.open).state == "done"
    finally:
        following.stop()


def _alive(pid: int) -> bool:
    """Whether a process is running; a zombie process is not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
