"""The Library page, run without a browser."""

from pathlib import Path

import pytest
from safetensors.torch import save
from streamlit.testing.v1 import AppTest

from core.networks import known_timm
from explorer.library import catalogue, index_task
from explorer.ui import library_page, server_state
from tests.core.picture_folders import fill
from tests.explorer.library.test_catalogue import SMALL, checkpoint
from tests.pages.app import html, open_at


@pytest.fixture(autouse=True)
def _fresh() -> None:
    server_state.network.clear()


@pytest.fixture
def uploads() -> AppTest:
    """Return the Library page; skip where Streamlit cannot upload files in tests."""
    app = open_at("library")
    if not hasattr(app.get("file_uploader")[0], "upload"):
        pytest.skip("this Streamlit cannot upload in tests; the browser's tests do")
    return app


def test_it_lists_what_is_here_and_says_what_the_owner_can_do() -> None:
    app = open_at("library")
    assert "layers?network=sketchnet" in html(app)
    assert any("--library FOLDER" in it.value for it in app.caption)
    published = app.selectbox(key="published").options
    assert len([it for it in published if not it.startswith("timm.")]) == 80
    assert app.selectbox(key="published").value == library_page.FIRST
    assert any(it.startswith("timm.resnet18 ") for it in published) == known_timm.is_installed()
    assert app.button(key=next(it.key for it in app.button if it.label == "Download"))


def add(
    app: AppTest,
    title: str,
    content: bytes,
    name: str = "mine.safetensors",
    architecture: str = SMALL,
) -> AppTest:
    app.selectbox(key="architecture").select(architecture)
    app.text_input(key="title").input(title)
    app.get("file_uploader")[0].upload(name, content, "application/octet-stream")
    submit = next(it for it in app.button if it.label == "Add it")
    submit.click().run()
    assert not app.exception
    return app


def test_a_checkpoint_is_added_and_a_bad_one_gets_one_sentence(uploads: AppTest) -> None:
    add(uploads, "birds", b"no weights")
    assert [it.value[:25] for it in uploads.error] == ["This cannot be added: min"]
    add(uploads, "Birds!", save(checkpoint()))
    assert "a title has" in uploads.error[0].value
    add(uploads, "birds", save(checkpoint()))
    assert not uploads.error
    assert f"network={SMALL}:birds" in html(uploads)


def test_without_a_title_a_checkpoint_has_that_of_its_file(uploads: AppTest) -> None:
    add(uploads, "", save(checkpoint()), name="My birds.safetensors")
    assert not uploads.error
    assert f"network={SMALL}:my-birds" in html(uploads)


def test_a_file_of_another_network_is_added_as_that_one_with_its_classes(uploads: AppTest) -> None:
    uploads.text_area(key="class names").input("robin\nwren\nowl\ntit\njay")
    add(uploads, "birds", save(checkpoint()), architecture="resnet18")
    assert f"fits {SMALL}, not resnet18" in uploads.error[0].value.replace("\\", "")
    uploads.button(key="fits").click().run()
    assert not uploads.exception and not uploads.error
    assert f"network={SMALL}:birds" in html(uploads)
    assert server_state.network(f"{SMALL}:birds").labels[:2] == ("robin", "wren")


def test_the_network_is_found_out_if_none_is_chosen(uploads: AppTest) -> None:
    add(uploads, "found", save(checkpoint()), architecture="")
    assert not uploads.error
    assert f"network={SMALL}:found" in html(uploads)


def test_collections_that_the_owner_allows_are_offered(tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "birds", 3)
    catalogue.configure([tmp_path / "photos"])
    app = open_at("library")
    assert app.selectbox(key="collection").options == ["photos", "photos/birds"]
    assert str(tmp_path) not in html(app)


def test_a_broken_index_is_named_and_takes_no_page_down(tmp_path: Path) -> None:
    folder = tmp_path / "home" / index_task.FOLDER
    folder.mkdir(parents=True)
    (folder / "broken.index").write_bytes(save({}, {"manifest": "{}"}))
    app = open_at("library")
    assert not app.exception
    assert len(app.warning) == 1 and "index is damaged" in app.warning[0].value


def test_a_network_that_does_not_exist_gets_one_sentence() -> None:
    app = open_at("library", network="nonsense")
    assert ["no network" in it.value for it in app.warning] == [True]
