"""Images that fail in unforeseen ways while an index is built, and failures of the whole."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.datasets import sources
from core.datasets.image_source import ImageEntry
from core.errors import ExplorerError
from core.index import build, reader, scanner
from core.index.accumulator import IndexAccumulator
from core.networks.network import Network
from tests.core.picture_folders import fill

COUNT = 20
BAD = "dogs/001.png"
ERRORS = (
    MemoryError(),
    ValueError("box offset can't be negative"),
    RecursionError("maximum recursion depth exceeded"),
    SystemError("tile cannot extend outside image"),
    AttributeError("x" * 5000),
)


class Failing:
    """A folder in which opening one image raises an error."""

    def __init__(self, folder: Path, error: BaseException) -> None:
        self._source = sources.find_source(str(folder))
        self.text, self.identity = self._source.text, self._source.identity
        self.error = error

    def entries(self) -> Iterator[ImageEntry]:
        return self._source.entries()

    def find(self, name: str) -> ImageEntry:
        return self._source.find(name)

    def label(self, name: str) -> str:
        return self._source.label(name)

    def open(
        self, entry: ImageEntry, min_size: tuple[int, int] | None = None
    ) -> tuple[Image.Image, tuple[int, int]]:
        if entry.name == BAD:
            raise self.error
        return self._source.open(entry, min_size)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("pictures"), COUNT)


def started(network: Network, source: Failing, out: Path) -> IndexAccumulator:
    return build.open_accumulator(build.plan_index(network, source), source, out)


@pytest.mark.parametrize("error", ERRORS, ids=lambda it: type(it).__name__)
def test_an_image_that_fails_is_skipped_and_the_rest_goes_on(
    folder: Path, tmp_path: Path, tiny: Network, error: Exception
) -> None:
    source, out = Failing(folder, error), tmp_path / "index"
    list(build.build_index(tiny, source, started(tiny, source, out), out, workers=2, batch=3))
    index = reader.open_index(out)
    assert index.count == COUNT - 1 and index.complete and list(index.skipped) == [BAD]
    assert index.skipped[BAD].startswith(f"{BAD} failed: ") and len(index.skipped[BAD]) < 200


def test_ctrl_c_is_no_failure_of_an_image(folder: Path, tmp_path: Path, tiny: Network) -> None:
    source, out = Failing(folder, KeyboardInterrupt()), tmp_path / "index"
    with pytest.raises(KeyboardInterrupt):
        list(build.build_index(tiny, source, started(tiny, source, out), out, workers=1))


@pytest.mark.parametrize("group", [1, 4])
def test_an_image_on_which_the_network_fails_is_skipped(
    folder: Path, tmp_path: Path, tiny: Network, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    monkeypatch.setitem(scanner.GROUP_SIZES, "cpu", group)
    source = sources.find_source(str(folder))
    size = tiny.input_size
    bad = scanner.CenterCrop(source.open(source.find(BAD))[1], size)
    pixels = bad.network_input(source.open(source.find(BAD), size)[0])
    measure = scanner.Scanner._measure

    def fail(own: scanner.Scanner, images: list[np.ndarray], *rest: object) -> None:
        if any(np.array_equal(it, pixels) for it in images):
            raise torch.OutOfMemoryError("no memory")
        measure(own, images, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(scanner.Scanner, "_measure", fail)
    out = tmp_path / "index"
    tally = build.open_accumulator(build.plan_index(tiny, source), source, out)
    list(build.build_index(tiny, source, tally, out, workers=1, batch=7))
    index = reader.open_index(out)
    assert index.count == COUNT - 1
    assert index.skipped == {BAD: f"the network failed for {BAD}: no memory"}


def test_what_is_done_is_saved_if_the_collection_fails(
    folder: Path, tmp_path: Path, tiny: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = sources.find_source(str(folder)), tmp_path / "index"
    whole = list(source.entries())
    tally = build.open_accumulator(build.plan_index(tiny, source), source, out)
    steps = build.build_index(tiny, source, tally, out, workers=1, batch=3)
    assert next(steps).total == COUNT

    def entries() -> Iterator[ImageEntry]:
        yield from whole[:9]
        raise ExplorerError("the archive is damaged")

    monkeypatch.setattr(source, "entries", entries)
    with pytest.raises(ExplorerError, match="the archive is damaged"):
        list(steps)
    index = reader.open_index(out)
    assert index.count == 9 and not index.complete


def test_an_image_that_was_repaired_is_no_longer_skipped_after_a_merge(
    folder: Path, tmp_path: Path, tiny: Network
) -> None:
    source = Failing(folder, MemoryError())
    tally = started(tiny, source, tmp_path / "index")
    list(build.scan(tiny, source, tally, source.entries(), workers=1))
    part = started(tiny, source, tmp_path / "part")
    repaired = sources.find_source(str(folder))
    list(build.scan(tiny, repaired, part, [ImageEntry(BAD)], workers=1))
    assert list(tally.skipped) == [BAD]
    tally.merge(part)
    assert not tally.skipped and len(tally.pictures) == COUNT
