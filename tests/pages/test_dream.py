"""The pages Dream and Dreams by layer, run without a browser on a tiny stand-in for SketchNet."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.dreams import render_dreams
from core.errors import ExplorerError
from core.recipes.dream import DreamRecipe
from explorer.gallery.queries import Gallery, Search
from explorer.ui import image_picker, png_drop, server_state, url_codecs, urls
from explorer.ui.dream import dream_page, dream_view
from tests.conftest import tiny_module
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in, visit, work_off

# Dreams of these tests are small and quick.
QUICK = {"size": "64", "octaves": "2", "steps": "2"}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(DreamRecipe, "steps", 1)
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


def component(app: AppTest, name: str) -> dict[str, Any]:
    """Return the data of one of the page's components."""
    found = [json.loads(it.proto.json) for it in app.get("bidi_component")]
    return next(it for it in found if name in it)


def recipe_of() -> DreamRecipe:
    (entry,) = Gallery(server_state.jobs()).entries(Search())
    found = entry.recipe
    assert isinstance(found, DreamRecipe)
    return found


def test_there_is_a_dream_before_the_first_click(stand_in: StandIn) -> None:
    app = visit("dream")
    shown = component(app, "before")
    assert shown["after"] and shown["after"] != shown["before"]
    assert [it["name"] for it in component(app, "stops")["stops"]] == [
        it.name for it in stand_in.network.shown
    ]
    assert all(it["picture"] for it in component(app, "stops")["stops"])
    # No visitor requested it, so it is not in the gallery.
    assert Gallery(server_state.jobs()).count(Search()) == 0
    assert [it.label for it in app.get("download_button")] == ["Save as PNG"]


def test_the_url_says_how_it_is_dreamt(stand_in: StandIn) -> None:
    app = visit("dream", picture="cat", layer="3", unit="2,4", strength="1.5", seed="7", **QUICK)
    found = recipe_of()
    cat = image_picker.find_image("cat").fingerprint
    expected = render_dreams.plan(
        stand_in.network, ["3"], cat, 7, units=(2, 4), strength=1.5, size=64, octaves=2, steps=2
    )
    assert found == expected
    assert "changed for neuron 2, neuron 4 alone" in html(app)
    app.button(key="all").click().run()
    assert "unit" not in query(app)


def test_the_small_dreams_are_the_samples_until_those_of_ones_own_picture_are_there(
    stand_in: StandIn,
) -> None:
    def captions(app: AppTest) -> list[str]:
        found = [it.value for it in app.caption if "small dreams show" in it.value.lower()]
        assert all(it.startswith(dream_page.CLICK) for it in found)
        return [it.removeprefix(f"{dream_page.CLICK} ") for it in found]

    assert captions(open_at("dream")) == []
    assert captions(visit("dream")) == ["The small dreams show: astronaut."]
    app = open_at("dream", picture="cat")
    (words,) = captions(app)
    assert words == (
        "The small dreams show, as an example: astronaut; those of cat are on the way."
    )
    samples = [it["picture"] for it in component(app, "stops")["stops"]]
    assert all(samples)
    work_off(app)
    assert captions(app) == ["The small dreams show: cat."]
    own = [it["picture"] for it in component(app, "stops")["stops"]]
    assert all(own) and not set(own) & set(samples)


def test_who_has_half_of_the_small_dreams_is_told() -> None:
    words = dream_view.describe_examples("cat", "astronaut", 5, 7)
    assert (
        words
        == "The small dreams show: cat (5 of 12); the others still show the example, astronaut."
    )
    assert dream_view.describe_examples("cat", "astronaut", 0, 0) == ""


def test_who_opens_what_another_visitor_left_sees_it_begin(stand_in: StandIn) -> None:
    app = open_at("dream", layer="3", **QUICK)
    app.query_params["layer"] = stand_in.network.shown[0].name
    app.run()
    (left,) = server_state.jobs().select("WHERE rank = 0 AND state = 'cancelled'")
    other = open_at("dream", layer="3", **QUICK)
    assert not any("Stopped" in it.value for it in other.markdown)
    job = server_state.jobs().get(left.key)
    assert job is not None and job.state == "waiting"
    # Of the new visitor's jobs it comes first, before the examples above the slider.
    others = [it.before for it in server_state.jobs().open() if it.rank > 0]
    assert others and job.before < min(others)


def test_a_saved_dream_leads_back_to_its_settings(stand_in: StandIn) -> None:
    visit("dream", picture="cat", layer="3", unit="2", colours="kept", seed="7", **QUICK)
    found = recipe_of()
    png_drop.check_shown(found)
    page, asked = url_codecs.link_to(found, 0)
    assert page == urls.DREAM
    again = visit("dream", **asked)
    assert recipe_of() == found
    assert not again.warning


def test_settings_change_the_address(stand_in: StandIn) -> None:
    app = visit("dream", picture="cat", **QUICK)
    key = recipe_of().key
    app.slider(key=f"strength {key}").set_value(2.0).run()
    assert query(app)["strength"] == "2.0"
    key = next(it.key for it in app.slider if it.key.startswith("strength ")).split()[1]
    app.toggle(key=f"colours {key}").set_value(True).run()
    assert query(app)["colours"] == "kept"
    app.button(key="usual").click().run()
    assert query(app) == {"picture": "cat"}


def test_a_dream_becomes_the_next_one_s_picture(stand_in: StandIn) -> None:
    app = visit("dream", picture="cat", **QUICK)
    first = recipe_of()
    app.button(key="deeper").click().run()
    work_off(app)
    then = query(app)["picture"]
    assert then not in ("cat", first.image)
    stored = server_state.store().picture(first.key, 0)
    assert stored is not None
    assert image_picker.accept_upload(stored.image).name == then


def test_a_dream_that_is_left_at_once_does_not_stay(stand_in: StandIn) -> None:
    app = open_at("dream", picture="cat", layer="1", **QUICK)
    left = st_key(app)
    app.query_params["layer"] = "3"
    app.run()
    job = server_state.jobs().get(left)
    assert job is not None and job.state == "cancelled" and job.deleted is not None
    assert st_key(app) != left


def st_key(app: AppTest) -> str:
    return str(app.session_state["dreaming"])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"layer": "nowhere"}, "no layer"),
        ({"unit": "99"}, "unit is 99"),
        ({"unit": "-1"}, "unit is"),
        ({"strength": "nan"}, "strength is"),
        ({"strength": "9"}, "strength is"),
        ({"octaves": "99"}, "octaves is 99"),
        ({"size": "1000000"}, "size is"),
        ({"picture": "f" * 32}, "no picture"),
        ({"guide": "nobody"}, "no picture"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_a_dream(
    stand_in: StandIn, asked: dict[str, str], words: str
) -> None:
    app = open_at("dream", **asked)
    assert [words in it.value.replace("\\", "") for it in app.warning] == [True]
    assert component(app, "before")["before"]


def test_films_and_missing_pictures_are_refused(stand_in: StandIn) -> None:
    visit("dream", picture="cat", **QUICK)
    found = recipe_of()
    with pytest.raises(ExplorerError, match="no page shows films"):
        url_codecs.link_to(replace(found, frames=3))
    with pytest.raises(ExplorerError, match="is not here"):
        png_drop.check_shown(replace(found, image="f" * 32))


def test_depths_are_shown_side_by_side(stand_in: StandIn) -> None:
    app = visit("depths", picture="cat", seed="3")
    page = html(app)
    shown = stand_in.network.shown[:-1]
    assert page.count("<figure>") == len(shown)
    assert page.count('alt="Dream of') == len(shown)
    assert page.count("answer: ") == len(shown)
    # The units of the tiny network have no labels, so there is one table.
    assert page.count('<table class="heat"') == 1
    assert Gallery(server_state.jobs()).count(Search()) == 0


def test_depths_show_the_sample_until_they_are_dreamt(stand_in: StandIn) -> None:
    count = len(stand_in.network.shown) - 1
    assert html(visit("depths")).count('class="sample"') == 0
    app = open_at("depths", picture="cat")
    assert html(app).count('class="sample"') == count
    words = "Faint until they are dreamt: astronaut, as an example."
    assert words in [it.value for it in app.caption]
    work_off(app)
    assert html(app).count('class="sample"') == 0
    assert words not in [it.value for it in app.caption]


def test_a_neuron_leads_to_its_dream(stand_in: StandIn) -> None:
    app = visit("neuron", layer="3", unit="2")
    links_there = [it.proto for it in app.get("page_link")]
    there = next(it for it in links_there if it.label == "Dream with this neuron")
    assert "unit=2" in there.query_string and "layer=3" in there.query_string
