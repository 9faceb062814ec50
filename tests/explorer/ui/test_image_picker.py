"""The choice of an image: samples, uploads, and invalid links."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from streamlit.testing.v1 import AppTest

from core.errors import BadPicture, UnknownName
from core.images import image_io
from explorer.ui import image_picker, server_state

SCRIPT = """
from explorer.ui import image_picker
import streamlit as st
problems = []
if {default!r}:
    found = image_picker.pick_image("picture", {default!r}, problems)
else:
    found = image_picker.pick_optional_image("picture", problems, "Picture")
st.text("nothing" if found is None else f"{{found.name}} {{found.picture.size}}")
for problem in problems:
    st.warning(problem)
"""


def png(picture: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.effect_noise((width, height), 80).convert("RGB")


def open_page(default: str = "village", **query: str) -> AppTest:
    app = AppTest.from_string(SCRIPT.format(default=default), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def test_the_default_is_chosen_and_a_link_chooses_another() -> None:
    assert open_page().text[0].value == "village (512, 512)"
    assert open_page(picture="cat").text[0].value == "cat (451, 300)"
    assert open_page(default="").text[0].value == "nothing"


def test_a_link_to_no_picture_falls_back_and_says_so() -> None:
    for name in ("../../etc/passwd", "0" * 32, "vilage"):
        app = open_page(picture=name)
        assert app.text[0].value == "village (512, 512)"
        assert "no picture" in app.warning[0].value


def test_a_picture_of_ones_own_is_chosen_kept_and_found_again() -> None:
    picture = noise(120, 80)
    app = open_page()
    app.file_uploader[0].upload("mine.png", png(picture), "image/png")
    app.run()
    assert not app.exception and not app.error
    name = image_io.fingerprint(picture)
    assert app.query_params["picture"] in (name, [name])
    assert app.text[0].value == f"{name} (120, 80)"
    # Another visitor can open the link too.
    assert open_page(picture=name).text[0].value == f"{name} (120, 80)"
    again = image_picker.find_image(name).picture
    assert ImageChops.difference(again, picture).getbbox() is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: b"", "cannot be opened"),
        (lambda: png(noise(64, 64), "JPEG")[:900], "cannot be opened"),
        (lambda: b"GIF89a and then nothing", "cannot be opened"),
        (lambda: png(Image.new("1", (9000, 9000))), "megapixels"),
    ],
    ids=["empty", "truncated", "no picture", "bomb"],
)
def test_what_is_no_picture_is_refused_in_one_sentence(
    content: Callable[[], bytes], words: str
) -> None:
    with pytest.raises(BadPicture, match=words):
        image_picker.accept_upload(content())
    app = open_page(picture="cat")
    app.file_uploader[0].upload("bad.jpg", content() or b"\0", "image/jpeg")
    app.run()
    assert not app.exception
    told = app.error[0].value.replace("\\", "")
    assert words in told and "object at" not in told
    assert app.text[0].value == "cat (451, 300)"


def test_a_very_large_picture_is_made_smaller() -> None:
    own = image_picker.accept_upload(png(noise(image_picker.LONGEST_UPLOAD + 1000, 300)))
    assert own.picture.width == image_picker.LONGEST_UPLOAD
    assert server_state.store().input(own.fingerprint) is not None


def test_keeping_a_sample_lets_work_start_from_it(tmp_path: Path) -> None:
    chosen = image_picker.find_image("coffee")
    content = server_state.store().input(image_picker.store_input(chosen))
    assert content is not None
    assert image_io.fingerprint(image_io.open_picture(content)) == chosen.fingerprint


def test_samples_and_pictures_do_not_share_names() -> None:
    assert all(len(name) < 32 for name in image_picker.TITLES)
    assert len(image_picker.TITLES) == len(image_picker.PHOTOGRAPHS) + len(image_picker.PAINTED)
    with pytest.raises(UnknownName):
        image_picker.find_image("nothing of this name")


def test_a_page_that_runs_again_opens_no_picture_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = image_picker.store_image(noise(300, 200))
    first = image_picker.find_image(own.name)
    assert first is image_picker.find_image(own.name)
    assert image_picker.small_url(own, 64) == image_picker.small_url(first, 64)
    # Another data folder does not have the image.
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(UnknownName):
        image_picker.find_image(own.name)
    with pytest.raises(UnknownName):
        image_picker.small_url(own, 64)


def own_of(tiles: list[dict[str, str]]) -> list[str]:
    return [it["id"] for it in tiles if it["id"] not in image_picker.TITLES]


def test_several_pictures_become_a_choice_and_are_called_like_their_files() -> None:
    app = open_page()
    pictures = {f"holiday {number}.png": noise(60 + number, 40) for number in (1, 2)}
    files = [(name, png(it), "image/png") for name, it in pictures.items()]
    app.file_uploader[0].set_value([*files, ("no.png", b"no picture", "image/png")]).run()
    assert not app.exception
    names = [image_io.fingerprint(it) for it in pictures.values()]
    assert app.query_params["picture"] in (names[0], [names[0]])
    (tiles,) = (json.loads(it.proto.json)["tiles"] for it in app.get("bidi_component"))
    own = {it["id"]: it["caption"] for it in tiles if it["id"] not in image_picker.TITLES}
    assert own == {names[0]: "holiday 1", names[1]: "holiday 2"}
    (told,) = (it.value for it in app.error)
    assert told.startswith("no\\.png cannot be used")
    # The message goes when something else is chosen; the field is empty again.
    app.query_params["picture"] = names[1]
    app.run()
    assert not app.error
    assert app.text[0].value == f"{names[1]} (62, 40)"


def test_a_dropped_picture_is_chosen_and_too_many_are_not_taken() -> None:
    app = open_page()
    files = [(f"{number}.png", png(noise(20 + number, 20)), "image/png") for number in range(14)]
    app.file_uploader(key="picture dropped 0").set_value(files).run()
    assert "at most 12 pictures" in app.error[0].value
    (tiles,) = (json.loads(it.proto.json)["tiles"] for it in app.get("bidi_component"))
    assert len(own_of(tiles)) == 12
    # A picture that was deleted meanwhile is left out.
    image_picker._small.cache_clear()
    image_picker._opened.cache_clear()
    with server_state.store().transaction() as connection:
        connection.execute("DELETE FROM inputs WHERE fingerprint = ?", (own_of(tiles)[3],))
    (tiles,) = (json.loads(it.proto.json)["tiles"] for it in app.run().get("bidi_component"))
    assert not app.exception and len(own_of(tiles)) == 11


def test_a_picture_is_called_like_its_file_and_nobody_else_renames_it() -> None:
    picture = noise(50, 40)
    own = image_picker.accept_upload(png(picture), "My  garden\n2.final.JPG")
    assert own.title == "My garden 2.final"
    image_picker.accept_upload(png(picture), "other.png")
    titles = server_state.store().input_titles([own.name])
    assert titles == {own.name: "My garden 2.final"}
    assert image_picker.accept_upload(png(noise(51, 40)), "\u202e\n").title == image_picker.OWN
    assert len(image_picker.accept_upload(png(noise(52, 40)), "x" * 500).title) == 60
