"""The Style page, run without a browser on a tiny stand-in for SketchNet."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.errors import ExplorerError
from core.experiments import style_advice
from core.networks.known_networks import SKETCHNET
from core.progress import LossHistory
from core.recipes.style import StyleRecipe
from core.style import defaults, transfer
from explorer.gallery.queries import Gallery, Search
from explorer.jobs.claims import Claims
from explorer.recipe_fields import PAGE_DEFAULTS, STYLE
from explorer.rendering import render_recipe
from explorer.ui import image_picker, png_drop, server_state, url_codecs, urls
from explorer.ui.image_picker import PickedImage
from explorer.ui.style import style_view
from tests.conftest import tiny_module
from tests.explorer.workers import alive
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in, visit, work_off

USUAL = {"style_layers": ("1", "3"), "content_layers": ("3",)}
# These tests render small images in few steps.
QUICK = {"size": "64", "steps": "2"}
SKETCH = render_recipe.encode_preview(torch.rand(3, 8, 12))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setitem(defaults.DEFAULTS, SKETCHNET, USUAL)
    monkeypatch.setitem(PAGE_DEFAULTS, STYLE, {"size": 48, "steps": 3})
    # This painting is drawn fastest.
    monkeypatch.setattr(style_view, "PAINTING", "dots")
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


def component(app: AppTest, name: str) -> dict[str, Any]:
    """Return the data of one of the page's components."""
    found = [json.loads(it.proto.json) for it in app.get("bidi_component")]
    return next(it for it in found if name in it)


def drawn(app: AppTest) -> dict[str, Any]:
    """Return the one chart of the page."""
    (chart,) = app.get("plotly_chart")
    found: dict[str, Any] = json.loads(chart.proto.spec)
    return found


def recipe_of() -> StyleRecipe:
    (entry,) = Gallery(server_state.jobs()).entries(Search())
    found = entry.recipe
    assert isinstance(found, StyleRecipe)
    return found


def test_there_is_a_painting_before_the_first_click(stand_in: StandIn) -> None:
    app = visit("style")
    shown = component(app, "before")
    assert shown["after"] and shown["after"] != shown["before"]
    assert "Cat in the style of a pointillist" in html(app)
    speaking = component(app, "stops")
    able = [it.name for it in stand_in.network.shown if it.size is not None]
    assert [it["name"] for it in speaking["stops"]] == able
    assert [able[at] for at in speaking["style"]] == ["1", "3"]
    assert able[speaking["content"]] == "3"
    # Its losses are drawn; no visitor requested it, so it is not in the gallery.
    assert len(app.get("plotly_chart")) == 1
    assert Gallery(server_state.jobs()).count(Search()) == 0
    saved = [it.label for it in app.get("download_button")]
    assert saved == ["Save as PNG", "CSV", "JSON"]


def test_curves_grow_while_it_is_painted_and_stay_when_it_stops(stand_in: StandIn) -> None:
    app = open_at("style", picture="coffee", **QUICK)
    assert not app.get("plotly_chart")
    claims = Claims(server_state.store())
    claim = claims.claim("test")
    assert claim is not None
    for steps in (3, 4):
        costs = {"style 1": [0.5, 0.2, 0.03, 0.02][:steps], "content 3": [0.0, 0.1, 0.2, 0.2]}
        told = render_recipe.history_json(
            LossHistory({name: it[:steps] for name, it in costs.items()}, 8)
        )
        claims.report(claim, steps, 8, {0: SKETCH}, told)
        with alive(server_state.store(), "test"):
            app.run()
        chart = drawn(app)
        assert [it["name"] for it in chart["data"]] == list(costs)
        # Half of the steps are done: the rest of the axis is empty.
        assert chart["data"][0]["x"][-1] == pytest.approx(100 * steps / 8)
        assert chart["data"][0]["y"] == costs["style 1"]
        assert chart["layout"]["xaxis"]["range"] == [0, 100]
        assert chart["layout"]["yaxis"]["range"] == pytest.approx([-2, math.log10(0.5) + 0.1])
    claims.release(claim)
    server_state.jobs().cancel(claim.job)
    assert drawn(app.run()) == chart


def test_the_url_says_how_it_is_painted(stand_in: StandIn) -> None:
    settings = {"balance": "0.5", "style_scale": "0.7", "loss": "gram", "init": "noise"}
    app = visit(
        "style", picture="coffee", style="tissue", content_layers="1", style_layers="3",
        colours="matched", seed="7", **settings, **QUICK,
    )  # fmt: skip
    content, style = (image_picker.find_image(it).fingerprint for it in ("coffee", "tissue"))
    assert recipe_of() == transfer.plan(
        stand_in.network, 7, content=content, styles=(style,), content_layers=("1",),
        style_layers=("3",), balance=0.5, style_scale=0.7, loss="gram", init="noise",
        colours="matched", size=64, steps=2,
    )  # fmt: skip
    assert not app.warning


def test_the_page_offers_the_loss_that_keeps_shapes(stand_in: StandIn) -> None:
    app = visit("style", picture="coffee", **QUICK)
    chosen = next(it for it in app.selectbox if it.key.startswith("loss "))
    kept = next(it for it in chosen.options if it.startswith("keeps shapes"))
    app.selectbox(key=chosen.key).select(kept).run()
    assert query(app)["loss"] == "nearest"
    again = visit("style", **query(app))
    assert not again.warning and query(again)["loss"] == "nearest"
    asked = [it.recipe for it in Gallery(server_state.jobs()).entries(Search())]
    (found,) = [it for it in asked if isinstance(it, StyleRecipe) and it.loss == "nearest"]
    assert url_codecs.link_to(found, 0)[1]["loss"] == "nearest"


def test_a_saved_painting_leads_back_to_its_settings(stand_in: StandIn) -> None:
    visit("style", picture="coffee", colours="light", balance="0.25", seed="7", **QUICK)
    found = recipe_of()
    png_drop.check_shown(found)
    page, asked = url_codecs.link_to(found, 0)
    assert page == urls.STYLE
    again = visit("style", **asked)
    assert recipe_of() == found
    assert not again.warning


def test_settings_change_the_address(stand_in: StandIn) -> None:
    app = visit("style", picture="coffee", **QUICK)
    key = recipe_of().key
    app.select_slider(key=f"balance {key}").set_value(0.1).run()
    assert query(app)["balance"] == "0.1"
    key = next(it.key for it in app.selectbox if it.key.startswith("colours ")).split()[1]
    app.selectbox(key=f"colours {key}").set_value("light").run()
    assert query(app)["colours"] == "light"
    app.button(key="usual").click().run()
    assert query(app) == {"picture": "coffee"}


def test_a_range_of_depths_is_the_usual_one_or_all_between(stand_in: StandIn) -> None:
    assert style_view.layers_between(stand_in.network, "1", "3") == USUAL["style_layers"]
    assert style_view.layers_between(stand_in.network, "1", "1") == ("1",)
    assert style_view.nearest_layer(stand_in.network, "0") == 0


def test_a_painting_is_painted_once_more(stand_in: StandIn) -> None:
    app = visit("style", picture="coffee", **QUICK)
    first = recipe_of()
    app.button(key="again").click().run()
    work_off(app)
    stored = server_state.store().picture(first.key, 0)
    assert stored is not None
    assert query(app)["picture"] == image_picker.accept_upload(stored.image).name


def test_one_that_is_left_at_once_does_not_stay(stand_in: StandIn) -> None:
    app = open_at("style", picture="coffee", **QUICK)
    left = app.session_state["painting"]
    app.query_params["style"] = "tissue"
    app.run()
    job = server_state.jobs().get(left)
    assert job is not None and job.state == "cancelled" and job.deleted is not None
    assert app.session_state["painting"] != left


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"content_layers": "nowhere"}, "no layer"),
        ({"style_layers": "1,,3"}, "no layer"),
        ({"style_layers": "6"}, "has no places"),
        ({"balance": "nan"}, "balance is"),
        ({"balance": "a lot"}, "balance is"),
        ({"size": "1000000"}, "size is"),
        ({"steps": "-1"}, "steps is"),
        ({"loss": "hinge"}, "no loss"),
        ({"init": "picture"}, "no init"),
        ({"picture": "f" * 32}, "no picture"),
        ({"style": "../../etc/passwd"}, "no picture"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_a_painting(
    stand_in: StandIn, asked: dict[str, str], words: str
) -> None:
    app = open_at("style", **asked)
    assert [words in it.value.replace("\\", "") for it in app.warning] == [True]
    assert component(app, "before")["before"]


@pytest.mark.parametrize("content", [b"no picture", b""], ids=["words", "empty"])
def test_a_broken_painting_is_refused_in_one_sentence(stand_in: StandIn, content: bytes) -> None:
    app = visit("style", picture="coffee", **QUICK)
    app.file_uploader[1].upload("mine.png", content or b"\0", "image/png")
    app.run()
    assert not app.exception
    assert [it.value.startswith("This picture cannot be used") for it in app.error] == [True]
    assert "style" not in query(app)


def test_what_the_page_does_not_make_is_refused(stand_in: StandIn) -> None:
    visit("style", picture="coffee", **QUICK)
    found = recipe_of()
    for other in (
        replace(found, content="", content_layers=(), init="noise"),
        replace(found, styles=(), style_layers=()),
        replace(found, variation=0.5),
    ):
        with pytest.raises(ExplorerError, match="no page shows"):
            url_codecs.link_to(other)
    with pytest.raises(ExplorerError, match="on the Style page"):
        png_drop.check_shown(replace(found, content="f" * 32))


@pytest.mark.parametrize(
    ("content", "style", "words"),
    [
        ("cat", "a mosaic", "cat in the style of a mosaic"),
        ("your picture", "a mosaic", "your picture in the style of a mosaic"),
        ("your picture", "your picture", "your picture in the style of another picture"),
    ],
)
def test_two_pictures_of_ones_own_are_told_apart(content: str, style: str, words: str) -> None:
    picked = (PickedImage(it, it, Image.new("RGB", (4, 4))) for it in (content, style))
    assert style_view.describe_pair(*picked) == words


def look(**measures: float) -> style_advice.StyleLook:
    return style_advice.StyleLook(
        **{"saturation": 1.0, "edges": 0.6, "content": 0.4, "foreign": 0.1, **measures}
    )


def test_a_picture_that_is_hardly_painted_has_a_button_for_more(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style_advice, "measure_look", lambda *_: look(edges=0.97, content=0.01))
    place = {"picture": "coffee", "style": "dots", "balance": "1"}
    app = open_at("style", **place, **QUICK)
    assert "hardly painted" not in html(app)
    work_off(app)
    assert "It is hardly painted: 97% of the photograph" in html(app)
    button = app.button(key="advice change")
    assert button.label == "Balance: content 5\N{MULTIPLICATION SIGN}"
    button.click().run()
    assert query(app)["balance"] == "0.25"


def test_nothing_is_said_of_a_picture_that_looks_well(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def measured(recipe: StyleRecipe, inputs: dict[str, bytes], *_: Any) -> Any:
        seen.append((recipe.content in inputs, recipe.styles[0] in inputs))
        return look()

    monkeypatch.setattr(style_advice, "measure_look", measured)
    app = open_at("style", picture="coffee", style="dots", balance="0.4", **QUICK)
    work_off(app)
    assert seen == [(True, True)]
    assert all(it.key != "advice change" for it in app.button)
