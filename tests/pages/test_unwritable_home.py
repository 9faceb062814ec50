"""Pages with a data folder that cannot be written, or whose store is damaged, or that is gone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.networks.known_networks import SKETCHNET
from core.style import defaults
from explorer.paths import home
from explorer.store.database import FILE_NAME
from explorer.ui import server_state
from tests.conftest import tiny_module
from tests.pages.app import open_at
from tests.pages.stand_in import StandIn, open_stand_in
from tests.pages.test_bad_input import USUAL


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setitem(defaults.DEFAULTS, SKETCHNET, USUAL)
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


@pytest.fixture
def unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a data folder that nobody can make, not even root: it would be below a file."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "file" / "home"))


@pytest.mark.parametrize(
    "page",
    [
        None,
        "layers",
        "neuron",
        "probe",
        "circuits",
        "dream",
        "depths",
        "style",
        "gallery",
        "library",
    ],
)
@pytest.mark.usefixtures("unwritable")
def test_pages_are_shown_and_say_that_nothing_can_be_saved(
    page: str | None, stand_in: StandIn
) -> None:
    app = open_at(page)
    said = [it.value for it in app.warning]
    assert len(said) == 1 and said[0].startswith("Nothing can be saved"), said
    assert not app.error, [it.value for it in app.error]
    app.run()
    assert not app.exception and len(app.main.children) > 1


def test_a_damaged_store_is_set_aside_in_a_line(stand_in: StandIn) -> None:
    home().mkdir(parents=True, exist_ok=True)
    (home() / FILE_NAME).write_bytes(b"no store at all" * 300)
    app = open_at("gallery")
    assert [it.value.startswith("The store") for it in app.warning] == [True]
    assert "a new one was begun" in app.warning[0].value and not app.error


def test_a_home_that_is_deleted_is_made_again(stand_in: StandIn) -> None:
    app = open_at("gallery")
    shutil.rmtree(home())
    app.run()
    assert not app.exception and not app.error and not app.warning
    assert server_state.store().path.is_file()
