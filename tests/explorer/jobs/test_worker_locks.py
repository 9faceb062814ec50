"""Who is alive: locks of workers, what SIGTERM and kills leave, and what a listing says then."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from core.recipes.neuron import NeuronRecipe
from explorer.jobs import processes, worker_locks
from explorer.jobs.claims import Claims
from explorer.jobs.job import INTERRUPTED
from explorer.jobs.job_queue import Jobs
from explorer.jobs.worker_locks import dead_workers, hold_lock, remove_stale_locks
from explorer.store.database import NothingSaved
from explorer.store.results import Store
from tests.explorer.commands import started
from tests.explorer.workers import alive, lock_files

RECIPE = NeuronRecipe("tiny", "0123456789abcdef", layer="3", units=(2,), size=16, steps=2)


HOLDER = """
    import sys
    from pathlib import Path
    from explorer.store.results import Store
    from explorer.jobs.worker_locks import hold_lock
    store = Store(Path(sys.argv[1]), shipped=())
    with hold_lock(store, sys.argv[2]):
        print("held", flush=True)
        sys.stdin.read()
"""


def test_no_lock_file_is_left_after_kills(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    code = textwrap.dedent(HOLDER)
    for number in range(5):
        line = [sys.executable, "-c", code, str(store.path), f"w{number}"]
        with started(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            assert dead_workers(store, [f"w{number}"]) == []
            process.kill()
    assert dead_workers(store, ["w0", "w4"]) == ["w0", "w4"]
    with alive(store, "living"):
        remove_stale_locks(store)
        assert len(lock_files(store)) == 6  # they may belong to workers that are starting
        monkeypatch.setattr(worker_locks, "STARTING_SECONDS", -1.0)
        remove_stale_locks(store)
        assert lock_files(store) == ["living.lock"]
    assert lock_files(store) == []


def test_a_lock_is_taken_again_when_the_home_was_deleted(store: Store) -> None:
    with hold_lock(store, "w") as lock:
        shutil.rmtree(store.path.parent)
        assert dead_workers(store, ["w"]) == ["w"]
        lock.hold()
        assert dead_workers(store, ["w"]) == []
    assert lock_files(store) == []


def test_a_listing_looks_whether_the_worker_lives(store: Store) -> None:
    jobs, claims = Jobs(store), Claims(store)
    key = jobs.submit(RECIPE).key
    with alive(store, "w"):
        assert claims.claim("w") is not None
        assert [it.state for it in jobs.open()] == ["running"]
    (job,) = jobs.open()
    assert (job.state, job.message, job.open) == ("interrupted", INTERRUPTED, False)
    processes.mark_interrupted(store)
    marked = jobs.get(key)
    assert marked is not None and (marked.state, marked.message) == ("interrupted", INTERRUPTED)
    assert claims.claiming_workers() == []


def test_a_listing_says_the_truth_where_nothing_can_be_marked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(store)
    jobs.submit(RECIPE)
    assert Claims(store).claim("dead") is not None

    def refuse() -> None:
        raise NothingSaved("nothing can be saved")

    monkeypatch.setattr(store, "transaction", refuse)
    with pytest.raises(NothingSaved):
        processes.mark_interrupted(store)
    assert [it.state for it in jobs.open()] == ["interrupted"]


def test_a_page_looks_at_the_lock_of_a_living_worker_once_a_second(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, claims = Jobs(store), Claims(store)
    key = jobs.submit(RECIPE).key
    with alive(store, "w"):
        assert claims.claim("w") is not None
        looked: list[str] = []
        is_dead = worker_locks._is_dead

        def look(file: Path) -> bool:
            looked.append(file.name)
            return is_dead(file)

        now = [1000.0]
        monkeypatch.setattr(worker_locks, "_is_dead", look)
        monkeypatch.setattr(worker_locks.time, "monotonic", lambda: now[0])
        states = {job.state for _ in range(5) if (job := jobs.get(key)) is not None}
        assert states == {"running"} and looked == ["w.lock"]
    now[0] += worker_locks.ALIVE_SECONDS + 0.1
    job = jobs.get(key)
    assert job is not None and job.state == "interrupted"
