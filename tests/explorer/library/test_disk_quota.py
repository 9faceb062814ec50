"""The limit of the data folder: what is deleted when it is reached, and who is refused."""

from pathlib import Path

import pytest

from core.errors import ExplorerError
from core.recipes.neuron import NeuronRecipe
from explorer.jobs import ownership
from explorer.jobs.claims import Claims
from explorer.jobs.job_queue import Jobs
from explorer.jobs.queue_order import ASKED, UNASKED
from explorer.library import disk_quota, index_task
from explorer.library.disk_quota import VARIABLE, DiskFull
from explorer.paths import checkpoints_folder, home
from explorer.store.results import Store, StoredPicture
from tests.conftest import Clock

GUEST = ownership.visitor_id("somebody", guest=True)
PICTURE = bytes(200_000)


def make(store: Store, seed: int, rank: int, clock: Clock) -> str:
    """Render a picture of 200 kB."""
    recipe = NeuronRecipe("tiny", "0123456789abcdef", seed, layer="3", units=(0,), size=16, steps=2)
    Jobs(store, clock).submit(recipe, GUEST, rank)
    claims = Claims(store, clock)
    claim = claims.claim("w")
    assert claim is not None
    claims.finish(claim, [StoredPicture(0, PICTURE, {})], 1.0)
    with store.transaction() as connection:
        # The time has a resolution of a second.
        when = f"2026-01-01T00:00:{seed:02}+00:00"
        connection.execute("UPDATE results SET created = ? WHERE key = ?", (when, recipe.key))
    return recipe.key


def limit(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    monkeypatch.setenv(VARIABLE, str(size / 2**30))


def test_the_oldest_unasked_pictures_go_first(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(shipped=())
    kept = make(store, 0, ASKED, clock)
    unasked = [make(store, seed, UNASKED, clock) for seed in range(1, 11)]
    size = disk_quota.used_bytes(store)
    assert size > 11 * len(PICTURE)
    limit(monkeypatch, size + 1000)
    disk_quota.make_room(store, 0, GUEST)
    assert len(store.present([kept, *unasked])) == 11
    limit(monkeypatch, size - 2.5 * len(PICTURE))
    disk_quota.make_room(store, 0, GUEST)
    left = store.present([kept, *unasked])
    assert left == {kept, *unasked[4:]} or left == {kept, *unasked[3:]}
    assert disk_quota.used_bytes(store) <= size - 2.5 * len(PICTURE)
    # What has expired is rendered again when a page shows it.
    assert Jobs(store).get(unasked[0]) is None


def test_guests_are_refused_when_nothing_can_go(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(shipped=())
    kept = [make(store, seed, ASKED, clock) for seed in range(3)]
    limit(monkeypatch, disk_quota.used_bytes(store) + 1000)
    disk_quota.make_room(store, 900, GUEST)
    with pytest.raises(DiskFull, match="used up"):
        disk_quota.make_room(store, 1100, GUEST)
    # It is the user's own disk.
    disk_quota.make_room(store, 1100, None)
    disk_quota.make_room(store, 1100, ownership.visitor_id("somebody", guest=False))
    assert store.present(kept) == set(kept)


def test_checkpoints_and_indexes_count() -> None:
    store = Store(shipped=())
    before = disk_quota.used_bytes(store)
    for folder in (checkpoints_folder(), home() / index_task.FOLDER):
        folder.mkdir()
        Path(folder, "file").write_bytes(PICTURE)
    assert disk_quota.used_bytes(store) == before + 2 * len(PICTURE)


@pytest.mark.parametrize("text", ["much", "0", "-1", "nan", "inf", "1" * 5000])
def test_a_limit_is_a_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ExplorerError, match="number of GB"):
        disk_quota.limit_bytes()
