"""What pages show before the first click ships: nothing has to be made at first sight."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from core import paintings
from core.images import image_io
from core.recipes.recipe import Recipe
from explorer.jobs.supervisor import WORKERS_VARIABLE
from explorer.prebuilt import first_views
from explorer.store.database import FIRST_VIEWS
from explorer.store.results import Store, StoredPicture
from explorer.ui import page_runner, server_state
from explorer.ui.dream import depths_page
from explorer.ui.lessons import dream_eyes, lesson_context, reconstruction, style_balance

LESSON_SIZES = (reconstruction.SIZE, style_balance.SIZE, dream_eyes.SIZE)


@pytest.mark.parametrize(
    ("page", "query"),
    first_views.VIEWS,
    ids=lambda it: it if isinstance(it, str) else "-".join(it.values()),
)
def test_nothing_is_requested_at_first_sight(
    page: str, query: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKERS_VARIABLE, "0")
    monkeypatch.setattr(paintings, "draw", never_draw)
    paintings._picture.cache_clear()
    page_runner.run_page(page, query)
    waiting = first_views.requested(server_state.store())
    assert not waiting, "run python -m explorer.prebuilt.first_views: weights or recipes changed"


def never_draw(*_: object) -> None:
    """Fail instead of drawing a painting, which takes seconds; they are stored."""
    raise AssertionError("a painting is drawn")


@pytest.mark.parametrize(
    ("page", "query", "shows", "measures", "name"),
    [
        ("depths", {}, depths_page, depths_page, "measure"),
        ("lessons", {"lesson": "3"}, lesson_context, reconstruction, "kept"),
        ("lessons", {"lesson": "5"}, lesson_context, style_balance, "measured"),
        ("lessons", {"lesson": "7"}, lesson_context, dream_eyes, "grown"),
    ],
)
def test_pictures_come_before_what_is_measured_on_them(
    page: str,
    query: Mapping[str, str],
    shows: ModuleType,
    measures: ModuleType,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    def note(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: (done.append(what), function(*args, **kwargs))[1]

    monkeypatch.setenv(WORKERS_VARIABLE, "0")
    monkeypatch.setattr(shows, "figure_row", note("shown", shows.figure_row))
    monkeypatch.setattr(measures, name, note("measured", getattr(measures, name)))
    page_runner.run_page(page, query)
    assert done == ["shown", "measured", "shown"]


def test_pictures_that_lessons_measure_ship_without_loss(tmp_path: Path) -> None:
    # A store that is opened changes its file.
    store = Store(Path(shutil.copy(FIRST_VIEWS, tmp_path)), shipped=())
    with store.reading() as connection:
        rows = connection.execute("SELECT recipe, image FROM results JOIN pictures USING (key)")
        # VP8L is the chunk of a lossless WebP.
        lossless = [json.loads(text)["size"] for text, image in rows if image[12:16] == b"VP8L"]
    store.close()
    reconstructed, balanced, dreamt = LESSON_SIZES
    assert sorted(lossless) == sorted([reconstructed, balanced, balanced, dreamt])


def grey(_store: Store, recipe: Recipe, _lossless: bool) -> list[StoredPicture]:
    """Stand in for a rendering."""
    picture = image_io.encode_png(Image.new("RGB", (recipe.size, recipe.size)))  # type: ignore[attr-defined]
    return [StoredPicture(0, picture, {})]


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of what ships, to be made anew for the Dream page only."""
    monkeypatch.setattr(first_views, "VIEWS", [("dream", {})])
    return Path(shutil.copy(FIRST_VIEWS, tmp_path))


def test_what_ships_already_is_made_anew_or_kept(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_views, "render", grey)
    before = Store(shipped, shipped=()).used_bytes()
    first_views.write_views(shipped, add=True)
    assert Store(shipped, shipped=()).used_bytes() == pytest.approx(before, rel=0.02)
    first_views.write_views(shipped)
    with Store(shipped, shipped=()).reading() as connection:
        kinds = connection.execute("SELECT DISTINCT kind FROM results").fetchall()
    assert kinds == [("dream",)]


def test_an_interrupted_run_leaves_what_ships(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(first_views, "render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        first_views.write_views(shipped)
    assert shipped.read_bytes() == FIRST_VIEWS.read_bytes()
    assert [it.name for it in shipped.parent.glob("*sqlite3*")] == [shipped.name]


def test_the_file_is_small() -> None:
    assert FIRST_VIEWS.stat().st_size < 2_000_000


def test_another_choice_is_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS_VARIABLE, "0")
    page_runner.run_page("lessons", {"lesson": "3", "picture": "coffee"})
    (recipe,) = first_views.requested(server_state.store())
    assert recipe.kind == "style"
