"""The Gallery page, run without a browser; a worker in this process finishes the jobs."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.errors import ExplorerError
from core.images import image_io
from core.networks import known_networks, registry
from core.networks.known_networks import NetworkInfo
from core.networks.network import Network
from core.recipes.neuron import BATCH, NeuronRecipe
from core.recipes.recipe import Recipe
from explorer.gallery.queries import Gallery, Search
from explorer.jobs import ownership
from explorer.jobs.job import Job
from explorer.jobs.job_queue import Jobs
from explorer.jobs.worker import Worker
from explorer.rendering.update import Update
from explorer.store.results import StoredPicture
from explorer.ui import png_drop, server_state, url_codecs
from explorer.ui.gallery import overview
from tests.conftest import as_network, tiny_module
from tests.pages.app import html, open_at, query

LAYER = "1"


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace SketchNet by a tiny network."""
    network = replace(as_network(tiny_module()), name=registry.SKETCHNET)
    infos = (
        NetworkInfo(registry.SKETCHNET, "ships with the explorer", True, 1000, 0.0),
        NetworkInfo("resnet18", "torchvision", False, 11_689_512, 44.7),
    )

    def load(name: str, weights: Path | None = None) -> Network:
        return network

    monkeypatch.setattr(known_networks, "describe_networks", lambda: infos)
    monkeypatch.setattr(registry, "load", load)
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def recipe(*units: int, seed: int = 0, layer: str = LAYER) -> NeuronRecipe:
    name, weights = registry.SKETCHNET, "0123456789abcdef"
    return NeuronRecipe(name, weights, seed, layer, units or (0, 1), size=16, steps=2)


def compute(
    asked: Recipe, checkpoint: Path | None, inputs: Mapping[str, bytes]
) -> Iterator[Update]:
    """Return plain pictures; the seed 13 fails."""
    assert isinstance(asked, NeuronRecipe)
    if asked.seed == 13:
        raise ExplorerError("there is not enough memory for *this*")
    text = {"recipe": asked.to_json()}
    pictures = []
    for unit in asked.units:
        plain = Image.new("RGB", (16, 16), (40 * unit % 256, 90, 160))
        png = image_io.encode_png(plain, {**text, "part": str(unit)})
        pictures.append(StoredPicture(unit, png, {"activation": 1.5, "silent": False}))
    yield Update(1, 1, pictures=tuple(pictures))


def make(asked: NeuronRecipe) -> Job:
    """Submit a recipe, and finish its job."""
    jobs = Jobs(server_state.store())
    jobs.submit(asked, "me")
    Worker(server_state.store(), "test", compute).run_next_part(asked.key)
    job = jobs.get(asked.key)
    assert job is not None
    return job


def open_gallery(**query: str) -> AppTest:
    return open_at("gallery", **query)


def unescaped(markdown: str) -> str:
    return markdown.replace("\\", "")


def data_of(app: AppTest) -> list[dict[str, Any]]:
    """Return the data of all components of a page."""
    return [json.loads(it.proto.json) for it in app.get("bidi_component")]


def cards(app: AppTest) -> list[str]:
    """Return the names of the cards that are shown."""
    return [card["name"] for it in data_of(app) if "cards" in it for card in it["cards"]]


def test_an_empty_gallery_says_what_to_do() -> None:
    app = open_gallery()
    assert "Nothing made yet" in html(app)
    assert not app.warning
    (made,) = (it for it in data_of(app) if "tiles" in it)
    assert [it["id"] for it in made["tiles"]] == list(overview.TO_MAKE)
    assert all(it["picture"] for it in made["tiles"])


def test_it_shows_what_was_made() -> None:
    make(recipe(seed=1))
    make(recipe(seed=2, layer="3"))
    app = open_gallery()
    assert len(cards(app)) == 2
    assert any("2 entries" in it.value for it in app.markdown)


def test_filters_stand_in_the_url() -> None:
    make(recipe(seed=1))
    make(recipe(seed=2, layer="3"))
    app = open_gallery()
    app.selectbox(key="layer").set_value("3").run()
    assert query(app) == {"layer": "3"}
    assert len(cards(app)) == 1
    app.toggle(key="starred").set_value(True).run()
    assert query(app) == {"layer": "3", "starred": "1"}
    assert "Nothing found" in html(app)
    app.button(key="everything").click().run()
    assert query(app) == {}
    assert len(cards(app)) == 2
    assert len(cards(open_gallery(text="sketch", layer="3"))) == 1
    assert len(cards(open_gallery(layer="nowhere"))) == 0
    assert "Nothing found" in html(open_gallery(text="x" * 1000))


def bar(app: AppTest) -> dict[str, Any]:
    """Return the data of the bar of presenter mode."""
    return next(it for it in data_of(app) if "where" in it)


def test_pictures_are_presented_one_by_one() -> None:
    older, newer = make(recipe(0, 1, seed=1)), make(recipe(2, seed=2))
    app = open_gallery(open=newer.id)
    app.button(key="present").click().run()
    assert query(app) == {"open": newer.id, "present": "1"}
    assert 'class="presented"' in html(app) and not app.text_input
    assert bar(app) == {"where": "", "back": False, "forward": True}
    second = open_gallery(open=older.id, present="2")
    assert bar(second) == {"where": "2 of 2", "back": True, "forward": False}
    assert "large-picture" in html(second) and not second.warning
    assert bar(open_gallery(open=older.id, present="1"))["forward"]
    beyond = open_gallery(open=older.id, present="3")
    assert ["present is 3" in it.value for it in beyond.warning] == [True]


def test_an_entry_is_renamed_and_starred() -> None:
    job = make(recipe())
    app = open_gallery(open=job.id)
    app.text_input(key=f"title {job.key}").set_value("*Zebra* <b>").run()
    app.button(key="star").click().run()
    assert not app.exception
    found = Gallery(server_state.jobs()).entries(Search(starred=True))
    assert [it.title for it in found] == ["*Zebra* <b>"]
    assert "*Zebra* &lt;b&gt;" in html(app)


def test_deleting_goes_back_and_can_be_undone() -> None:
    job = make(recipe())
    app = open_gallery(open=job.id)
    app.button(key="delete").click().run()
    assert query(app) == {}
    assert "Nothing made yet" in html(app)
    app.button(key="take back").click().run()
    assert len(cards(app)) == 1
    assert not [it for it in app.button if it.key == "take back"]


def test_one_picture_of_several_is_shown_large() -> None:
    job = make(recipe(0, 4))
    app = open_gallery(open=job.id, picture="4")
    assert "large-picture" in html(app)
    assert "Activation" in html(app)
    assert not app.warning


def test_what_differs_stands_out() -> None:
    first, second = make(recipe(0, 1, seed=1)), make(recipe(1, 2, seed=2))
    page = html(open_gallery(compare=f"{first.id},{second.id}"))
    assert page.count('class="mosaic"') == 2
    # Both show the one unit that they share.
    assert page.count('title="1"') == 2
    assert 'title="0"' not in page
    assert '<dd class="differs">2</dd>' in page
    assert '<dd class="">16 px</dd>' in page


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"open": "ffffffff"}, "there is nothing 'ffffffff'"),
        ({"open": ""}, "there is nothing ''"),
        ({"compare": "ffffffff,eeeeeeee"}, "there is nothing 'ffffffff'"),
        ({"page": "99"}, "page is 99"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_all_entries(asked: dict[str, str], words: str) -> None:
    make(recipe())
    app = open_gallery(**asked)
    assert [words in unescaped(it.value) for it in app.warning] == [True]
    assert len(cards(app)) == 1


def test_one_entry_cannot_be_compared_with_itself() -> None:
    job = make(recipe())
    app = open_gallery(compare=f"{job.id},{job.key}")
    assert "two, three or four" in unescaped(app.warning[0].value)


def test_what_waits_stands_above_and_can_be_stopped() -> None:
    asked = recipe(*range(2 * BATCH))
    Jobs(server_state.store()).submit(asked, "somebody")
    Worker(server_state.store(), "test", compute).run_next_part(asked.key)
    app = open_gallery()
    assert not cards(app)
    app.button(key=f"stop gallery {asked.key}").click().run()
    stopped = server_state.jobs().get(asked.key)
    assert stopped is not None
    # Another visitor requested it just now, so it goes on.
    assert stopped.open
    server_state.jobs().cancel(asked.key)
    app.run()
    assert len(cards(app)) == 1


def test_what_failed_says_why_and_goes_on() -> None:
    job = make(recipe(seed=13))
    assert job.state == "failed"
    app = open_gallery()
    assert any("not enough memory" in it.value for it in app.markdown)
    app.button(key=f"go on gallery {job.key}").click().run()
    again = server_state.jobs().get(job.key)
    assert again is not None
    assert again.state == "waiting"


def test_a_large_gallery_has_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.gallery.queries.PER_PAGE", 2)
    for seed in range(1, 4):
        make(recipe(seed=seed))
    app = open_gallery()
    assert any("1 to 2 of 3" in it.value for it in app.markdown)
    app.button(key="page Next").click().run()
    assert query(app) == {"page": "2"}
    assert app.button(key="page Next").disabled


def dropped(asked: Recipe, **other: str) -> str:
    return json.dumps({"name": "a.png", "recipe": asked.to_json(), **other})


def test_what_the_browser_found_is_read() -> None:
    assert png_drop.read_drop(dropped(recipe(3))) == (recipe(3), None)
    assert png_drop.read_drop(dropped(recipe(3), part="3")) == (recipe(3), 3)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"problem": "it is no PNG"}, "it is no PNG"),
        ({"recipe": "{"}, "must be JSON"),
        ({"recipe": "[" * 100_000}, "must be JSON"),
        ({"recipe": "x" * 300_000}, "too long"),
        ({"recipe": '{"kind":"neurons","version":2,"network":"\\ud800"}'}, "incomplete"),
        ({"recipe": recipe().to_json(), "part": "-1"}, "which picture"),
        ({"recipe": recipe().to_json(), "part": "9" * 10_000}, "which picture"),
    ],
)
def test_a_hostile_picture_gets_one_sentence(sent: dict[str, str], words: str) -> None:
    with pytest.raises(ExplorerError, match=words):
        png_drop.read_drop(json.dumps(sent))


def test_a_recipe_must_fit_the_network_that_is_here() -> None:
    png_drop.check_shown(recipe(0))
    with pytest.raises(ExplorerError, match="did you mean 'sketchnet'"):
        png_drop.check_shown(replace(recipe(), network="sketchnat"))
    with pytest.raises(ExplorerError, match="other weights"):
        png_drop.check_shown(replace(recipe(), weights="f" * 16))
    with pytest.raises(ExplorerError, match="no layer"):
        png_drop.check_shown(recipe(layer="nowhere"))
    with pytest.raises(ExplorerError, match="no unit 999"):
        png_drop.check_shown(recipe(999))
    # A network that is not on this machine is downloaded first; its page offers that.
    png_drop.check_shown(replace(recipe(), network="resnet18"))


def test_a_saved_picture_opens_its_neuron() -> None:
    png = next(compute(recipe(2, seed=5), None, {})).pictures[0].image
    app = open_gallery()
    app.file_uploader(key="opener file 0").set_value([("a.png", png, "image/png")]).run()
    assert not app.error
    assert query(app) == url_codecs.link_to(recipe(2, seed=5), 2)[1]


def test_a_file_without_a_recipe_gets_one_sentence() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    app = open_gallery()
    app.file_uploader(key="opener file 0").set_value(
        [("a.png", buffer.getvalue(), "image/png")]
    ).run()
    assert not app.exception
    assert len(app.error) == 1
    assert "cannot be opened" in app.error[0].value


def test_a_guest_cannot_change_what_others_made(monkeypatch: pytest.MonkeyPatch) -> None:
    job = make(recipe())
    waiting = Jobs(server_state.store()).submit(recipe(seed=5), "somebody")
    guest = ownership.visitor_id("guest", guest=True)
    monkeypatch.setattr(server_state, "visitor", lambda: guest)
    app = open_gallery()
    assert f"stop gallery {waiting.key}" not in [it.key for it in app.button]
    app = open_gallery(open=job.id)
    assert any("Somebody else made this" in it.value for it in app.caption)
    assert not {"star", "delete"} & {it.key for it in app.button}
    assert not app.text_input
