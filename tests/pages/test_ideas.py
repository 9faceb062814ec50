"""Ideas on the Dream and the Style page: presets, chance, variations, and how long they take."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.networks.known_networks import SKETCHNET
from core.recipes.dream import DreamRecipe
from core.recipes.variations import VariationsRecipe
from core.style import defaults
from explorer.gallery.queries import Gallery, Search
from explorer.recipe_fields import PAGE_DEFAULTS, STYLE
from explorer.ui import image_picker, png_drop, server_state, url_codecs, urls
from explorer.ui.dream import dream_page, dream_presets
from explorer.ui.style import style_presets, style_view
from tests.conftest import tiny_module
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in, visit, work_off

QUICK = {"size": "64", "steps": "1"}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(DreamRecipe, "steps", 1)
    monkeypatch.setitem(defaults.DEFAULTS, SKETCHNET, USUAL)
    monkeypatch.setattr(style_view, "PAINTING", "dots")
    monkeypatch.setitem(PAGE_DEFAULTS, STYLE, {"size": 64, "steps": 1})
    monkeypatch.setattr(style_presets, "EXAMPLE", {"size": "48", "steps": "1"})
    monkeypatch.setitem(dream_presets.PRESETS, "sketchnet", PRESETS)
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


USUAL = {"style_layers": ("1", "3"), "content_layers": ("3",)}
PRESETS = (
    dream_presets.Preset("dots", {"layer": "1", "unit": "0,1"}),
    dream_presets.Preset("loud", {"layer": "3", "strength": "2"}),
)


def components(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(it.proto.json) for it in app.get("bidi_component")]


def tiles(app: AppTest) -> dict[str, dict[str, Any]]:
    """Return the tiles of the presets, by their names."""
    label = "Ideas: SketchNet"
    (found,) = (it for it in components(app) if it.get("label") == label)
    return {it["id"]: it for it in found["tiles"]}


def test_presets_show_what_they_make_of_ones_own_picture(stand_in: StandIn) -> None:
    app = open_at("dream", picture="cat", **QUICK)
    # They can be chosen before their examples are there.
    assert [(it["picture"], it["opens"]) for it in tiles(app).values()] == [(None, True)] * 2
    work_off(app)
    shown = tiles(app)
    assert list(shown) == ["dots", "loud"]
    pictures = [it["picture"] for it in shown.values()]
    assert all(pictures) and len(set(pictures)) == 2
    assert not any(it["chosen"] for it in shown.values())
    chosen = visit("dream", picture="cat", **PRESETS[0].query, **QUICK)
    assert [it["chosen"] for it in tiles(chosen).values()] == [True, False]
    # The dream that is shown has the preset's settings, and those are the example's but the size.
    (found,) = (it.recipe for it in Gallery(server_state.jobs()).entries(Search(layer="1")))
    assert isinstance(found, DreamRecipe) and found.units == (0, 1)


def test_a_preset_s_example_is_that_of_the_sample_until_ones_own_is_there(
    stand_in: StandIn,
) -> None:
    samples = [it["picture"] for it in tiles(visit("dream")).values()]
    app = open_at("dream", picture="cat", **QUICK)
    assert [it["picture"] for it in tiles(app).values()] == samples
    work_off(app)
    assert not set(samples) & {it["picture"] for it in tiles(app).values()}


def test_the_presets_of_styles_differ(stand_in: StandIn) -> None:
    app = visit("style", picture="coffee", style="dots", **QUICK)
    shown = tiles(app)
    assert shown["as usual"]["chosen"]
    assert all(it["picture"] for it in shown.values())
    # The tiny network has too few layers for those that choose layers.
    found = style_presets.find_presets(stand_in.network)
    presets = [it for it in found if "style_layers" not in it.query]
    recipes = {style_presets.example(stand_in.network, it, "a" * 32, "b" * 32) for it in presets}
    assert len(recipes) == len(presets)


def test_other_networks_have_presets_by_depth(stand_in: StandIn) -> None:
    other = replace(stand_in.network, name="other")
    found = dream_presets.find_presets(other)
    assert [it.title for it in found] == list(dream_presets.DEPTHS)
    for preset in found:
        full = url_codecs.dream_from_query(preset.query, other, "a" * 32)
        small = dream_presets.example(full, "b" * 32)
        assert small.layers == (preset.query["layer"],)
        assert full.size / small.size == pytest.approx(full.octave_scale**2, rel=0.05)
        assert small.octaves == full.octaves - 2


@pytest.mark.parametrize("seed", range(20))
def test_a_surprise_is_a_valid_link_and_keeps_ones_own_picture(
    stand_in: StandIn, seed: int
) -> None:
    network, chance = stand_in.network, random.Random(seed)
    own = image_picker.store_image(Image.new("RGB", (40, 30), "red"))
    sample, painting = (image_picker.find_image(it) for it in ("cat", "dots"))
    found = dream_presets.surprise(network, sample, chance)
    assert found["picture"] in image_picker.PHOTOGRAPHS
    link = {name: it for name, it in found.items() if it is not None}
    recipe = url_codecs.dream_from_query(link, network, own.name)
    assert recipe.strength in (0.75, 1.0, 1.25, 1.5)
    assert "picture" not in dream_presets.surprise(network, own, chance)
    styled = style_presets.surprise(network, sample, painting, chance)
    assert styled["style"] in image_picker.PAINTED
    link = {name: it for name, it in styled.items() if it is not None}
    assert url_codecs.style_from_query(link, network, own.name, own.name).style_layers
    assert not {"picture", "style"} & set(style_presets.surprise(network, own, own, chance))


def test_surprise_me_changes_the_link(stand_in: StandIn) -> None:
    for page in ("dream", "style"):
        app = open_at(page, **QUICK)
        app.button(key="surprise").click().run()
        assert not app.exception and not app.warning
        assert "picture" in query(app) and query(app)["size"] == "64"


def test_variations_are_one_job_and_a_click_opens_one_of_them(stand_in: StandIn) -> None:
    app = open_at("dream", picture="cat", steps="1")
    app.button(key="make variations").click().run()
    assert query(app)["vary"] == "strength:0.5,1,1.5" and query(app)["down"] == "seed:0,1,2"
    app.query_params["size"] = "64"
    app.run()
    work_off(app)
    (job,) = Gallery(server_state.jobs()).entries(Search(kind="variations"))
    recipe = job.recipe
    assert isinstance(recipe, VariationsRecipe) and len(recipe.parts()) == 9 and recipe.size == 64
    (shown,) = (it for it in components(app) if "corner" in it)
    cells = [cell for row in shown["rows"] for cell in row["cells"]]
    assert len(cells) == 9 and all(it["picture"] for it in cells)
    assert len({it["picture"] for it in cells}) == 9
    assert [it["name"] for it in shown["columns"]] == ["0.5", "1", "1.5"]
    assert [it["head"]["name"] for it in shown["rows"]] == ["0", "1", "2"]
    assert [it.label for it in app.get("download_button")] == ["Save as one sheet"]
    # It leads back from the gallery, and from a saved sheet.
    png_drop.check_shown(recipe)
    assert url_codecs.link_to(recipe)[1]["vary"] == "strength:0.5,1,1.5"
    assert "vary" not in url_codecs.link_to(recipe, 4)[1]
    app.button(key="one picture").click().run()
    assert not {"vary", "down"} & set(query(app))


def test_variations_of_styles(stand_in: StandIn) -> None:
    app = visit("style", picture="cat", style="dots", vary="balance:0.01,0.5", **QUICK)
    (shown,) = (it for it in components(app) if "corner" in it)
    assert [it["name"] for it in shown["columns"]] == [
        "style 5\N{MULTIPLICATION SIGN}",
        "content 10\N{MULTIPLICATION SIGN}",
    ]
    assert [len(it["cells"]) for it in shown["rows"]] == [2]
    (job,) = Gallery(server_state.jobs()).entries(Search(kind="variations"))
    _, link = url_codecs.link_to(job.recipe)
    again = visit("style", **link)
    assert not again.warning
    assert len(Gallery(server_state.jobs()).entries(Search(kind="variations"))) == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"vary": "size:64,128"}, "no setting 'size'"),
        ({"vary": "strength:0.5,loud"}, "strength is"),
        ({"vary": "strength:99"}, "strength is"),
        ({"vary": "seed:1,1"}, "each once"),
        ({"vary": "seed:1,2", "down": "seed:3,4"}, "cannot differ"),
        ({"vary": "seed:" + ",".join(map(str, range(50)))}, "give 1 to 8"),
    ],
)
def test_a_bad_link_gets_one_sentence(stand_in: StandIn, asked: dict[str, str], words: str) -> None:
    app = open_at("dream", **asked)
    assert [words in it.value.replace("\\", "") for it in app.warning] == [True]
    assert "vary" not in query(app)


def test_how_long_it_takes_is_told_once_it_is_known(stand_in: StandIn) -> None:
    def captions(app: AppTest) -> str:
        return " ".join(it.value for it in app.caption)

    app = open_at("dream", picture="cat", **QUICK)
    assert "9 pictures of 64 px: how long they take is not known yet." in captions(app)
    assert "How long it takes here" not in captions(app)
    work_off(app)
    with server_state.store().transaction() as connection:
        connection.execute("UPDATE results SET seconds = 3.0")
    app = open_at("dream", picture="coffee", **QUICK)
    assert "9 pictures of 64 px: about" in captions(app)
    assert "How long it takes here: 256 px about" in captions(app)
    waiting = [it.value for it in app.markdown if it.value.startswith("Starting")]
    assert any("in all" in it for it in waiting), waiting


def test_a_picture_dropped_on_another_page_is_dreamt_over(stand_in: StandIn) -> None:
    app = open_at("glossary")
    content = image_picker.image_io.encode_png(Image.new("RGB", (40, 30), "blue"))
    files = [("Blue sky.png", content, "image/png"), ("b.png", b"no", "image/png")]
    app.file_uploader(key="anywhere dropped 0").set_value(files[1:]).run()
    assert "cannot be used" in app.error[0].value
    app.file_uploader(key="anywhere dropped 1").set_value(files).run()
    assert not app.exception
    assert "Dream of" in html(app)
    name = query(app)["picture"]
    assert image_picker.find_image(name).title == "Blue sky"


def test_the_same_is_done_with_all_pictures_of_ones_own(stand_in: StandIn) -> None:
    app = open_at("dream", layer="3", **QUICK)
    assert "same" not in [it.key for it in app.button]
    pictures = [Image.new("RGB", (40, 30), it) for it in ("red", "green", "blue")]
    files = [
        (f"{at}.png", image_picker.image_io.encode_png(it), "image/png")
        for at, it in enumerate(pictures)
    ]
    app.file_uploader(key="picture dropped 0").set_value(files).run()
    work_off(app)
    app.button(key="same").click().run()
    work_off(app)
    made = [it.recipe for it in Gallery(server_state.jobs()).entries(Search(layer="3"))]
    images = {it.image for it in made if isinstance(it, DreamRecipe)}
    assert images >= {image_picker.image_io.fingerprint(it) for it in pictures}
    assert len({replace(it, image="a" * 32) for it in made if isinstance(it, DreamRecipe)}) == 1
    titles = {
        Gallery(server_state.jobs()).title(it).split(":")[0]
        for it in server_state.jobs().select("WHERE rank = 0")
    }
    assert titles >= {"0", "1", "2"}


def test_a_message_that_waited_for_a_long_run_does_not_undo_a_choice(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time=time.time)
    monkeypatch.setattr(urls, "time", clock)
    app = open_at("dream", picture="cat", **QUICK)
    before = query(app)
    # The run with the new query takes longer than messages are late.
    show = dream_page.show_head

    def show_slowly(*args: Any) -> None:
        now[0] += 5 * urls.LATE_SECONDS
        show(*args)

    monkeypatch.setattr(dream_page, "show_head", show_slowly)
    app.button(key="surprise").click().run()
    after = query(app)
    assert after != before
    for seconds, seen in ((urls.LATE_SECONDS / 2, after), (urls.LATE_SECONDS, before)):
        now[0] += seconds
        app.query_params.clear()
        for name, value in before.items():
            app.query_params[name] = value
        app.run()
        assert query(app) == seen


def test_a_late_message_of_the_browser_does_not_undo_a_choice(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_at("dream", picture="cat", **QUICK)
    before = query(app)
    app.button(key="surprise").click().run()
    after = query(app)
    assert after != before
    # A part of the page that follows jobs sends the query that the browser knew.
    app.query_params.clear()
    for name, value in before.items():
        app.query_params[name] = value
    app.run()
    assert query(app) == after
    # Later, it is a choice of the visitor's.
    monkeypatch.setattr(urls, "LATE_SECONDS", 0.0)
    app.query_params.clear()
    for name, value in before.items():
        app.query_params[name] = value
    app.run()
    assert query(app) == before
