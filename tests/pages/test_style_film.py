"""The Style page with a film, run without a browser on a tiny stand-in for SketchNet."""

from collections.abc import Iterator

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.datasets import samples
from core.errors import ExplorerError
from core.images import image_io
from core.networks.known_networks import SKETCHNET
from core.recipes.style_film import StyleFilmRecipe
from core.style import defaults
from explorer import video_io
from explorer.jobs.claims import Claims
from explorer.jobs.job import Job
from explorer.recipe_fields import PAGE_DEFAULTS, STYLE, STYLE_FILM
from explorer.rendering import render_recipe
from explorer.ui import film_upload, image_picker, png_drop, server_state, url_codecs, urls
from explorer.ui.style import style_view
from tests.conftest import tiny_module
from tests.explorer.workers import alive
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in, work_off
from tests.pages.test_style import USUAL, component

QUICK = {"size": "48", "steps": "2", "frame_steps": "1", "style": "dots"}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setitem(defaults.DEFAULTS, SKETCHNET, USUAL)
    monkeypatch.setitem(PAGE_DEFAULTS, STYLE, {"size": 48, "steps": 2})
    monkeypatch.setitem(PAGE_DEFAULTS, STYLE_FILM, {"size": 48, "steps": 2, "frame_steps": 1})
    monkeypatch.setattr(style_view, "PAINTING", "dots")
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


def film(kind: str = ".gif", count: int = 3) -> bytes:
    """Return an encoded film in which the camera moves over a photograph."""
    cat = samples.picture("cat").crop((0, 0, 320, 240))
    frames = [cat.crop((9 * at, 0, 9 * at + 256, 192)).resize((64, 48)) for at in range(count)]
    return video_io.encode_video([image_io.encode_png(it) for it in frames], kind, 10)


def upload(app: AppTest, content: bytes, name: str) -> AppTest:
    app.file_uploader[0].upload(name, content, "video/mp4" if name.endswith("4") else "image/gif")
    app.run()
    assert not app.exception
    return app


def film_job() -> Job:
    """Return the job of the film; the page has shown a picture before, which has a job, too."""
    (job,) = (it for it in server_state.jobs().open() if it.kind == StyleFilmRecipe.kind)
    return job


@pytest.mark.parametrize("kind", [".gif", ".mp4"])
def test_an_uploaded_film_is_painted_frame_by_frame(stand_in: StandIn, kind: str) -> None:
    app = upload(open_at("style", **QUICK), film(kind), f"my clip{kind}")
    assert not app.error
    recipe = film_job().recipe
    assert isinstance(recipe, StyleFilmRecipe) and recipe.frames == 3 and recipe.size == 48
    assert query(app)["picture"] != recipe.content
    assert "A film of 3 pictures, 10 a second." in [it.value for it in app.caption]
    assert "My clip in the style of" in html(app)
    work_off(app)
    assert len(server_state.store().pictures(recipe)) == 3
    assert [it.label for it in app.get("download_button")] == ["Save as MP4", "Save as GIF"]
    assert len(app.get("video")) == 1
    # The URL of the recipe, and of each of its frames, leads back to the same page.
    for it in (recipe, recipe.parts()[2]):
        page, wanted = url_codecs.link_to(it)
        assert page == urls.STYLE and wanted["picture"] == query(app)["picture"]
    again = work_off(open_at("style", **{**wanted, **QUICK}))
    assert len(again.get("video")) == 1
    png_drop.check_shown(recipe)


def test_the_frame_that_is_painted_now_is_shown(stand_in: StandIn) -> None:
    app = upload(open_at("style", **QUICK), film(), "clip.gif")
    job = film_job()
    claims = Claims(server_state.store())
    first = claims.claim("test", only=job.key)
    assert first is not None and first.recipe == job.recipe.parts()[0]
    sketch = render_recipe.encode_preview(torch.rand(3, 8, 12))
    claims.report(first, 1, 2, {0: sketch}, "")
    with alive(server_state.store(), "test"):
        app.run()
    shown = component(app, "before")
    assert shown["after"] and "picture 1, unfinished" in shown["label"]
    (bar,) = app.get("progress")
    assert "0 of 3 pictures painted" in bar.proto.text
    assert "Stop" in [it.label for it in app.button]
    # A second frame: the first one is shown until there is a preview.
    claims.finish(first, (), 1.0)
    server_state.store().put(
        first.recipe, [render_recipe.StoredPicture(0, image_io.encode_png(frame()), {})], 1.0
    )
    with alive(server_state.store(), "test"):
        app.run()
    assert "picture 1, unfinished" in component(app, "before")["label"]


def frame() -> Image.Image:
    return samples.picture("cat").resize((48, 36))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("clip.mp4", b"\0\0\0\x18ftypmp42 and no more", "cannot be opened as a film"),
        ("clip.gif", b"GIF89a and no more", "cannot be opened"),
        ("clip.mp4", b"no film", "cannot be opened"),
    ],
)
def test_a_bad_film_gets_one_sentence(
    stand_in: StandIn, name: str, content: bytes, words: str
) -> None:
    app = upload(open_at("style", **QUICK), content, name)
    (problem,) = (it.value for it in app.error)
    assert words in problem and "This picture cannot be used" in problem
    assert "picture" not in query(app)


def test_a_gif_of_one_picture_and_other_pages_have_a_picture(stand_in: StandIn) -> None:
    app = upload(open_at("style", **QUICK), film(count=1), "still.gif")
    assert not app.error and StyleFilmRecipe.kind not in {
        it.kind for it in server_state.jobs().open()
    }
    assert image_picker.find_image(query(app)["picture"]).title == "still"
    # Other pages take the first frame of a GIF, and tell where films go.
    assert image_picker.accept_upload(film(), "clip.gif").film is None
    with pytest.raises(ExplorerError, match="the Style page paints films"):
        image_picker.accept_upload(film(".mp4"), "clip.mp4")


def test_a_long_film_is_cut(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_upload, "FRAMES_AT_MOST", 2)
    app = upload(open_at("style", **QUICK), film(count=4), "clip.gif")
    assert len(film_job().recipe.pictures) == 2
    assert any("Of longer films the first 2 pictures" in it.value for it in app.caption)


def test_a_large_film_is_made_smaller(stand_in: StandIn) -> None:
    wide = Image.effect_noise((1400, 60), 60).convert("RGB")
    turned = wide.rotate(180)
    content = video_io.encode_video([image_io.encode_png(it) for it in (wide, turned)], ".gif", 8)
    pictures, _ = film_upload.read(content, "wide.gif")
    assert {it.size for it in pictures} == {(film_upload.LONGEST, 22)}
