"""The command line on jobs, with real processes that are stopped and killed."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from core.errors import ExplorerError
from core.networks import registry
from core.neurons import render_neurons
from core.recipes.neuron import BATCH, NeuronRecipe
from explorer.cli import run_job
from explorer.gallery.queries import Gallery
from explorer.jobs import worker, worker_locks
from explorer.jobs.claims import Claims
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.rendering import render_recipe
from explorer.store.results import Store, StoredPicture
from tests.conftest import ROOT
from tests.explorer.commands import Process, command, crowding, run, run_process, started

# A process imports PyTorch first, on a machine that does much else.
PATIENCE = 90.0
# Two batches of a size at which a batch takes some seconds.
SLOW = ("relu2a", "--units", f"0-{2 * BATCH - 1}", "--size", "32", "--steps", "250")
QUICK = ("relu2a", "--units", "0-2", "--size", "16", "--steps", "3")


@pytest.fixture
def store() -> Iterator[Store]:
    """The store in the test's own data folder."""
    store = Store()
    yield store
    store.close()


def speaking(*arguments: str) -> "AbstractContextManager[Process]":
    """Start a command whose words are caught."""
    return started(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def plan(seed: int = 0, units: int = 2 * BATCH, size: int = 32, steps: int = 250) -> NeuronRecipe:
    network = registry.load(registry.SKETCHNET, device="cpu")
    return render_neurons.plan(network, "relu2a", range(units), size=size, steps=steps, seed=seed)


def until(store: Store, key: str, met: Callable[[Job], bool]) -> Job:
    """Wait until a job is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        job = Jobs(store).get(key)
        if job is not None and met(job):
            return job
        time.sleep(0.02)
    raise AssertionError(f"still {Jobs(store).get(key)}")


def finished(store: Store) -> list[str]:
    return sorted(store.present(Jobs(store).parts(plan().key)))


def test_neurons_are_a_job_that_stands_in_the_gallery(store: Store) -> None:
    first = run("neurons", "sketchnet", *QUICK, "--json")
    assert first.returncode == 0, first.stderr
    key = plan(units=3, size=16, steps=3).key
    job = Jobs(store).get(key)
    assert job is not None and job.state == "done" and job.fraction == 1
    report = json.loads(first.stdout)
    assert report["rendered"] == 3 and "SketchNet relu2a, neurons 0-2" in first.stderr
    again = json.loads(run("neurons", "sketchnet", *QUICK, "--json").stdout)
    assert again == {**report, "rendered": 0}
    (entry,) = json.loads(run("gallery", "--json").stdout)
    assert entry["id"] == key[:8] and entry["pictures"] == 3
    assert entry["what"] == "SketchNet relu2a, neurons 0-2"
    assert worker.Claims(store).claiming_workers() == []
    assert list((store.path.parent / "workers").iterdir()) == []


def test_pictures_that_came_along_are_drawn_anew_for_a_file(store: Store, tmp_path: Path) -> None:
    shipped = ("logits", "--units", "0", "--size", "96", "--steps", "2")
    recipe = render_neurons.plan(registry.load("sketchnet", device="cpu"), "logits", [0], 96, 2)
    lossy = Store(tmp_path / "shipped.sqlite3", shipped=())
    lossy.put(recipe, [StoredPicture(0, b"RIFF", {"activation": 1.0, "silent": False})], 1.0)
    lossy.close()
    # The same in process, as a process of its own would look at the project's own file.
    own = Store(tmp_path / "own.sqlite3", shipped=[lossy.path])
    assert own.present([recipe.key]) and not own.present([recipe.key], shipped=False)
    out = tmp_path / "grid.png"
    done = run("neurons", "sketchnet", *shipped, "--out", out, "--json")
    assert json.loads(done.stdout)["rendered"] == 1
    assert run_process("replay", out).stdout == "identical, bit for bit\n"
    own.close()


@pytest.mark.skipif(os.name == "nt", reason="signals are for POSIX systems")
def test_an_interrupt_keeps_what_is_finished(store: Store) -> None:
    key = plan().key
    with speaking("neurons", "sketchnet", *SLOW) as process:
        until(store, key, lambda job: job.fraction > 0.55)
        process.send_signal(signal.SIGINT)
        output, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert output == "" and "Traceback" not in said
    assert f"stopped at 50%; `resume {key[:8]}` goes on" in said
    job = Jobs(store).get(key)
    assert job is not None and job.state == "cancelled"
    assert worker.Claims(store).claiming_workers() == [] and len(finished(store)) == 1
    kept = store.get(finished(store)[0])
    second = run("neurons", "sketchnet", *SLOW, "--json")
    report = json.loads(second.stdout)
    assert report["rendered"] == BATCH and len(report["units"]) == 2 * BATCH
    after = store.get(plan().parts()[0].key)
    assert kept is not None and after == kept


@pytest.mark.skipif(os.name == "nt", reason="signals are for POSIX systems")
def test_a_killed_command_is_listed_and_resumed(store: Store) -> None:
    key = plan().key
    with speaking("neurons", "sketchnet", *SLOW) as process:
        until(store, key, lambda job: job.fraction > 0.55)
        process.kill()
        process.wait()
    with store.reading() as connection:
        state = connection.execute("SELECT state FROM jobs").fetchone()
    assert state == ("open",)  # nobody has marked it yet
    (row,) = json.loads(run("jobs", "--json").stdout)
    assert row["state"] == "interrupted" and "was closed" in row["message"]
    assert row["id"] == key[:8] and row["progress"] == 0.5 and row["before"] is None
    kept = finished(store)
    assert len(kept) == 1
    done = run("resume", row["id"][:6])
    assert done.returncode == 0, done.stderr
    job = Jobs(store).get(key)
    assert job is not None and job.state == "done"
    assert json.loads(run("jobs", "--json").stdout) == []
    assert store.get(kept[0]) is not None


@pytest.mark.skipif(os.name == "nt", reason="signals are for POSIX systems")
def test_a_part_that_a_killed_process_had_claimed_is_taken_over(store: Store) -> None:
    recipe = plan(units=3, size=16, steps=3)
    Jobs(store).submit(recipe)
    assert Claims(store).claim("gone-1-2") is not None
    done = run("neurons", "sketchnet", *QUICK, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rendered"] == 3


def test_a_cancel_from_elsewhere_stops_a_running_command(store: Store) -> None:
    units = ("--units", "0", "--size", "32", "--steps", "9000")
    key = plan(units=1, steps=9000).key
    with speaking("neurons", "sketchnet", "relu2a", *units) as process:
        until(store, key, lambda job: job.state == "running")
        time.sleep(1)
        patience = 1.5 * crowding()
        done = run("cancel", key[:8])
        assert done.returncode == 0 and "stopped SketchNet relu2a, neuron 0" in done.stderr
        while Claims(store).claiming_workers():
            time.sleep(0.02)
        heard = time.time()
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert f"error: this was stopped; `resume {key[:8]}` goes on" in said
    job = Jobs(store).get(key)
    assert job is not None and job.state == "cancelled" and job.ended is not None
    assert heard - job.ended < patience


def test_a_cancel_is_heard_in_the_middle_of_a_long_step(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Jobs(store).submit(plan(units=1))
    started: list[float] = []

    def one_step(*_: object, device: str) -> Iterator[render_recipe.Update]:
        Jobs(store).cancel(job.key)
        started.append(time.monotonic())
        while time.monotonic() - started[0] < PATIENCE:
            time.sleep(0.02)
        yield render_recipe.Update(1, 1)

    monkeypatch.setattr(render_recipe, "render_updates", one_step)
    with pytest.raises(ExplorerError, match="this was stopped"):
        run_job.run_job(store, job)
    assert time.monotonic() - started[0] < 5  # a second, and a busy machine
    assert Claims(store).claiming_workers() == []


@pytest.mark.skipif(os.name == "nt", reason="signals are for POSIX systems")
def test_two_processes_share_a_job_and_one_leaves_it_to_the_other(store: Store) -> None:
    key = plan(steps=9000).key
    long = ("neurons", "sketchnet", *SLOW[:-1], "9000")
    with speaking(*long) as one, speaking(*long) as two:
        deadline = time.monotonic() + PATIENCE
        while len(Claims(store).claiming_workers()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        one.send_signal(signal.SIGINT)
        _, said = one.communicate(timeout=PATIENCE)
        assert one.returncode == 130 and "somebody else waits for this, so it goes on" in said
        job = Jobs(store).get(key)
        assert job is not None and job.state == "running"
        two.send_signal(signal.SIGINT)
        _, said = two.communicate(timeout=PATIENCE)
        assert two.returncode == 130 and "stopped at 0%" in said
    job = Jobs(store).get(key)
    assert job is not None and job.state == "cancelled"


def test_a_job_that_fails_is_one_sentence(store: Store) -> None:
    """Its weights are not to be had when it goes on."""
    stranger = dataclasses.replace(plan(units=1, size=16, steps=3), weights="0" * 16)
    key = Jobs(store).submit(stranger).key
    done = run_process("resume", key[:8])
    assert done.returncode == 1 and done.stdout == ""
    assert "error: this recipe is for weights 0000000000000000" in done.stderr
    assert "Traceback" not in done.stderr
    (row,) = json.loads(run("jobs", "--json").stdout)
    assert row["state"] == "failed" and "name their file with --weights" in row["message"]


def test_commands_that_only_look_do_not_wait_for_pytorch(store: Store) -> None:
    key = Jobs(store).submit(plan()).key
    code = (
        "import sys; from explorer.cli import cli; cli(standalone_mode=False); "
        "print([it for it in ('torch', 'streamlit', 'numpy') if it in sys.modules])"
    )
    for arguments in (["jobs"], ["jobs", "--json"], ["gallery"], ["cancel", key[:8]], ["gallery"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("[]\n"), done.stdout


def test_jobs_come_in_their_order_with_what_is_before_them(store: Store) -> None:
    jobs = Jobs(store)
    asked = [plan(seed=seed, units=1) for seed in range(4)]
    for recipe in asked:
        jobs.submit(recipe, f"visitor {recipe.seed}")
    claim = Claims(store).claim("w", only=asked[0].key)
    assert claim is not None
    jobs.cancel(asked[3].key)
    with worker_locks.hold_lock(store, "w"):
        rows = json.loads(run("jobs", "--json").stdout)
        text = run("jobs").stdout
    assert [row["key"] for row in rows] == [it.key for it in asked[:3]]
    assert [row["state"] for row in rows] == ["running", "waiting", "waiting"]
    assert [row["before"] for row in rows] == [0, 1, 2]
    assert "2 before it" in text and asked[2].key[:8] in text


def test_the_gallery_is_searched(store: Store) -> None:
    recipes = [plan(units=1, seed=seed) for seed in range(3)]
    for recipe in recipes:
        store.put(recipe, [StoredPicture(0, b"\x89PNG", {"activation": 1.0, "silent": False})], 1.0)
        Jobs(store).submit(recipe)
    Gallery(Jobs(store)).star(recipes[1].key, True)
    Gallery(Jobs(store)).rename(recipes[1].key, "my [bold] neuron")
    listed = json.loads(run("gallery", "--json").stdout)
    assert {row["key"] for row in listed} == {it.key for it in recipes}
    assert len(json.loads(run("gallery", "--json", "--limit", "2").stdout)) == 2
    (star,) = json.loads(run("gallery", "--json", "--starred", "--network", "sketchnet").stdout)
    assert star["key"] == recipes[1].key and star["starred"] is True
    assert star["title"] == star["what"] == "my [bold] neuron"
    assert star["pictures"] == 1 and star["when"].endswith("+00:00") and star["seconds"] == 0
    for name, value in (("layer", "relu1a"), ("network", "vgg19"), ("kind", "dreams")):
        assert json.loads(run("gallery", "--json", f"--{name}", value).stdout) == []
    text = run("gallery")
    assert text.returncode == 0 and "my [bold] neuron" in text.stdout


@pytest.mark.parametrize("name", ["cancel", "resume"])
def test_an_unknown_job_is_one_sentence(store: Store, name: str) -> None:
    done = run(name, "0123abcd")
    assert done.returncode == 1 and done.stdout == ""
    assert "no job '0123abcd'" in done.stderr and done.stderr.count("\n") == 1


def test_what_is_over_cannot_be_cancelled(store: Store) -> None:
    key = Jobs(store).submit(plan(units=1)).key
    Jobs(store).cancel(key)
    done = run("cancel", key[:8])
    assert done.returncode == 1 and f"job {key[:8]} is cancelled already" in done.stderr
