"""Tests of the gallery on a real store: entries, search, pictures, export, deleting."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from core.errors import ExplorerError
from core.recipes.neuron import BATCH, NeuronRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from explorer.gallery import zip_export
from explorer.gallery.pictures import recipe_settings
from explorer.gallery.queries import BIN_SECONDS, TITLE_AT_MOST, Gallery, Search
from explorer.jobs.claims import Claims
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.jobs.queue_order import UNASKED
from explorer.store.results import Store, StoredPicture
from explorer.ui.gallery import entry as gallery_entry
from tests.conftest import Clock
from tests.explorer.workers import alive

EVERYTHING = Search()


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """Create a shipped store with one lossy result."""
    path = tmp_path / "shipped.sqlite3"
    store = Store(path, shipped=())
    part = recipe(seed=100)
    store.put(part, [StoredPicture(it, b"RIFFWEBP", {"silent": False}) for it in part.units], 1.0)
    with store.reading() as connection:
        connection.commit()
        connection.execute("PRAGMA journal_mode = DELETE")
    store.close()
    return path


@pytest.fixture
def found(tmp_path: Path, shipped: Path, clock: Clock) -> Iterator[Gallery]:
    store = Store(tmp_path / "a.sqlite3", [shipped])
    with alive(store, "w"):
        yield Gallery(Jobs(store, clock), clock, "me")
    store.close()


def recipe(parts: int = 1, seed: int = 0, layer: str = "3", network: str = "tiny") -> NeuronRecipe:
    units = tuple(range(parts * BATCH))
    return NeuronRecipe(network, "0123456789abcdef", seed, layer, units, size=16, steps=2)


def png(part: int, text: str = "{}") -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("recipe", text)
    chunks.add_itxt("part", str(part))
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (part % 256, 0, 0)).save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def pictures(part: NeuronRecipe, dead: Callable[[int], bool]) -> list[StoredPicture]:
    text = part.to_json()
    return [StoredPicture(it, png(it, text), {"silent": dead(it)}) for it in part.units]


def make(
    found: Gallery,
    asked: NeuronRecipe,
    parts: int | None = None,
    dead: Callable[[int], bool] = lambda unit: False,
) -> Job:
    """Submit a recipe, and finish all or some of its parts."""
    found.jobs.submit(asked, "me")
    claims = Claims(found.jobs.store, found.jobs._clock)
    done = 0
    while done != parts and (claim := claims.claim("w", asked.key)) is not None:
        assert isinstance(claim.recipe, NeuronRecipe)
        claims.finish(claim, pictures(claim.recipe, dead), 1.0)
        done += 1
    return get(found, asked)


def get(found: Gallery, asked: NeuronRecipe) -> Job:
    job = found.jobs.get(asked.key)
    assert job is not None
    return job


def keys(jobs: list[Job]) -> list[str]:
    return [job.key for job in jobs]


def units(found: Gallery, job: Job) -> list[int]:
    return [it.part for it in found.picture_refs(job)]


def test_what_was_made_last_comes_first(found: Gallery, clock: Clock) -> None:
    made = []
    for seed in range(3):
        clock.now += 1
        made.append(make(found, recipe(seed=seed)).key)
    assert keys(found.entries(EVERYTHING)) == made[::-1]
    assert keys(found.entries(EVERYTHING, page=2, per_page=2)) == made[:1]
    assert found.count(EVERYTHING) == 3


def test_the_entries_beside_one_are_those_before_and_after_it(found: Gallery, clock: Clock) -> None:
    made = []
    for seed in range(3):
        clock.now += 1
        made.append(make(found, recipe(seed=seed)).key)
    oldest, middle, newest = made
    assert found.beside(newest) == (None, middle)
    assert found.beside(middle) == (newest, oldest)
    assert found.beside(oldest) == (middle, None)
    found.delete([middle])
    assert found.beside(newest) == (None, oldest)
    assert found.beside(middle) == (None, None)


def test_only_what_was_asked_for_and_has_something_to_show_stands_in_it(
    found: Gallery, clock: Clock
) -> None:
    filling, waiting, cancelled = (recipe(seed=it) for it in (1, 2, 3))
    found.jobs.submit(filling, rank=UNASKED)
    claims = Claims(found.jobs.store, clock)
    claim = claims.claim("w")
    assert claim is not None
    claims.finish(claim, pictures(filling, lambda _: False), 1.0)
    found.jobs.submit(waiting)
    found.jobs.submit(cancelled)
    found.jobs.cancel(cancelled.key)
    assert found.entries(EVERYTHING) == []
    assert keys(found.unfinished(5)[0]) == [waiting.key]
    partly = make(found, recipe(parts=2, seed=4), parts=1)
    assert found.entries(EVERYTHING) == []
    found.jobs.cancel(partly.key)
    assert keys(found.entries(EVERYTHING)) == [partly.key]


def test_a_sketch_is_something_to_show(found: Gallery) -> None:
    asked = recipe()
    found.jobs.submit(asked)
    claims = Claims(found.jobs.store)
    claim = claims.claim("w")
    assert claim is not None
    claims.report(claim, 1, 2, {5: b"five", 3: b"three"})
    claims.fail(claim, "there is not enough memory")
    assert keys(found.entries(EVERYTHING)) == [asked.key]
    shown = found.cover_pictures(get(found, asked), 4)
    assert [(it.ref.part, it.image, it.exact) for it in shown] == [
        (3, b"three", False),
        (5, b"five", False),
    ]
    assert keys(found.unfinished(5)[0]) == [asked.key]


def test_it_is_searched_by_everything(found: Gallery) -> None:
    first = make(found, recipe(layer="conv1")).key
    second = make(found, recipe(layer="conv2")).key
    third = make(found, recipe(layer="conv2", network="other")).key
    found.rename(first, "  My   best\n eyes ")
    found.star(second, True)

    def search(**wanted: object) -> set[str]:
        query = Search(**wanted)  # type: ignore[arg-type]
        listed = keys(found.entries(query))
        assert found.count(query) == len(listed)
        return set(listed)

    assert search(kind="neurons") == {first, second, third}
    assert search(kind="dreams") == set()
    assert search(network="tiny") == {first, second}
    assert search(layer="conv2") == {second, third}
    assert search(network="tiny", layer="conv2") == {second}
    assert search(starred=True) == {second}
    assert search(text="BEST EYES") == {first}
    assert search(text="oth") == {third}
    assert search(text="100%") == set()
    found.star(second, False)
    assert search(starred=True) == set()
    assert found.choices() == {
        "kind": ["neurons"],
        "network": ["other", "tiny"],
        "layer": ["conv1", "conv2"],
    }


def test_pictures_stand_in_the_recipes_order_and_sketches_last(found: Gallery) -> None:
    backwards = tuple(range(2 * BATCH))[::-1]
    asked = NeuronRecipe("tiny", "0123456789abcdef", layer="3", units=backwards, size=16, steps=2)
    job = make(found, asked, parts=1)
    claims = Claims(found.jobs.store)
    claim = claims.claim("w")
    assert claim is not None
    claims.report(claim, 1, 2, {2: b"two", 7: b"seven"})
    assert units(found, job) == [*backwards[:BATCH], 7, 2]
    shown = found.read_pictures(found.picture_refs(job)[BATCH - 1 :])
    assert [it.ref.part for it in shown] == [BATCH, 7, 2]
    assert [it.exact for it in shown] == [True, False, False]


def test_a_cover_prefers_living_neurons_and_reads_few(found: Gallery) -> None:
    job = make(found, recipe(parts=4), dead=lambda unit: unit in (0, 2))
    read: list[int] = []
    read_pictures = found.read_pictures
    found.read_pictures = lambda refs: read.append(len(refs)) or read_pictures(refs)  # type: ignore
    assert [it.ref.part for it in found.cover_pictures(job, 4)] == [1, 3, 4, 5]
    assert read == [4, 4]
    hopeless = make(found, recipe(parts=4, seed=1), dead=lambda unit: True)
    assert [it.ref.part for it in found.cover_pictures(hopeless, 4)] == [0, 1, 2, 3]
    assert sum(read) == 8 + 12


def test_names_are_bounded_and_plain(found: Gallery) -> None:
    job = make(found, recipe(layer="features.7"))
    assert "features.7" in found.title(job)
    found.rename(job.key, "\u202e Eyes \n")
    assert found.title(get(found, recipe(layer="features.7"))) == "Eyes"
    with pytest.raises(ExplorerError, match="has 81 characters"):
        found.rename(job.key, "x" * (TITLE_AT_MOST + 1))
    found.rename(job.key, "")
    assert "features.7" in found.title(get(found, recipe(layer="features.7")))


def test_what_is_deleted_comes_back(found: Gallery) -> None:
    job = make(found, recipe())
    assert found.delete([job.key]) == [job.key]
    assert (found.entries(EVERYTHING), found.count(EVERYTHING)) == ([], 0)
    with pytest.raises(ExplorerError, match="was deleted"):
        found.find(job.id)
    found.restore([job.key])
    assert keys(found.entries(EVERYTHING)) == [job.key]
    assert len(found.picture_refs(job)) == BATCH


def test_deleting_stops_what_nobody_else_waits_for(found: Gallery) -> None:
    mine, ours = recipe(seed=1), recipe(seed=2)
    found.jobs.submit(mine, "me")
    found.jobs.submit(ours, "me")
    found.jobs.submit(ours, "you")
    assert found.delete([mine.key, ours.key]) == [mine.key]
    assert get(found, mine).state == "cancelled"
    assert (get(found, ours).state, get(found, ours).deleted) == ("waiting", None)
    assert keys(found.unfinished(5)[0]) == [ours.key]


def test_asking_again_takes_it_out_of_the_bin(found: Gallery) -> None:
    job = make(found, recipe())
    found.delete([job.key])
    found.jobs.submit(recipe(), "you")
    assert keys(found.entries(EVERYTHING)) == [job.key]


def test_the_bin_empties_itself_of_what_nothing_else_uses(found: Gallery, clock: Clock) -> None:
    large, small, other = recipe(parts=2), recipe(parts=1), recipe(seed=5)
    assert large.parts()[0] == small
    make(found, large)
    make(found, small)
    kept = make(found, other)
    rough = recipe(seed=6)
    found.jobs.submit(rough)
    claims = Claims(found.jobs.store)
    claim = claims.claim("w")
    assert claim is not None
    claims.report(claim, 1, 2, {0: b"zero"})
    claims.fail(claim, "no memory")
    found.delete([large.key, rough.key])
    clock.now += BIN_SECONDS - 1
    assert found.purge() == 0
    found.delete([kept.key])
    clock.now += 1
    assert found.purge() == 2
    store = found.jobs.store
    assert store.present([it.key for it in large.parts()]) == {small.key}
    assert found.jobs.get(large.key) is None
    assert units(found, get(found, small)) == list(small.units)
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sketches").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pictures").fetchone() == (2 * BATCH,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found.restore([kept.key])
    assert units(found, get(found, other)) == list(other.units)


def test_an_open_job_is_never_purged(found: Gallery, clock: Clock) -> None:
    job = make(found, recipe(parts=2), parts=1)
    found.delete([job.key])
    clock.now += BIN_SECONDS
    found.jobs.resume(job.key)
    assert found.purge() == 0
    assert get(found, recipe(parts=2)).state == "waiting"


def test_a_hundred_pictures_are_found_without_reading_them(found: Gallery) -> None:
    job = make(found, recipe(parts=8))
    refs = found.picture_refs(job)
    assert len(refs) == 8 * BATCH
    assert [it.ref.part for it in found.read_pictures(refs[100:104])] == [100, 101, 102, 103]


def test_a_zip_holds_pictures_recipes_and_a_list(found: Gallery, clock: Clock) -> None:
    job = make(found, recipe(layer="features.7"))
    found.rename(job.key, 'CON: "Äuge" / ../x')
    job = get(found, recipe(layer="features.7"))
    zipped = zipfile.ZipFile(io.BytesIO(zip_export.write_zip(found, [job])))
    assert zipped.testzip() is None
    folder = f"con-auge-x-{job.id}"
    names = zipped.namelist()
    assert len(names) == BATCH + 2
    assert f"{folder}/recipe.json" in names
    assert json.loads(zipped.read(f"{folder}/recipe.json")) == json.loads(job.json)
    manifest = json.loads(zipped.read("manifest.json"))
    (entry,) = manifest["entries"]
    assert (entry["title"], entry["key"], len(entry["pictures"])) == (job.title, job.key, BATCH)
    for picture in entry["pictures"]:
        image = Image.open(io.BytesIO(zipped.read(picture["file"])))
        assert picture["exact"] is True
        assert image.info["part"] == str(picture["part"])
        assert image.info["recipe"] == recipe(layer="features.7").to_json()
    assert all(name.isascii() and ":" not in name and ".." not in name for name in names)


def test_pictures_that_came_with_loss_are_not_called_exact(found: Gallery) -> None:
    job = found.jobs.submit(recipe(seed=100))
    assert job.state == "done"
    assert keys(found.entries(EVERYTHING)) == [job.key]
    assert len(found.cover_pictures(job, 4)) == 4
    zipped = zipfile.ZipFile(io.BytesIO(zip_export.write_zip(found, [job])))
    (entry,) = json.loads(zipped.read("manifest.json"))["entries"]
    assert {it["exact"] for it in entry["pictures"]} == {False}
    assert all(it["file"].endswith(".webp") for it in entry["pictures"])
    assert len(entry["pictures"]) == BATCH
    assert any(name.endswith("recipe.json") for name in zipped.namelist())


def test_too_much_for_one_zip_is_refused(found: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make(found, recipe())
    monkeypatch.setattr(zip_export, "BYTES_AT_MOST", found.total_bytes([job]) - 1)
    with pytest.raises(ExplorerError, match="too much for one zip"):
        zip_export.write_zip(found, [job])
    with pytest.raises(ExplorerError, match="too many"):
        zip_export.write_zip(found, [job] * (zip_export.ENTRIES_AT_MOST + 1))


def test_a_recipe_of_an_older_version_still_has_a_name(found: Gallery) -> None:
    job = make(found, recipe())
    with found.jobs.store.transaction() as connection:
        connection.execute("UPDATE jobs SET recipe = json_set(recipe, '$.version', 0)")
    job = get(found, recipe())
    assert found.title(job) == "tiny 3 neurons"
    assert recipe_settings(job)["steps"] == 2
    assert units(found, job) == list(range(BATCH))


def test_the_gallery_needs_no_pytorch() -> None:
    code = "import explorer.gallery.zip_export, sys; print({'torch', 'streamlit'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr


def test_pictures_of_parts_that_have_one_each_are_numbered_by_their_place(found: Gallery) -> None:
    depths = {"style_depths": ("a", "b"), "content_depths": ("a", "c"), "stages": ("a",)}
    names = {"content": "0" * 32, "style": "1" * 32, "content_layer": "a"}
    asked = StyleDepthsRecipe("tiny", "0123456789abcdef", **names, **depths)
    store, claims = found.jobs.store, Claims(found.jobs.store)
    for fingerprint in asked.inputs:
        store.put_input(fingerprint, b"")
    found.jobs.submit(asked)
    for _ in range(3):
        claim = claims.claim("w")
        assert claim is not None
        claims.finish(claim, [StoredPicture(0, png(0, claim.recipe.to_json()), {})], 1.0)
    last = claims.claim("w")
    assert last is not None
    claims.report(last, 1, 2, {0: b"half"})
    assert found.jobs.previews(asked.key) == {3: b"half"}
    assert set(store.pictures(asked)) == {0, 1, 2}
    found.jobs.cancel(asked.key)
    job = found.find(asked.key)
    refs = found.picture_refs(job)
    assert [(it.number, it.part, it.finished) for it in refs] == [
        (0, 0, True), (1, 0, True), (2, 0, True), (3, 0, False)
    ]  # fmt: skip
    assert [it.ref.result for it in found.read_pictures(refs)] == [it.key for it in asked.parts()]
    with zipfile.ZipFile(io.BytesIO(zip_export.write_zip(found, [job]))) as file:
        saved = [name for name in file.namelist() if name.endswith(".png")]
    assert [name[-8:] for name in saved] == ["0000.png", "0001.png", "0002.png"]


def test_costs_of_style_are_told_as_rows_not_as_json() -> None:
    costs = {"content a": {"start": 0.0, "end": 0.51234, "curve": [0, 1]}}
    told = gallery_entry.facts_caption(
        {"losses": json.dumps(costs), "silent": False, "activation": 1.23456}
    )
    assert told == {"Activation": "1.235", "Content a": "0 \N{RIGHTWARDS ARROW} 0.512"}
