"""Who is alive: locks of workers, what SIGTERM and kills leave, and what a listing says then."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
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
from tests.conftest import alive
from tests.explorer.commands import PATIENCE, started
from tests.explorer.jobs.test_worker import plan

RECIPE = NeuronRecipe("tiny", "0123456789abcdef", layer="3", units=(2,), size=16, steps=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "home" / "a.sqlite3", shipped=())
    yield store
    store.close()


def lock_files(store: Store) -> list[str]:
    return sorted(it.name for it in store.path.parent.glob("*/*.lock"))


def wait(met: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


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


SERVER = """
    import signal, sys, time
    from pathlib import Path
    from explorer.store.results import Store
    from explorer.jobs.supervisor import Supervisor
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    supervisor = Supervisor(Store(Path(sys.argv[1]), shipped=()), 1)
    supervisor.start()
    try:
        while not supervisor.processes:
            time.sleep(0.01)
        print(supervisor.processes[0], flush=True)
        time.sleep(1000)
    except KeyboardInterrupt:
        pass
    finally:
        supervisor.stop()
"""


def server(store: Store) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(SERVER), str(store.path)]


@pytest.mark.skipif(os.name == "nt", reason="signals are for POSIX systems")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_after_a_server_has_ended_nothing_runs(store: Store, sent: signal.Signals) -> None:
    """The store itself says so, not only a listing that looks for the worker."""
    jobs = Jobs(store)
    key = jobs.submit(plan(32, 32, 3000)).key

    def state() -> str:
        with store.reading() as connection:
            return str(connection.execute("SELECT state FROM jobs").fetchone()[0])

    with started(server(store), stdout=subprocess.PIPE) as process:
        wait(lambda: (job := jobs.get(key)) is not None and job.state == "running", "running")
        process.send_signal(sent)
        process.wait(PATIENCE)
    # After SIGKILL, the worker notices that the server is gone, and marks its job.
    wait(lambda: state() == "interrupted", "the store says that the job is interrupted")
    wait(lambda: lock_files(store) == [], "lock files are gone")
    assert Claims(store).claiming_workers() == []


@pytest.mark.skipif(os.name == "nt", reason="signals are for POSIX systems")
def test_a_terminated_worker_gives_its_part_back(store: Store) -> None:
    jobs = Jobs(store)
    key = jobs.submit(plan(32, 32, 3000)).key
    line = [sys.executable, "-m", "explorer.jobs.worker", "w", str(store.path)]
    with started(line, stdin=subprocess.PIPE) as process:
        wait(lambda: (job := jobs.get(key)) is not None and job.state == "running", "running")
        process.terminate()
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    job = jobs.get(key)
    assert job is not None and job.state == "waiting"
    assert Claims(store).claiming_workers() == [] and lock_files(store) == []


@pytest.mark.skipif(os.name == "nt", reason="signals are for POSIX systems")
def test_a_terminated_command_leaves_no_running_job(store: Store, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "explorer", "neurons", "sketchnet", "relu2a", "--units", "0-31"]
    line += ["--size", "32", "--steps", "3000", "--seed", "5"]
    own = Store()
    jobs = Jobs(own)
    with started(line, stderr=subprocess.DEVNULL) as process:
        wait(lambda: [it.state for it in jobs.select("")] == ["running"], "running")
        process.terminate()
        assert process.wait(PATIENCE) == 130
    with own.reading() as connection:
        assert connection.execute("SELECT state FROM jobs").fetchall() == [("cancelled",)]
        assert connection.execute("SELECT * FROM claims").fetchall() == []
    assert lock_files(own) == []
    own.close()


@pytest.mark.skipif(os.name == "nt", reason="signals are for POSIX systems")
def test_a_home_that_is_deleted_under_a_running_server(store: Store) -> None:
    jobs = Jobs(store)
    with started(server(store), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        first = jobs.submit(plan(1, 16, 2)).key
        wait(lambda: (job := jobs.get(first)) is not None and job.state == "done", "the first")
        shutil.rmtree(store.path.parent)
        second = jobs.submit(plan(1, 16, 2, seed=1)).key
        wait(
            lambda: (job := jobs.get(second)) is not None and job.state == "done", "the second job"
        )
        assert jobs.get(first) is None
