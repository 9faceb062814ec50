"""Tests of the index against storing and sorting all values, for all ways of building it."""

import itertools
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import models

from core.datasets import sources
from core.errors import ExplorerError, UnknownName
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.index import build, reader, scanner
from core.index.accumulator import IndexAccumulator
from core.index.scanner import Scanner
from core.networks import registry
from core.networks.network import Network
from tests.conftest import as_network
from tests.core.picture_folders import fill

COUNT = 37


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("pictures"), COUNT)


def squeezenet() -> Network:
    """Return SqueezeNet with random weights, for a small input that is not square."""
    torch.manual_seed(1)
    module = models.squeezenet1_0(weights=None, num_classes=4)
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)
    return as_network(module, (72, 56))


def build_and_open(
    network: Network, folder: Path | str, out: Path, **options: object
) -> reader.Index:
    how = {
        name: options.pop(name)
        for name in ("workers", "batch", "resume", "busy")
        if name in options
    }
    source = sources.find_source(str(folder))
    plan = build.plan_index(network, source, **options)  # type: ignore[arg-type]
    tally = build.open_accumulator(plan, source, out, bool(how.pop("resume", False)))
    steps = list(build.build_index(network, source, tally, out, **how))  # type: ignore[arg-type]
    assert steps[0].total == steps[-1].done == steps[-1].total
    return reader.open_index(out)


def everything(network: Network, place: Path | str) -> dict[str, dict[str, torch.Tensor]]:
    """Compute all activations ``[C, H, W]`` of all images, by layer and image, as a reference."""
    source = sources.find_source(str(place))
    stored: dict[str, dict[str, torch.Tensor]] = {layer.name: {} for layer in network.shown}
    for entry in source.entries():
        picture, size = source.open(entry, network.input_size)
        pixels = CenterCrop(size, network.input_size).network_input(picture)
        image = image_io.from_bytes(torch.from_numpy(np.array(pixels))[None])
        for name, value in network.activations(image, list(stored)).items():
            stored[name][entry.name] = value[0].reshape(*value.shape[1:], *[1] * (4 - value.ndim))
    return stored


@pytest.mark.parametrize("kind", ["squeezenet", "sketchnet"])
def test_it_is_what_storing_and_sorting_everything_gives(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    network = squeezenet() if kind == "squeezenet" else registry.load("sketchnet", device="cpu")
    place = folder if kind == "squeezenet" else "sketchworld:40:5"
    index = build_and_open(network, place, tmp_path / "a", by=("max", "mean"), k=5)
    stored = everything(network, place)
    assert index.count == len(stored[network.shown[0].name]) and index.complete
    for layer in network.shown[::2] + network.shown[-1:]:
        names = list(stored[layer.name])
        whole = torch.stack([stored[layer.name][name] for name in names])  # [N, C, H, W]
        width = whole.shape[3]
        for by, values in (("max", whole.amax((2, 3))), ("mean", whole.mean((2, 3)))):
            for unit in range(layer.channels):
                for sign, hits in (
                    (-1, index.top(layer.name, unit, by)),
                    (1, index.least(layer.name, unit, by)),
                ):
                    column = values[:, unit].numpy()
                    best = np.sort(sign * column)[:5] * sign
                    if sign == -1:
                        best = best[best != 0]  # images for which a unit is zero do not excite it
                    np.testing.assert_allclose([it.value for it in hits], best, 1e-4, 1e-5)
                    for hit in hits:
                        at = names.index(hit.picture)
                        own = whole[at, unit]
                        np.testing.assert_allclose(hit.value, column[at], 1e-4, 1e-5)
                        # The position is the first one with the maximum.
                        first = int(own.flatten().argmax())
                        assert (hit.row, hit.col) == divmod(first, width)


def test_batches_workers_order_and_restarts_change_nothing(folder: Path, tmp_path: Path) -> None:
    network = squeezenet()
    whole = tmp_path / "whole"
    build_and_open(network, folder, whole, workers=1, batch=16)
    for number, (workers, batch) in enumerate([(1, 1), (2, 7), (2, 64)]):
        out = tmp_path / f"{number}"
        build_and_open(network, folder, out, workers=workers, batch=batch)
        assert out.read_bytes() == whole.read_bytes()
    busy = itertools.cycle((1, 3, 2)).__next__
    build_and_open(network, folder, tmp_path / "busy", workers=3, batch=2, busy=busy)
    assert (tmp_path / "busy").read_bytes() == whole.read_bytes()
    source = sources.find_source(str(folder))
    plan = build.plan_index(network, source)
    # Build three parts and merge them in reverse order.
    entries = list(source.entries())
    parts = []
    for start in (0, 1, 2):
        part = IndexAccumulator.empty(plan, source.text)
        list(build.scan(network, source, part, entries[start::3], workers=1, batch=5))
        parts.append(part)
    last, middle, first = parts
    middle.merge(last)
    first.merge(middle)
    first.complete = True
    first.save(tmp_path / "merged")
    assert (tmp_path / "merged").read_bytes() == whole.read_bytes()


def test_only_as_many_threads_as_allowed_compute(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, running, most = 2, 0, 0
    lock = threading.Lock()
    scan = Scanner.scan

    def counted(self: Scanner, *given: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            return scan(self, *given)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(Scanner, "scan", counted)
    build_and_open(squeezenet(), folder, tmp_path / "x", workers=6, batch=1, busy=lambda: allowed)
    assert most == allowed


def test_groups_as_a_gpu_computes_them_give_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = squeezenet()
    alone = build_and_open(network, folder, tmp_path / "alone")
    monkeypatch.setitem(scanner.GROUP_SIZES, "cpu", 5)
    together = build_and_open(network, folder, tmp_path / "together", workers=2, batch=7)
    for layer in network.shown:
        for unit in range(0, layer.channels, 5):
            for one, other in zip(
                alone.top(layer.name, unit), together.top(layer.name, unit), strict=True
            ):
                assert other.value == pytest.approx(one.value, rel=1e-4, abs=1e-5)


def test_what_is_added_is_all_that_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = squeezenet()
    folder = fill(tmp_path / "pictures", 20)
    out = tmp_path / "index"
    assert build_and_open(network, folder, out).count == 20
    fill(folder, COUNT - 20, first=20)
    looked: list[str] = []
    scan = Scanner.scan
    monkeypatch.setattr(
        Scanner,
        "scan",
        lambda own, entries, thresholds: (
            looked.extend(it.name for it in entries) or scan(own, entries, thresholds)
        ),
    )
    assert build_and_open(network, folder, out, resume=True).count == COUNT
    assert len(looked) == COUNT - 20
    build_and_open(network, folder, tmp_path / "whole")
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_run_that_stopped_anywhere_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "SAVE_SECONDS", 0.0)
    network = squeezenet()
    source = sources.find_source(str(folder))
    plan = build.plan_index(network, source)
    out = tmp_path / "index"
    for _ in range(4):
        tally = build.open_accumulator(plan, source, out, resume=True)
        steps = build.build_index(network, source, tally, out, workers=2, batch=3)
        for _, _ in zip(range(4), steps, strict=False):
            pass
        steps.close()  # type: ignore[attr-defined]
    assert not reader.open_index(out).complete and 20 < reader.open_index(out).count < COUNT
    build_and_open(network, folder, out, resume=True)
    build_and_open(network, folder, tmp_path / "whole")
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()


def test_other_weights_layers_settings_and_collections_do_not_mix(
    folder: Path, tmp_path: Path, tiny: Network
) -> None:
    out = tmp_path / "index"
    build_and_open(tiny, folder, out, layers=["1", "3"], k=3)
    with pytest.raises(ExplorerError, match="is there already; --resume"):
        build_and_open(tiny, folder, out, layers=["1", "3"], k=3)
    with pytest.raises(ExplorerError, match="k 3, not 4"):
        build_and_open(tiny, folder, out, layers=["1", "3"], k=4, resume=True)
    with pytest.raises(ExplorerError, match="layers 1, 3, not 3"):
        build_and_open(tiny, folder, out, layers=["3"], k=3, resume=True)
    with pytest.raises(ExplorerError, match="weights 0123456789abcdef, not other"):
        other = replace(tiny, fingerprint="other")
        build_and_open(other, folder, out, layers=["1", "3"], k=3, resume=True)
    with pytest.raises(ExplorerError, match="collection"):
        build_and_open(tiny, folder / "cats", out, layers=["1", "3"], k=3, resume=True)
    with pytest.raises(UnknownName, match="no layer '9'"):
        build_and_open(tiny, folder, out, layers=["9"])
    with pytest.raises(UnknownName, match="no statistic 'median'"):
        build_and_open(tiny, folder, out, by=["median"])
    with pytest.raises(ExplorerError, match="k is 101"):
        build_and_open(tiny, folder, out, k=101)


def test_ties_break_by_the_pictures_id(tmp_path: Path, tiny: Network) -> None:
    folder = fill(tmp_path / "pictures", 1)
    (file,) = (it for it in folder.rglob("*.jpg"))
    for number in range(12):
        (folder / f"copy {number}.jpg").write_bytes(file.read_bytes())
    index = build_and_open(tiny, folder, tmp_path / "index", k=4)
    from core.index.top_k import picture_id

    names = sorted((it.name for it in sources.find_source(str(folder)).entries()), key=picture_id)
    for hits in (index.top("3", 2), index.least("3", 2)):
        assert [it.picture for it in hits] == names[:4]


def test_percentiles_are_exact_in_a_small_collection_and_at_the_ends(
    folder: Path, tmp_path: Path, tiny: Network
) -> None:
    index = build_and_open(tiny, folder, tmp_path / "index", k=5)
    stored = everything(tiny, folder)["3"]
    values = np.array([it.amax((1, 2)).numpy() for it in stored.values()])  # [N, C]
    for unit in range(7):
        for value in (*values[::4, unit], values.max() + 1, values.min() - 1):
            exact = 100 * (values[:, unit] < value).mean()
            assert index.percentile("3", unit, float(value)) == pytest.approx(exact, abs=3)
    middle = values[3] * 0.999
    assert index.percentiles("3", middle) == pytest.approx(100 * (values < middle).mean(0))
    with pytest.raises(UnknownName, match="no layer 'relu'"):
        index.percentile("relu", 0, 1.0)
    with pytest.raises(ExplorerError, match="no unit 7 in 3 of tiny"):
        index.top("3", 7)
    with pytest.raises(UnknownName, match="no statistic 'mean'"):
        index.top("3", 1, by="mean")


def test_a_sample_estimates_percentiles_within_its_error(tmp_path: Path, tiny: Network) -> None:
    source = sources.find_source("sketchworld:400:3")
    plan = replace(build.plan_index(tiny, source), sample=100)
    tally = build.open_accumulator(plan, source, tmp_path / "index")
    list(build.build_index(tiny, source, tally, tmp_path / "index"))
    index = reader.open_index(tmp_path / "index")
    stored = everything(tiny, "sketchworld:400:3")["3"]
    values = np.array([it.amax((1, 2)).numpy() for it in stored.values()])
    errors = []
    for share in (0.01, 0.25, 0.5, 0.75, 0.99):
        at = np.quantile(values, share, axis=0).astype(np.float32)
        error = index.percentiles("3", at) - 100 * (values < at).mean(0)
        errors.append(np.abs(error).max())
    # The tolerance is four standard errors of a sample of 100. Extreme values are exact.
    assert errors[0] == errors[-1] == 0 and max(errors) < 400 * np.sqrt(0.25 / 100)


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError, match="there is no index"):
        reader.open_index(tmp_path / "gone")
    (tmp_path / "text").write_text("no index")
    with pytest.raises(ExplorerError, match="is no index of pictures"):
        reader.open_index(tmp_path / "text")
