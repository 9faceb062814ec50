"""Pages with indexes of strangers, and of images whose names are no UTF-8."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.numpy import save

from core.datasets import sources
from core.index import build
from explorer.library.index_task import ENDING, FOLDER
from explorer.paths import home
from tests.conftest import tiny_module
from tests.core.picture_folders import fill
from tests.explorer.commands import run
from tests.pages.app import html, open_at
from tests.pages.collection import index_of
from tests.pages.stand_in import StandIn, open_stand_in, visit


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


@pytest.mark.parametrize("page", ["neuron", "layers", "library", "probe", "home"])
def test_broken_indexes_take_no_page_down(stand_in: StandIn, tmp_path: Path, page: str) -> None:
    path = index_of(stand_in.network, tmp_path).path
    content, folder = path.read_bytes(), home() / FOLDER
    for number, broken in enumerate((b"", content[:999], content[:-1], content[:8] + b"{" * 999)):
        (folder / f"a{number}{ENDING}").write_bytes(broken)
    # The tables of ids are at the end.
    (folder / f"b{ENDING}").write_bytes(content[:-400] + bytes(400))
    with safe_open(path, framework="np") as file:
        tables = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        manifest = json.loads(file.metadata()["manifest"])
    for lost in ("complete", "plan", "source"):
        text = json.dumps({name: value for name, value in manifest.items() if name != lost})
        (folder / f"c-{lost}{ENDING}").write_bytes(save(tables, {"manifest": text}))
    app = open_at(page)
    assert not app.exception and not app.error


def test_names_that_are_no_utf_8_are_shown(stand_in: StandIn, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        fill(folder, 9)
        for file in list(folder.rglob("*.*")):
            file.rename(file.with_name(os.fsdecode(b"caf\xe9-") + file.name))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    source = sources.find_source(str(folder))
    out = home() / FOLDER / f"cafe{ENDING}"
    out.parent.mkdir(parents=True)
    plan = build.plan_index(stand_in.network, source)
    accumulator = build.open_accumulator(plan, source, out)
    list(build.build_index(stand_in.network, source, accumulator, out))
    app = visit("neuron", layer="3", unit="2")
    assert not app.exception and "9 pictures in caf\N{REPLACEMENT CHARACTER}" in html(app)
    told = run("top", out, "3", "2")
    assert told.returncode == 0 and "caf\N{REPLACEMENT CHARACTER}-" in told.stdout
