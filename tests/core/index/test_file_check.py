"""Index files of strangers: forged and damaged ones are read safely, or refused in one sentence."""

import copy
import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save

from core.analysis import crops
from core.datasets import sources
from core.errors import BadPicture, ExplorerError
from core.index import build, reader
from core.index.accumulator import IndexAccumulator
from core.index.top_k import picture_id
from core.networks.network import Network
from tests.conftest import as_network, tiny_module
from tests.core.picture_folders import fill

Tables = dict[str, Any]
QUICK = settings(
    deadline=None,
    max_examples=150,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def network() -> Network:
    return as_network(tiny_module())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of a few images, beside which is an image outside of its collection."""
    folder = tmp_path_factory.mktemp("made")
    source = sources.find_source(str(fill(folder / "photos", 8)))
    fill(folder / "secret", 1)
    plan = build.plan_index(network(), source, k=3, by=build.STATISTICS)
    out = folder / "a.index"
    list(build.build_index(network(), source, build.open_accumulator(plan, source, out), out))
    return out


def parts_of(path: Path) -> tuple[Tables, dict[str, Any]]:
    """Return copies of the tables and the manifest of an index."""
    with safe_open(path, framework="np") as file:
        tables = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
        return tables, json.loads(file.metadata()["manifest"])


def forged(path: Path, tables: Tables, manifest: dict[str, Any]) -> Path:
    path.write_bytes(save(tables, {"manifest": json.dumps(manifest)}))
    return path


def fits_network(index: reader.Index) -> bool:
    try:
        index.require(network())
    except ExplorerError:
        return False
    return True


def use(path: Path) -> None:
    """Read everything that pages read."""
    index = reader.open_index(path)
    fits = fits_network(index)
    for layer in index.plan.layers[:4]:
        for by in index.plan.by:
            index.percentiles(layer.name, np.zeros(layer.channels, np.float32), by)
            for unit in (0, layer.channels - 1):
                for hit in (*index.top(layer.name, unit, by), *index.least(layer.name, unit, by)):
                    assert np.isfinite(hit.value)
                    if fits:
                        crops.crop_hit(index, layer.name, hit)
                assert np.isfinite(index.values(layer.name, unit, by)).all()
                index.between(layer.name, unit, [99, 50, 1], by)


def use_or_refuse(path: Path) -> None:
    try:
        use(path)
    except ExplorerError as error:
        assert "\n" not in str(error) and len(str(error)) < 600


# Values that a manifest must not contain, but JSON can.
WEIRD = st.sampled_from(
    [
        *(None, True, -1, 0, 2**31, 2**62, 10**400, 1.5, 1e308, "", "x" * 5000, "\ud800", ".."),
        *([], {}, [[]], [-1, -1], [2**40, 2], ["max", "max"], ["mean"], {"a": [1]}),
    ]
)


@st.composite
def places_in(draw: st.DrawFn, value: Any) -> list[Any]:
    """Generate the keys that lead to some value inside a JSON value."""
    keys: list[Any] = []
    while isinstance(value, dict | list) and value and (not keys or draw(st.integers(0, 3))):
        choices = list(value) if isinstance(value, dict) else range(len(value))
        keys.append(draw(st.sampled_from(choices)))
        value = value[keys[-1]]
    return keys


@QUICK
@given(st.data())
def test_a_forged_manifest_is_used_safely_or_refused(made: Path, data: st.DataObject) -> None:
    tables, manifest = parts_of(made)
    changed = copy.deepcopy(manifest)
    for _ in range(data.draw(st.integers(1, 2))):
        *way, last = data.draw(places_in(changed))
        target = changed
        for key in way:
            target = target[key]
        if data.draw(st.booleans()):
            target[last] = copy.deepcopy(data.draw(WEIRD))
        else:
            del target[last]
    with tempfile.TemporaryDirectory() as folder:
        use_or_refuse(forged(Path(folder) / "a.index", tables, changed))


@QUICK
@given(st.data())
def test_forged_tables_are_used_safely_or_refused(made: Path, data: st.DataObject) -> None:
    tables, manifest = parts_of(made)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(tables)))
        table = tables[name]
        how = data.draw(st.sampled_from(["value", "shorter", "type", "missing"]))
        if how == "value" and table.size:
            at = data.draw(st.integers(0, table.size - 1))
            info = np.finfo if table.dtype.kind == "f" else np.iinfo
            limits = [info(table.dtype).min, info(table.dtype).max, 0, 1]
            limits += [np.nan, np.inf, -np.inf] if table.dtype.kind == "f" else []
            table.reshape(-1)[at] = data.draw(st.sampled_from(limits))
        elif how == "shorter":
            tables[name] = np.ascontiguousarray(table[:-1])
        elif how == "type":
            tables[name] = table.astype(np.float64)
        elif how == "missing":
            del tables[name]
    with tempfile.TemporaryDirectory() as folder:
        use_or_refuse(forged(Path(folder) / "a.index", tables, manifest))


@QUICK
@given(st.data())
def test_flipped_bytes_are_used_safely_or_refused(made: Path, data: st.DataObject) -> None:
    content = bytearray(made.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.index"
        path.write_bytes(content)
        use_or_refuse(path)


def with_manifest(**changes: object) -> Callable[[Path, Path], None]:
    def write(made: Path, out: Path) -> None:
        tables, manifest = parts_of(made)
        forged(out, tables, {**manifest, **changes})

    return write


def with_plan(**changes: object) -> Callable[[Path, Path], None]:
    def write(made: Path, out: Path) -> None:
        tables, manifest = parts_of(made)
        forged(out, tables, {**manifest, "plan": {**manifest["plan"], **changes}})

    return write


def without(key: str) -> Callable[[Path, Path], None]:
    def write(made: Path, out: Path) -> None:
        tables, manifest = parts_of(made)
        del manifest[key]
        forged(out, tables, manifest)

    return write


def with_text(text: str) -> Callable[[Path, Path], None]:
    def write(made: Path, out: Path) -> None:
        out.write_bytes(save(parts_of(made)[0], {"manifest": text}))

    return write


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda made, out: out.write_bytes(b""), "too short"),
        (lambda made, out: out.write_bytes(b"text " * 99), "damaged"),
        (lambda made, out: out.write_bytes(made.read_bytes()[:-1]), "cut off"),
        (lambda made, out: out.write_bytes(struct.pack("<Q", 2**62) + b"{}"), "cut off"),
        (lambda made, out: out.mkdir(), "there is no index"),
        (lambda made, out: out.write_bytes(save({"a": np.zeros(3)})), "damaged"),
        (with_manifest(version=2), "version 2"),
        (with_manifest(version="\x1b[31m\n"), "version"),
        (with_manifest(skipped=[1]), "skipped"),
        (without("complete"), "complete"),
        (without("skipped"), "skipped"),
        (without("source"), "plan|collection"),
        (with_text("[" * 100_000), "too deeply"),
        (with_text("[]"), "no JSON object"),
        (with_plan(k=10**9), "numbers of images"),
        (with_plan(sample=-1), "numbers of images"),
        (with_plan(layers=[]), "0 layers"),
        (with_plan(by=["max", "max"]), "statistics"),
        (with_plan(input_size=[10**9, 10**9]), "input size"),
        (
            with_plan(layers=[{"name": "a", "channels": 10**6, "size": None}] * 2),
            "plan",
        ),
    ],
)
def test_what_is_no_sound_index_is_refused_in_one_sentence(
    made: Path, tmp_path: Path, write: Callable[[Path, Path], None], words: str
) -> None:
    out = tmp_path / "forged.index"
    write(made, out)
    with pytest.raises(ExplorerError, match=words) as caught:
        reader.open_index(out)
    assert "forged.index" in str(caught.value) and str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["../secret/cats/000.jpg", "{outside}", ".hidden.jpg", ".", ""])
def test_a_forged_index_reads_no_picture_outside_of_its_collection(
    made: Path, tmp_path: Path, name: str
) -> None:
    outside = made.parent / "secret" / "cats" / "000.jpg"
    name = name.format(outside=outside)
    (made.parent / "photos" / ".hidden.jpg").write_bytes(outside.read_bytes())
    accumulator = IndexAccumulator.load(made)
    old, new = int(accumulator.top.pictures[0, 0]), picture_id(name)
    for ranking in (accumulator.top, accumulator.least):
        ranking.pictures[ranking.pictures == old] = new
    accumulator.sample.rows[new] = accumulator.sample.rows.pop(old)
    accumulator.details[new] = (name, 24, 20)
    accumulator.save(tmp_path / "a.index")
    index = reader.open_index(tmp_path / "a.index")
    hit = index.top(index.plan.layers[0].name, 0)[0]
    assert hit.picture == name
    with pytest.raises(BadPicture, match="there is no file"):
        index.picture(hit.picture)


def test_links_out_of_a_collection_are_followed_for_its_owner_only(made: Path) -> None:
    link = made.parent / "photos" / "link.jpg"
    link.symlink_to(made.parent / "secret" / "cats" / "000.jpg")
    assert reader.open_index(made).picture("link.jpg").size
    with pytest.raises(BadPicture, match="leads out of the collection"):
        reader.open_index(made, follow_links=False).picture("link.jpg")


def test_a_picture_that_has_changed_is_not_cut_at_the_old_place(tmp_path: Path) -> None:
    source = sources.find_source(str(fill(tmp_path / "photos", 1)))
    plan, out = build.plan_index(network(), source), tmp_path / "a.index"
    list(build.build_index(network(), source, build.open_accumulator(plan, source, out), out))
    index = reader.open_index(out)
    (hit,) = index.top("3", 0)
    assert index.picture(hit.picture).size == hit.size[::-1]
    Image.new("RGB", (5, 6)).save(tmp_path / "photos" / hit.picture)
    with pytest.raises(BadPicture, match="has changed since it was indexed"):
        crops.crop_hit(index, "3", hit)


def test_an_index_downloads_no_dataset(made: Path, tmp_path: Path) -> None:
    tables, manifest = parts_of(made)
    manifest["source"] = "torchvision:CIFAR10"
    index = reader.open_index(forged(tmp_path / "a.index", tables, manifest))
    with pytest.raises(ExplorerError, match="not found"):
        index.picture("0")


def test_an_index_that_says_other_things_of_a_layer_does_not_fit(
    made: Path, tmp_path: Path
) -> None:
    tables, manifest = parts_of(made)
    layer = manifest["plan"]["layers"][0]
    layer["size"] = [30, 20]
    layer["rows"] = layer["cols"] = None
    index = reader.open_index(forged(tmp_path / "a.index", tables, manifest))
    with pytest.raises(ExplorerError, match="does not fit tiny in layer"):
        index.require(network())
    reader.open_index(made).require(network())


def test_skipped_images_are_listed_as_far_as_there_is_room(made: Path, tmp_path: Path) -> None:
    accumulator = IndexAccumulator.load(made)
    accumulator.skipped = {f"{it:06}.jpg": "broken " * 30 for it in range(60_000)}
    accumulator.save(tmp_path / "a.index")
    kept = reader.open_index(tmp_path / "a.index").skipped
    assert 5000 < len(kept) < 60_000 and next(iter(kept)) == "000000.jpg"
