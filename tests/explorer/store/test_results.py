"""Tests of the store: atomic writes, several processes, killed writers, shipped results."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import ExplorerError
from core.recipes.neuron import NeuronRecipe
from explorer import paths as stores
from explorer.jobs.job_queue import Jobs
from explorer.store.recovery import copy_readable
from explorer.store.results import Store, StoredPicture
from explorer.store.schema import SCHEMA, VERSION
from tests.conftest import ROOT

RECIPE = NeuronRecipe("tiny", "0123456789abcdef", layer="3", units=(2, 5), size=64, steps=9)
PICTURES = [
    StoredPicture(2, b"\x89PNG two", {"activation": 1.5, "silent": False}),
    StoredPicture(5, b"\x89PNG five", {"activation": 0.0, "silent": True}),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "er" / "a.sqlite3", shipped=())


def test_there_and_back(store: Store) -> None:
    assert store.get(RECIPE.key) is None
    store.put(RECIPE, PICTURES, seconds=1.25)
    result = store.get(RECIPE.key)
    assert result is not None and result.seconds == 1.25
    assert NeuronRecipe.from_json(result.recipe) == RECIPE
    assert [result.pictures[2], result.pictures[5]] == PICTURES
    assert result.created.tzinfo is not None


def test_another_process_sees_it_and_a_later_one_too(store: Store) -> None:
    store.put(RECIPE, PICTURES, 1.0)
    again = Store(store.path, shipped=())
    assert again.get(RECIPE.key) == store.get(RECIPE.key)


def test_an_equal_recipe_replaces_the_whole_result(store: Store) -> None:
    store.put(RECIPE, PICTURES, 1.0)
    store.put(RECIPE, PICTURES[:1], 2.0)
    result = store.get(RECIPE.key)
    assert result is not None and list(result.pictures) == [2] and result.seconds == 2.0


def test_a_failed_write_leaves_nothing_half_done(store: Store) -> None:
    store.put(RECIPE, PICTURES, 1.0)
    twice = [PICTURES[0], PICTURES[0]]
    with pytest.raises(ExplorerError, match="cannot be written"):
        store.put(RECIPE, twice, 2.0)
    result = store.get(RECIPE.key)
    assert result is not None and len(result.pictures) == 2 and result.seconds == 1.0


def test_shipped_results_are_found_and_never_written(tmp_path: Path, store: Store) -> None:
    shipped = Store(tmp_path / "shipped.sqlite3", shipped=())
    shipped.put(RECIPE, PICTURES, 1.0)
    shipped.close()
    with sqlite3.connect(tmp_path / "shipped.sqlite3") as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    before = (tmp_path / "shipped.sqlite3").read_bytes()
    both = Store(store.path, shipped=[tmp_path / "shipped.sqlite3"])
    found = both.get(RECIPE.key)
    assert found is not None and list(found.pictures.values()) == PICTURES
    other = dataclasses.replace(RECIPE, seed=1)
    both.put(other, PICTURES, 3.0)
    both.put(RECIPE, PICTURES[:1], 3.0)
    own = both.get(RECIPE.key)
    assert own is not None and list(own.pictures) == [2]  # the user's own result comes first
    assert (tmp_path / "shipped.sqlite3").read_bytes() == before


def test_a_recipe_is_found_as_far_as_its_parts_are_there(store: Store) -> None:
    large = dataclasses.replace(RECIPE, units=tuple(range(40)))
    first, second, third = large.parts()
    store.put(first, [StoredPicture(unit, b"a", {}) for unit in first.units], 1.0)
    store.put(third, [StoredPicture(unit, b"c", {}) for unit in third.units], 1.0)
    assert store.present([first.key, second.key, third.key]) == {first.key, third.key}
    assert set(store.pictures(large)) == {*range(16), *range(32, 40)}


def test_samples_are_few_and_alive_where_they_can_be(store: Store) -> None:
    dead = [StoredPicture(unit, b"dead", {"silent": True}) for unit in range(4)]
    alive = [StoredPicture(unit, b"alive", {"silent": False}) for unit in range(4, 6)]
    store.put(RECIPE, [*dead, *alive], 1.0)
    assert [it.part for it in store.samples(RECIPE.key, 3)] == [4, 5, 0]
    assert store.samples("f" * 32, 3) == []


def test_inputs_and_checkpoints_are_remembered(store: Store, tmp_path: Path) -> None:
    assert store.input("ab" * 16) is None and store.checkpoint("cd") is None
    for _ in range(2):
        store.put_input("ab" * 16, b"\x89PNG input")
    assert store.input("ab" * 16) == b"\x89PNG input"
    store.remember_checkpoint("resnet18", "cd", tmp_path / "a" / ".." / "old.safetensors")
    own = tmp_path / "own.safetensors"
    own.touch()
    store.remember_checkpoint("resnet18", "cd", own)
    assert store.checkpoint("cd") == own
    own.unlink()
    assert store.checkpoint("cd") is None


def test_all_that_came_along_is_looked_into(store: Store, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.sqlite3", "none.sqlite3", "two.sqlite3")]
    other = dataclasses.replace(RECIPE, seed=RECIPE.seed + 1)
    for file, recipe in ((files[0], RECIPE), (files[2], other)):
        shipped = Store(file, shipped=())
        shipped.put(recipe, PICTURES, 1.0)
        shipped.close()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    both = Store(store.path, shipped=files)
    for _ in range(2):  # Also after its connections were closed.
        assert both.present([RECIPE.key, other.key]) == {RECIPE.key, other.key}
        assert both.picture(other.key, PICTURES[0].part) is not None
        both.close()


def test_of_pictures_that_visitors_only_looked_at_the_last_ones_stay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.store.inputs.UNUSED_BYTES", 20)
    names = [f"{number:032x}" for number in range(1, 7)]
    used, job, own, *looked_at = names
    store.put(
        dataclasses.replace(RECIPE, image=used, objective="caricature", units=()), PICTURES, 1.0
    )
    for name in (used, job):
        store.put_upload(name, bytes(10))
    Jobs(store).submit(
        dataclasses.replace(RECIPE, image=job, objective="caricature", units=()), "visitor"
    )
    store.put_upload(own, bytes(10))
    store.put_input(own, bytes(10))  # the command line stores it permanently
    store.put_upload(own, bytes(10))
    for name in looked_at:
        store.put_upload(name, bytes(15))
    assert [name for name in names if store.input(name)] == [used, job, own, *looked_at[1:]]
    store.put_upload(looked_at[0], bytes(5))
    assert [name for name in names if store.input(name)] == [
        *(used, job, own, looked_at[0], looked_at[2])
    ]


def test_a_store_of_before_gets_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(SCHEMA[1] + SCHEMA[2])
        old.execute("INSERT INTO inputs VALUES ('ab', x'01')")
        old.execute("PRAGMA user_version = 2")
        old.commit()
    store = Store(path, shipped=())
    assert store.input("ab") == b"\x01"
    store.put_upload("cd", b"2")
    assert store.input("cd") == b"2"
    store.close()


@pytest.mark.parametrize("version", range(2, VERSION))
def test_jobs_of_every_version_are_kept(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.executescript("".join(SCHEMA[it] for it in range(1, version + 1)))
        old.execute(
            "INSERT INTO jobs (key, kind, network, layer, recipe, state, rank, visitor, message, "
            "queued, spent, title, starred) VALUES (?, ?, ?, ?, ?, 'cancelled', 0, 'me', '', 1.0, "
            "2.0, 'mine', 1)",
            (RECIPE.key, RECIPE.kind, RECIPE.network, RECIPE.layer, RECIPE.to_json()),
        )
        old.execute("INSERT INTO parts VALUES (?, 0, ?, 0, 1)", (RECIPE.key, RECIPE.key))
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()
    store = Store(path, shipped=())
    job = Jobs(store).get(RECIPE.key)
    assert job is not None and (job.title, job.state, job.starred) == ("mine", "cancelled", True)
    assert Jobs(store).submit(RECIPE, "me").state == "waiting"
    store.close()
    # A damaged file of an older version is copied row by row.
    with closing(sqlite3.connect(path)) as new:
        new.execute("DELETE FROM jobs")
        new.commit()
    with closing(sqlite3.connect(tmp_path / "damaged.sqlite3")) as old:
        old.executescript("".join(SCHEMA[it] for it in range(1, version + 1)))
        old.execute("INSERT INTO inputs (fingerprint, image) VALUES ('ab', x'01')")
        old.commit()
    copy_readable(tmp_path / "damaged.sqlite3", path)
    assert Store(path, shipped=()).input("ab") == b"\x01"


def test_shipped_results_can_be_left_out(tmp_path: Path, store: Store) -> None:
    shipped = Store(tmp_path / "shipped.sqlite3", shipped=())
    shipped.put(RECIPE, PICTURES, 1.0)
    shipped.close()
    both = Store(store.path, shipped=[tmp_path / "shipped.sqlite3"])
    assert both.get(RECIPE.key, shipped=False) is None
    assert both.present([RECIPE.key]) == {RECIPE.key}
    assert both.present([RECIPE.key], shipped=False) == set()
    assert [it.part for it in both.samples(RECIPE.key, 1)] == [2]
    both.close()


def test_the_home_is_where_the_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "elsewhere"))
    assert Store().path == tmp_path / "elsewhere" / "explorer.sqlite3"
    monkeypatch.delenv("EXPLORER_HOME")
    assert "neuron-explorer" in str(stores.home())


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = Store(tmp_path / "file" / "a.sqlite3")
    assert store.get(RECIPE.key) is None
    with pytest.raises(ExplorerError, match=r"nothing can be saved: .* set EXPLORER_HOME"):
        store.put(RECIPE, PICTURES, 1.0)


def test_a_file_that_is_no_store_is_explained_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    path.write_bytes(b"precious notes, no database at all" * 40)
    before = path.read_bytes()
    store = Store(path)
    assert "was damaged (file is not a database); it is kept as" in store.set_aside
    (kept,) = tmp_path.glob("a.sqlite3.damaged-*")
    assert kept.read_bytes() == before
    store.put(RECIPE, PICTURES, 1.0)
    assert store.get(RECIPE.key) is not None


def test_a_store_of_another_version_is_refused_and_kept(store: Store) -> None:
    store.put(RECIPE, PICTURES, 1.0)
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ExplorerError, match="has version 99"):
        Store(store.path)
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT count(*) FROM results").fetchone() == (1,)


WRITER = """
    import dataclasses, sys
    from pathlib import Path
    from tests.explorer.store.test_results import PICTURES, RECIPE
    from explorer.store.results import Store
    store = Store(Path(sys.argv[1]), shipped=())
    for seed in range(int(sys.argv[2]), int(sys.argv[3])):
        store.put(dataclasses.replace(RECIPE, seed=seed), PICTURES, 1.0)
        print(seed, flush=True)
"""


def writer(path: Path, first: int, last: int) -> subprocess.Popen[str]:
    code = textwrap.dedent(WRITER)
    command = [sys.executable, "-c", code, str(path), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_two_processes_write_at_once(store: Store) -> None:
    writers = [writer(store.path, 0, 40), writer(store.path, 40, 80)]
    assert [process.wait(60) for process in writers] == [0, 0]
    for process in writers:
        assert process.stdout is not None
        process.stdout.close()
    for seed in range(80):
        result = store.get(dataclasses.replace(RECIPE, seed=seed).key)
        assert result is not None and len(result.pictures) == 2


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is for POSIX systems")
def test_a_killed_writer_loses_nothing_that_it_reported(store: Store) -> None:
    for round_ in range(3):
        process = writer(store.path, round_ * 10_000, (round_ + 1) * 10_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05 * round_)
        process.send_signal(signal.SIGKILL)
        reported = [round_ * 10_000, *(int(line) for line in process.stdout if line.endswith("\n"))]
        process.wait()
        process.stdout.close()
        for seed in reported:
            result = store.get(dataclasses.replace(RECIPE, seed=seed).key)
            assert result is not None and len(result.pictures) == 2
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        orphans = "SELECT count(*) FROM results WHERE key NOT IN (SELECT key FROM pictures)"
        assert connection.execute(orphans).fetchone() == (0,)
