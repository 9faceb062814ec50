"""The Probe page, run without a browser on a tiny network that stands in for SketchNet."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from core.analysis import explanation, probe
from core.images import image_io
from core.networks.interventions import with_units_switched
from core.recipes.switched_units import SwitchedUnit
from core.sketchworld.world import CLASSES
from explorer.jobs.queue_order import UNASKED
from explorer.text import formatting
from explorer.text.formatting import escape_markdown
from explorer.ui import chart, image_picker, incremental, server_state
from explorer.ui.probe import answers
from tests.conftest import tiny_module
from tests.core.picture_folders import photograph
from tests.pages.app import html, open_at, query
from tests.pages.collection import index_of
from tests.pages.stand_in import StandIn, open_stand_in, visit


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


def components(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.json) for element in app.get("bidi_component")]


def tiles(app: AppTest) -> dict[str, list[dict[str, Any]]]:
    """Return the tiles of each layer, by the layer's name."""
    found = [it for it in components(app) if "tiles" in it and not it["label"].startswith("Pict")]
    return {it["label"].split()[2]: it["tiles"] for it in found}


def picture(app: AppTest) -> dict[str, Any]:
    (found,) = (it for it in components(app) if "proportion" in it)
    return found


def test_there_is_something_to_see_before_any_click(stand_in: StandIn, tmp_path: Path) -> None:
    index = index_of(stand_in.network, tmp_path)
    app = visit("probe")
    assert not app.warning and not app.error
    assert picture(app)["picture"].startswith("data:image/webp")
    assert picture(app)["place"] is None and picture(app)["field"] is None
    page = html(app)
    assert "answer (probability)" in page and all(name in page for name in stand_in.network.labels)
    found = tiles(app)
    assert list(found) == [layer.name for layer in reversed(stand_in.network.shown)]
    sight = probe.probe_image(stand_in.network, image_picker.find_image("village").picture, index)
    for layer in stand_in.network.shown:
        ranked = sight.responses(layer, index, 4)
        assert [tile["id"] for tile in found[layer.name]] == [
            f"{layer.name} {it.unit}" for it in ranked
        ]
        assert all(tile["picture"] and tile["beside"] for tile in found[layer.name])
    # No visitor requested these units, so they have a low priority.
    assert not server_state.jobs().select("WHERE rank < :it", {"it": UNASKED})


def test_without_an_index_it_ranks_by_activation_and_says_how_to_have_one(
    stand_in: StandIn,
) -> None:
    app = visit("probe")
    assert "the highest activation come first" in html(app)
    assert any("explorer index" in it.value for it in app.caption)
    assert all(tile["beside"] is None for some in tiles(app).values() for tile in some)
    assert all(tile["picture"] for some in tiles(app).values() for tile in some)


def test_a_place_ranks_the_neurons_that_fire_there(stand_in: StandIn, tmp_path: Path) -> None:
    index = index_of(stand_in.network, tmp_path)
    app = visit("probe", row="13", col="4")
    assert "respond at the mark" in html(app)
    height, width = stand_in.network.input_size
    assert picture(app)["place"] == pytest.approx([13.5 / height, 4.5 / width])
    sight = probe.probe_image(stand_in.network, image_picker.find_image("village").picture, index)
    placed = [layer for layer in stand_in.network.shown if layer.spans is not None]
    assert set(tiles(app)) == {layer.name for layer in placed}
    for layer in placed:
        ranked = sight.responses(layer, index, 4, (13, 4))
        ids = [tile["id"] for tile in tiles(app)[layer.name]]
        assert ids == [f"{layer.name} {it.unit}" for it in ranked]


def test_a_neuron_lights_up_where_it_fires(stand_in: StandIn, tmp_path: Path) -> None:
    index_of(stand_in.network, tmp_path)
    layer = stand_in.network.shown[1]
    plain = picture(visit("probe"))["picture"]
    app = visit("probe", layer=layer.name, unit="2")
    lit = picture(app)
    assert lit["picture"] != plain and lit["field"] is not None
    assert f"<b>Neuron 2</b> of {layer.name}" in html(app)
    assert "20 pictures in photos" in html(app)
    chosen = [tile["id"] for tile in tiles(app)[layer.name] if tile["chosen"]]
    assert chosen in ([], [f"{layer.name} 2"])
    app.button(key="whole").click().run()
    assert query(app) == {}
    assert picture(app)["picture"] == plain


def test_a_picture_of_ones_own_is_probed(stand_in: StandIn, tmp_path: Path) -> None:
    app = visit("probe")
    buffer = io.BytesIO()
    photograph(3).save(buffer, "PNG")
    app.file_uploader[0].upload("mine.png", buffer.getvalue(), "image/png")
    app.run()
    assert not app.exception and not app.error
    assert query(app) == {"picture": image_io.fingerprint(photograph(3))}


@pytest.mark.parametrize(
    "link",
    [
        {"row": "99", "col": "1"},
        {"row": "x", "col": "1"},
        {"layer": "nothing"},
        {"layer": "1", "unit": "99"},
        {"picture": "../secret.png"},
        {"index": "/etc/passwd"},
        {"network": "nonet"},
    ],
    ids=lambda link: next(iter(link)),
)
def test_a_bad_link_says_so_and_shows_the_usual(stand_in: StandIn, link: dict[str, str]) -> None:
    app = visit("probe", **link)
    assert "A problem with this link" in app.warning[0].value
    assert picture(app)["picture"] and tiles(app)


def test_a_network_that_is_not_here_is_offered_for_download(stand_in: StandIn) -> None:
    app = open_at("probe", network="resnet18")
    assert any("not on this machine yet" in it.value for it in app.markdown)


def test_a_collection_that_is_gone_is_told_once(stand_in: StandIn, tmp_path: Path) -> None:
    index_of(stand_in.network, tmp_path)
    (tmp_path / "photos").rename(tmp_path / "moved")
    app = visit("probe")
    assert [it.value for it in app.caption if "cannot be shown" in it.value]
    assert not app.error


def test_probabilities_and_percentiles_look_different(stand_in: StandIn, tmp_path: Path) -> None:
    index_of(stand_in.network, tmp_path)
    app = visit("probe")
    assert "(probability)" in html(app) and re.search(r"</i>\d+\.\d%</dd>", html(app))
    captions = [tile["caption"] for some in tiles(app).values() for tile in some]
    assert captions
    assert all(re.search(r"\N{MIDDLE DOT} (top \d+(\.\d)?%|above all)$", it) for it in captions)
    layer = stand_in.network.shown[1]
    chosen = html(visit("probe", layer=layer.name, unit="2"))
    assert re.search(r", (top \d+(\.\d)?%|above all) of 20 pictures", chosen)


def test_a_network_of_drawings_says_so_for_photographs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stand_in in open_stand_in(StandIn(tiny_module()), monkeypatch):
        assert not any("drawings only" in it.value for it in visit("probe", picture="cat").caption)
        stand_in.network = replace(stand_in.network, labels=CLASSES[:4])
        st.cache_resource.clear()
        assert any("drawings only" in it.value for it in visit("probe", picture="cat").caption)
        drawn = visit("probe", picture="village")
        assert not any("drawings only" in it.value for it in drawn.caption)


def classes(app: AppTest) -> dict[str, str]:
    """Return the probabilities on the page, by class."""
    found = re.findall(r"<dt>([^<]*)</dt><dd[^>]*>(.*?)</dd>", html(app))
    return {name: re.sub(r"<[^>]*>", "", value) for name, value in found}


def test_a_neuron_that_is_turned_off_moves_the_answers_and_what_reads_it(
    stand_in: StandIn,
) -> None:
    network = stand_in.network
    layer = network.shown[1]
    before = visit("probe", layer=layer.name, unit="2")
    assert set(classes(before)) == set(network.labels)
    assert not before.toggle(key="turn off").value and before.slider(key="factor").value == 1.0
    app = before.toggle(key="turn off").set_value(True).run()
    assert query(app)["off"] == f"{layer.name}:2" and not app.exception
    picked = image_picker.find_image("village").picture
    probed = [
        probe.probe_image(it, picked)
        for it in (network, with_units_switched(network, [SwitchedUnit(layer.name, 2)]))
    ]
    shares = [dict(it.classes) for it in probed]
    for name, words in classes(app).items():
        wanted = " \N{RIGHTWARDS ARROW} ".join(formatting.probability(it[name]) for it in shares)
        assert words == wanted
    moved = {it["id"]: it["detail"] for some in tiles(app).values() for it in some if it["detail"]}
    assert moved[f"{layer.name} 2"].endswith("\N{RIGHTWARDS ARROW} 0")
    pale = [it["id"] for some in tiles(app).values() for it in some if it["silent"]]
    assert pale == [f"{layer.name} 2"]
    assert any(not it.startswith(f"{layer.name} ") for it in moved)
    assert not any(it.startswith(f"{network.shown[0].name} ") for it in moved)

    app.slider(key="factor").set_value(1.5).run()
    assert query(app)["off"] == f"{layer.name}:2:1.5" and not app.toggle(key="turn off").value
    app.button(key=f"back {layer.name} 2").click().run()
    assert "off" not in query(app)
    assert classes(app) == classes(before)


def test_several_neurons_are_put_back_at_once(stand_in: StandIn) -> None:
    one, other = (it.name for it in stand_in.network.shown[1:3])
    app = visit("probe", off=f"{one}:0,{other}:1:0.5")
    assert [it.label for it in app.button if it.key and it.key.startswith("back ")] == [
        f"{one} 0 off",
        escape_markdown(f"{other} 1 (two) \N{MULTIPLICATION SIGN} 0.5"),
    ]
    app.button(key="all back").click().run()
    assert query(app) == {}


@pytest.mark.parametrize("off", ["nothing:1", "1:99", "1", "1:0:7", "1:0,1:0:2"])
def test_a_bad_neuron_to_turn_off_says_so(stand_in: StandIn, off: str) -> None:
    app = visit("probe", off=off)
    assert "A problem with this link" in app.warning[0].value
    assert set(classes(app)) == set(stand_in.network.labels)


def test_without_a_head_it_says_that_there_are_no_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for stand_in in open_stand_in(StandIn(tiny_module()), monkeypatch):
        stand_in.network = replace(stand_in.network, labels=())
        layer = stand_in.network.shown[1].name
        app = visit("probe", layer=layer, unit="2", off=f"{layer}:2")
        assert any("tells no classes apart" in it.value for it in app.caption)
        assert any(it["detail"] for some in tiles(app).values() for it in some)


def explaining(app: AppTest) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the tiles of *Why this answer*, by layer and by the class that they raise or lower."""
    found = [it for it in components(app) if "tiles" in it and it["label"].startswith("Neurons")]
    # The label is like "Neurons of relu5b in SketchNet for house".
    words = {it["label"]: it["label"].split() for it in found}
    return {(words[it["label"]][2], " ".join(words[it["label"]][-2:])): it["tiles"] for it in found}


def test_why_shows_what_raises_the_logit_and_what_lowers_it(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental, "PATIENCE_SECONDS", 60.0)
    numbers: dict[str, Any] = {}
    monkeypatch.setattr(chart, "download_buttons", lambda key, name, its: numbers.update(its))
    network = stand_in.network
    picked = image_picker.find_image("village").picture
    app = visit("probe", ask="why")
    found = explanation.explain(network, picked, count=4)
    assert f"Why {found.wanted}?" in html(app)
    wanted = {
        (layer.layer, f"{word} {found.wanted}"): some
        for layer in found.layers
        for word, some in (("for", layer.raising), ("against", layer.lowering))
        if some
    }
    shown = explaining(app)
    assert list(shown) == list(wanted)
    for place, some in wanted.items():
        assert [it["id"] for it in shown[place]] == [f"{place[0]} {it.unit}" for it in some]
        for tile, it in zip(shown[place], some, strict=True):
            assert f"{formatting.signed(it.contribution)} ({it.share:.0%})" in tile["caption"]
            assert tile["detail"] == f"without it {formatting.signed(-it.effect)}"
            assert tile["beside"].startswith("data:image/webp")
    assert sum(map(len, wanted.values())) == len(numbers)
    (place, some) = next(iter(wanted.items()))
    row = numbers[f"{place[0]} {some[0].unit}"]
    assert row["contribution"] == pytest.approx(some[0].contribution)
    assert row["without"] == pytest.approx(-some[0].effect, rel=1e-2)
    name = network.shown[1].name
    plain = picture(app)["picture"]
    assert picture(visit("probe", ask="why", layer=name, unit="2"))["picture"] != plain


def test_why_tells_two_classes_apart(stand_in: StandIn) -> None:
    app = visit("probe", ask="why")
    app.selectbox(key="class").set_value("three").run()
    app.selectbox(key="against").set_value("one").run()
    assert query(app) == {"ask": "why", "class": "three", "against": "one"}
    assert "Why three rather than one?" in html(app)
    assert {words for _, words in explaining(app)} == {"for three", "for one"}
    for link in ({"class": "five"}, {"against": "five"}):
        bad = visit("probe", ask="why", **link)
        assert "A problem with this link" in bad.warning[0].value and explaining(bad)
    assert "A problem with this link" in visit("probe", ask="who").warning[0].value


def test_why_without_a_head_says_that_there_are_no_answers(stand_in: StandIn) -> None:
    stand_in.network = replace(stand_in.network, labels=())
    app = visit("probe", ask="why", layer=stand_in.network.shown[1].name, unit="2")
    assert any("has no answers" in it.value for it in app.caption) and not explaining(app)
    assert picture(app)["picture"]


def test_why_is_asked_about_the_whole_picture(stand_in: StandIn) -> None:
    app = visit("probe", row="3", col="4")
    assert picture(app)["place"]
    app.segmented_control(key="ask").set_value("why").run()
    assert query(app) == {"ask": "why"} and not picture(app)["place"]


def test_answers_that_read_the_same_show_their_logits(stand_in: StandIn) -> None:
    network = stand_in.network
    assert network.class_layer is not None
    picked = image_picker.find_image("village").picture
    plain = probe.probe_image(network, picked)

    def having(*logits: float) -> probe.ProbeResult:
        activations = {**plain.activations, network.class_layer.name: torch.tensor(logits)}
        return replace(plain, activations=activations)

    words = answers.changed_html(having(30.0, 0.0, 0.0, 0.0), having(25.5, 0.0, 0.0, 9.0))
    assert "logit 30.00 \N{RIGHTWARDS ARROW} 25.50" in words
    moved = answers.changed_html(having(1.0, 0.0, 0.0, 0.0), having(0.0, 0.0, 0.0, 0.0))
    assert "47.5% \N{RIGHTWARDS ARROW} 25.0%" in moved and "logit" not in moved
