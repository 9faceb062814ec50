"""The store when the disk is full, the folder read-only, the file damaged or suddenly gone."""

import contextlib
import dataclasses
import json
import logging
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.errors import ExplorerError
from core.recipes.neuron import NeuronRecipe
from explorer.gallery.queries import Gallery, Search
from explorer.jobs.job_queue import Jobs
from explorer.store import database
from explorer.store.database import FILE_NAME
from explorer.store.results import Store, StoredPicture
from tests.conftest import ROOT, UNPRIVILEGED, fill

RECIPE = NeuronRecipe("tiny", "0123456789abcdef", layer="3", units=(2,), size=64, steps=9)
OTHER = NeuronRecipe("tiny", "0123456789abcdef", layer="3", units=(5,), size=64, steps=9)
PICTURES = [StoredPicture(2, b"\x89PNG two", {"activation": 1.5, "dead": False})]
LARGE = [StoredPicture(5, bytes(400_000), {"activation": 1.5, "dead": False})]


def saved(folder: Path) -> Store:
    """Return a store in a folder, with one result and its job."""
    store = Store(folder / FILE_NAME, shipped=())
    store.put(RECIPE, PICTURES, 1.0)
    Jobs(store).submit(RECIPE)
    return store


def check_that_looking_works(store: Store) -> None:
    """Check that everything that only looks works, and that saving is refused in one sentence."""
    found = store.get(RECIPE.key)
    assert found is not None and dict(found.pictures) == {2: PICTURES[0]}
    jobs = Jobs(store)
    assert [it.state for it in jobs.select("")] == ["done"]
    assert len(Gallery(jobs).entries(Search())) == 1
    jobs.watch(RECIPE.key, "visitor")
    jobs.withdraw([RECIPE.key], "visitor")
    store.put_input("0" * 32, b"picture")
    assert store.input("0" * 32) == b"picture"
    with pytest.raises(
        ExplorerError, match=r"nothing can be saved: the store .* cannot be written"
    ):
        store.put(OTHER, LARGE, 1.0)
    assert store.get(OTHER.key) is None
    assert "nothing can be saved" in store.problem and store.problem.isprintable()


def test_a_disk_that_fills_up(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = saved(disk)
    fill(disk)
    check_that_looking_works(store)
    # Another thread opens the file anew.
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.append(store.get(RECIPE.key)))
    thread.start()
    thread.join()
    assert seen[0] is not None
    (disk / "full").unlink()
    monkeypatch.setattr(database, "RETRY_SECONDS", 0.0)
    assert store.problem == ""
    store.put(OTHER, LARGE, 1.0)


def test_a_store_that_is_opened_on_a_full_disk(
    disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    saved(disk).close()
    fill(disk)
    check_that_looking_works(Store(disk / FILE_NAME, shipped=()))
    caplog.set_level(logging.WARNING)
    empty = Store(disk / "new" / FILE_NAME, shipped=())
    assert empty.get(RECIPE.key) is None and "the store is empty" in empty.problem
    assert caplog.messages[1:] == [empty.problem]
    with pytest.raises(ExplorerError):
        Jobs(empty).submit(RECIPE)
    (disk / "full").unlink()
    monkeypatch.setattr(database, "RETRY_SECONDS", 0.0)
    empty.put(RECIPE, PICTURES, 1.0)
    assert empty.problem == "" and empty.get(RECIPE.key) is not None


LOOK = """
import json, os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from core.errors import ExplorerError
from explorer.store.results import Store
if os.geteuid() == 0:
    # Only now: the user may not even read where Python is installed.
    os.setgroups([]); os.setgid({user}); os.setuid({user})
store = Store(Path(sys.argv[1]), shipped=())
told = []
for key in sys.argv[2:]:
    result = store.get(key)
    told.append(result is not None)
try:
    store.put_input("0" * 32, b"x")
    told.append(store.input("0" * 32) == b"x")
    store.remember_checkpoint("a", "b", Path("c"))
except ExplorerError as error:
    told.append(str(error))
print(json.dumps(told))
"""


@pytest.mark.parametrize("closed", [True, False])
def test_a_home_that_may_only_be_read(tmp_path: Path, closed: bool) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = saved(home)
    if closed:
        store.close()  # SQLite then removes the files of its write-ahead log
    for folder in (home, *home.parents[:-1]):
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    home.chmod(0o555)
    for file in home.iterdir():
        file.chmod(0o444)
    code = LOOK.format(root=str(ROOT), user=UNPRIVILEGED)
    done = subprocess.run(
        [sys.executable, "-c", code, str(home / FILE_NAME), RECIPE.key],
        capture_output=True,
        text=True,
        cwd="/",
    )
    home.chmod(0o755)
    there, kept, said = json.loads(done.stdout)
    assert there and kept and said.startswith("nothing can be saved: the store ")
    assert done.stderr.startswith("nothing can be saved") and done.stderr.count("\n") == 1


def damage(file: Path, share: float, seed: int) -> None:
    """Change a share of the bytes of a file, but for those that say what kind of file it is."""
    generator = random.Random(seed)
    content = bytearray(file.read_bytes())
    for at in range(100, len(content)):
        if generator.random() < share:
            content[at] ^= 1 << generator.randrange(8)
    file.write_bytes(content)


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bytes_are_one_sentence_and_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    saved(tmp_path).close()
    file = tmp_path / FILE_NAME
    damage(file, (0.001, 0.02, 0.5)[seed % 3], seed)
    said = []
    for _ in range(3):
        try:
            store = Store(file, shipped=())
            store.get(RECIPE.key)
            [it.recipe for it in Jobs(store).select("")]
            Gallery(Jobs(store)).choices()
            store.put(OTHER, LARGE, 1.0)
        except ExplorerError as error:
            said.append(str(error))
    assert all("\n" not in it and len(it) < 500 for it in said)
    if list(tmp_path.glob(f"{FILE_NAME}.damaged-*[0-9]")):
        # The damaged file is kept, and what replaces it works.
        fresh = Store(file, shipped=())
        fresh.put(RECIPE, PICTURES, 1.0)
        assert fresh.get(RECIPE.key) is not None and fresh.problem == ""


def test_a_damaged_file_is_set_aside_while_the_program_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = saved(tmp_path)
    store.close()
    damage(tmp_path / FILE_NAME, 0.5, 1)
    with pytest.raises(ExplorerError, match=r"was damaged .* it is kept as .*; do this once more"):
        store.get(RECIPE.key)
    assert store.get(RECIPE.key) is None and "a new one was begun" in store.set_aside
    assert caplog.messages == [store.set_aside]
    store.put(RECIPE, PICTURES, 1.0)
    assert store.get(RECIPE.key) is not None


def test_what_can_be_read_is_taken_over(tmp_path: Path) -> None:
    store = saved(tmp_path)
    recipes = [dataclasses.replace(RECIPE, seed=seed) for seed in range(40)]
    for recipe in recipes:
        store.put(recipe, [StoredPicture(2, bytes(6000), {"activation": 1.0})], 1.0)
        Jobs(store).submit(recipe)
    store.close()
    # A page in the middle is destroyed; SQLite notices when it comes to it.
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        pages = "SELECT pageno FROM dbstat WHERE name = 'results' AND pagetype = 'leaf'"
        try:
            leaves = sorted(number for (number,) in connection.execute(pages))
        except sqlite3.Error:
            pytest.skip("this SQLite does not tell where its pages are")
    connection.close()
    middle = leaves[len(leaves) // 2] - 1
    content[4096 * middle : 4096 * (middle + 1)] = bytes(4096)
    (tmp_path / FILE_NAME).write_bytes(content)
    fresh = Store(tmp_path / FILE_NAME, shipped=())
    with contextlib.suppress(ExplorerError):
        [fresh.get(recipe.key) for recipe in recipes]
    there = [recipe for recipe in recipes if fresh.get(recipe.key) is not None]
    assert fresh.set_aside and len(recipes) / 2 < len(there) < len(recipes)
    jobs = {it.key: it.state for it in Jobs(fresh).select("")}
    assert set(jobs) >= {it.key for it in recipes} and set(jobs.values()) == {"done"}


def test_facts_that_are_no_json_are_one_sentence(tmp_path: Path) -> None:
    store = saved(tmp_path)
    with store.transaction() as connection:
        connection.execute("UPDATE pictures SET facts = '{\"activation'")
    for look in (store.get, lambda key: store.picture(key, 2), lambda key: store.samples(key, 1)):
        with pytest.raises(ExplorerError, match=r"a result in the store .* is damaged"):
            look(RECIPE.key)


def test_a_home_that_is_deleted_while_the_program_runs(tmp_path: Path) -> None:
    store = saved(tmp_path / "home")
    seen: list[object] = []

    def look() -> None:
        seen.append(store.get(RECIPE.key))
        gone.wait()
        seen.append(store.get(RECIPE.key))

    gone = threading.Event()
    thread = threading.Thread(target=look)
    thread.start()
    while not seen:
        pass
    shutil.rmtree(tmp_path / "home")
    gone.set()
    thread.join()
    assert seen[0] is not None and seen[1] is None
    store.put(OTHER, LARGE, 1.0)
    assert store.get(OTHER.key) is not None
    # Another store sees it: it is in the folder, not in a file without a name.
    assert Store(tmp_path / "home" / FILE_NAME, shipped=()).get(OTHER.key) is not None
