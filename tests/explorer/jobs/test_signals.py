"""What SIGTERM and SIGKILL leave of servers, workers and commands: nothing that seems to run."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from explorer.jobs.claims import Claims
from explorer.jobs.job_queue import Jobs
from explorer.store.results import Store
from tests.explorer.commands import PATIENCE, started
from tests.explorer.jobs.test_worker import plan
from tests.explorer.workers import lock_files


def wait(met: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


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
