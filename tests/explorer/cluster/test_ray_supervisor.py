"""Tests of jobs on Ray with two processors: finished, cancelled, killed, resumed, lost."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from core.errors import ExplorerError
from core.networks import registry
from core.recipes.neuron import NeuronRecipe
from core.sketchnet import model as sketchnet
from explorer import engine
from explorer.cluster import ray_supervisor
from explorer.cluster.ray_supervisor import Allocation, RaySupervisor, allocate
from explorer.jobs.claims import Claims
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.jobs.worker_locks import dead_workers
from explorer.paths import home
from explorer.rendering import render_recipe
from explorer.store.results import Store
from tests.explorer.commands import crowding, started

pytestmark = pytest.mark.usefixtures("ray_environment")
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="ray is not installed: pip install -r requirements-cluster.txt",
)
# Ray and PyTorch start slowly when many tests share few processors.
START_SECONDS = 120
TURN_SECONDS = 90
# Numbers of steps that take no time, seconds, and longer than any test.
SHORT, LONG, ENDLESS = 20, 1000, 10_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "a.sqlite3", shipped=())
    yield store
    store.close()


def recipe(seed: int, steps: int = SHORT, path: Path | None = None) -> NeuronRecipe:
    network = registry.load("sketchnet", path)
    return NeuronRecipe(
        "sketchnet", network.fingerprint, seed, layer="relu1a", units=(0, 1), size=16, steps=steps
    )


def wait(condition: Callable[[], object], seconds: float = TURN_SECONDS) -> float:
    """Wait until a condition holds, and return the seconds that this took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "this took too long"
        time.sleep(0.02)
    return time.monotonic() - began


def state(jobs: Jobs, key: str) -> Job:
    job = jobs.get(key)
    assert job is not None
    return job


def finished(jobs: Jobs, key: str, seconds: float = TURN_SECONDS) -> Job:
    wait(lambda: not state(jobs, key).open, seconds)
    return state(jobs, key)


def moving(jobs: Jobs, key: str, seconds: float = TURN_SECONDS) -> None:
    wait(lambda: state(jobs, key).fraction > 0 or not state(jobs, key).open, seconds)
    assert state(jobs, key).open, state(jobs, key).message


def processes(ancestor: int, what: str) -> list[int]:
    """Return the descendants of a process whose command line contains some words."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    parents = {int(row[0]): int(row[1]) for row in rows}

    def below(process: int) -> bool:
        while process in parents and process != ancestor:
            process = parents[process]
        return process == ancestor

    return [int(row[0]) for row in rows if what in row[-1] and below(int(row[0]))]


@contextmanager
def running(store: Store, address: str | None = None) -> Iterator[RaySupervisor]:
    supervisor = RaySupervisor(store, address)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


@needs_ray
def test_jobs_on_this_machine(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_WORKERS", "2")
    jobs = Jobs(store)
    with running(store) as supervisor:
        beside = jobs.submit(recipe(8)).key  # afterwards both workers have loaded the network
        _same_as_here(jobs, recipe(1))
        assert finished(jobs, beside, START_SECONDS).state == "done"
        _own_checkpoint(jobs, tmp_path / "own.safetensors")
        _progress_and_cancel(jobs)
        _one_of_two_killed(jobs, supervisor)
        stopped = jobs.submit(recipe(7, ENDLESS)).key
        moving(jobs, stopped)
    assert state(jobs, stopped).state == "interrupted"
    assert "closed" in state(jobs, stopped).message
    assert Claims(store).claiming_workers() == []


def _same_as_here(jobs: Jobs, asked: NeuronRecipe, own: Path | None = None) -> None:
    """The pictures are bit for bit those that one thread renders in this process."""
    key = jobs.submit(asked).key
    assert finished(jobs, key, START_SECONDS).state == "done", state(jobs, key).message
    here = {
        it.part: it for update in render_recipe.render_updates(asked, own) for it in update.pictures
    }
    assert jobs.store.pictures(asked) == here


def _own_checkpoint(jobs: Jobs, path: Path) -> None:
    """A user's own weights are sent to the task, and damaged ones fail with an explanation."""
    weights = load_file(sketchnet.WEIGHTS)
    save_file({name: it * 1.1 if it.ndim == 4 else it for name, it in weights.items()}, path)
    asked = recipe(1, path=path)
    jobs.store.remember_checkpoint(asked.network, asked.weights, path)
    assert asked.weights != recipe(1).weights
    _same_as_here(jobs, asked, path)
    assert [it.name for it in (home() / "checkpoints").iterdir()] == [
        f"{asked.weights}.safetensors"
    ]
    unknown = NeuronRecipe("sketchnet", "ffff", layer="relu1a", units=(0,), size=16, steps=2)
    failed = finished(jobs, jobs.submit(unknown).key)
    assert failed.state == "failed" and failed.message.startswith("this recipe is for weights ffff")


def _progress_and_cancel(jobs: Jobs) -> None:
    """A job reports progress, stops within a second of a cancel, and keeps its results."""
    key = jobs.submit(recipe(2, ENDLESS)).key
    wait(lambda: jobs.previews(key))
    assert 0 < state(jobs, key).fraction < 1
    assert set(jobs.previews(key)) == {0, 1}
    patience = crowding()
    jobs.cancel(key)
    assert wait(lambda: not Claims(jobs.store).claiming_workers()) < patience
    assert state(jobs, key).state == "cancelled"
    assert set(jobs.previews(key)) == {0, 1}


def _one_of_two_killed(jobs: Jobs, supervisor: RaySupervisor) -> None:
    """The job of a killed task fails and can be resumed; running and waiting jobs are finished."""
    assert supervisor.process is not None
    first = jobs.submit(recipe(3, LONG)).key
    moving(jobs, first)
    (victim,) = processes(supervisor.process, "ray::_render")
    # Stop the victim's process, so that it does not finish before the other task has started.
    os.kill(victim, signal.SIGSTOP)
    second = jobs.submit(recipe(4, LONG)).key
    third = jobs.submit(recipe(5)).key
    moving(jobs, second)
    moving(jobs, first)
    os.kill(victim, signal.SIGKILL)
    failed = finished(jobs, first)
    assert failed.state == "failed" and "killed" in failed.message
    assert finished(jobs, third).state == finished(jobs, second).state == "done"
    assert jobs.resume(first).open
    assert finished(jobs, first).state == "done"


@contextmanager
def head(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a cluster with the command ``ray start``, as its owner would."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += ["--port", str(port), "--num-cpus", "2", "--disable-usage-stats"]
    command += ["--include-dashboard", "false"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait(lambda: _listens(port), START_SECONDS)
            yield process
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


SERVER = """
import sys, time
from pathlib import Path
from explorer import engine
from explorer.store.results import Store

server = engine.create_engine(Store(Path(sys.argv[1]), shipped=()))
server.start()
while True:
    time.sleep(0.1)
    print(server.process or "", flush=True)
"""


@needs_ray
def test_a_cluster_outlives_the_server_and_the_server_the_cluster(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = _free_port()
    monkeypatch.delenv("EXPLORER_WORKERS")
    monkeypatch.setattr(ray_supervisor, "RETRY_SECONDS", 1.0)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "3")
    monkeypatch.setenv(engine.ENGINE_VARIABLE, engine.RAY)
    monkeypatch.setenv(engine.ADDRESS_VARIABLE, f"127.0.0.1:{port}")
    jobs = Jobs(store)
    key = jobs.submit(recipe(1, ENDLESS)).key
    with ExitStack() as stack:
        cluster_process = stack.enter_context(head(port))
        _kill_server(jobs, key)
        # A look shows it; nothing has stored it yet.
        wait(lambda: state(jobs, key).state == "interrupted", TURN_SECONDS)
        server = engine.create_engine(store)
        assert isinstance(server, RaySupervisor)
        server.start()
        stack.callback(server.stop)
        wait(lambda: state(jobs, key).state == "interrupted")
        assert jobs.resume(key).open
        moving(jobs, key, START_SECONDS)

        speaker = server.process
        (control,) = processes(cluster_process.pid, "gcs_server")
        os.kill(control, signal.SIGKILL)
        failed = finished(jobs, key)
        assert failed.state == "failed" and "lost; what was finished is kept" in failed.message
        wait(lambda: server.process != speaker)
        late = finished(jobs, jobs.submit(recipe(2)).key, START_SECONDS)
        assert late.state == "failed" and "no Ray cluster answers at 127.0.0.1" in late.message


def _kill_server(jobs: Jobs, key: str) -> None:
    """Kill a server and its process that sends jobs to Ray in the middle of a job."""
    command = [sys.executable, "-c", SERVER, str(jobs.store.path)]
    with started(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        speaker = next(int(line) for line in server.stdout if line.strip())
        moving(jobs, key, START_SECONDS)
        # A process that sees its server end gives its claims back; a stopped server has not ended.
        server.send_signal(signal.SIGSTOP)
        os.kill(speaker, signal.SIGKILL)
        server.kill()
    (name,) = {name for name, _ in Claims(jobs.store).claiming_workers()}
    wait(lambda: dead_workers(jobs.store, [name]))


@pytest.mark.parametrize(
    ("machines", "workers", "expected"),
    [
        ([{"CPU": 2.0}], None, Allocation(2, 1, 0)),
        ([{"CPU": 8.0}], "2", Allocation(2, 4, 0)),
        ([{"CPU": 4.0}, {"CPU": 4.0}], "1", Allocation(1, 4, 0)),
        ([{"CPU": 4.0}, {"CPU": 2.0}], "2", Allocation(2, 2, 0)),
        ([{"CPU": 4.0}], "9", Allocation(9, 1, 0)),
        ([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 1.0}], None, Allocation(3, 8, 3)),
        ([{"CPU": 1000.0}], None, Allocation(64, 15, 0)),
        ([{"memory": 1.0}], None, Allocation(0, 1, 0)),
    ],
)
def test_a_cluster_is_shared_out(
    machines: list[dict[str, float]],
    workers: str | None,
    expected: Allocation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EXPLORER_WORKERS", raising=False)
    if workers is not None:
        monkeypatch.setenv("EXPLORER_WORKERS", workers)
    assert allocate(machines) == expected


@pytest.mark.parametrize(
    ("name", "address", "message"),
    [
        ("rya", None, "did you mean 'ray'"),
        ("local", "127.0.0.1:6379", "choose the engine ray"),
        ("ray", "somewhere", "write it like 10.0.0.1:6379, or auto"),
        ("ray", "host:99999", "write it like"),
    ],
)
def test_a_wrong_engine_is_refused(
    name: str, address: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.delenv(engine.ENGINE_VARIABLE, raising=False)
    with pytest.raises(ExplorerError, match=message):
        engine.configure_engine(name, address)
    assert engine.ENGINE_VARIABLE not in os.environ


def test_ray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExplorerError, match="pip install -r requirements-cluster"):
        engine.configure_engine(engine.RAY)
