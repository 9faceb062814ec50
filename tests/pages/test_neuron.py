"""The Neuron page, run without a browser on a tiny network that stands in for SketchNet."""

import io
import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import nn

from core.analysis import unit_labels
from core.analysis.picture_sample import sample_pictures
from core.analysis.unit_effects import EffectMeter
from core.datasets import sources
from core.datasets.sources import SketchWorldSource
from core.index import build, reader
from core.networks import registry
from core.sketchnet.labels import Label, Labels
from core.sketchworld.seeds import World
from explorer import layer_pages
from explorer.jobs.queue_order import UNASKED
from explorer.library import background_task, effects, unit_places
from explorer.library.effects import EffectPlace
from explorer.rendering import render_recipe
from explorer.reports.effect_report import answer_texts
from explorer.store.results import Store, StoredPicture
from explorer.ui import image_picker, server_state, urls
from explorer.ui.neuron import questions
from explorer.ui.neuron.effect import change_text
from explorer.ui.neuron.pictures import NeuronView
from tests.conftest import tiny_module
from tests.pages.app import html, open_at, query
from tests.pages.collection import index_of
from tests.pages.stand_in import (
    EFFECT_DRAWINGS,
    SIZE,
    STEPS,
    StandIn,
    open_stand_in,
    visit,
    work_off,
)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


def see(**query: str) -> AppTest:
    """Open the page of a unit, and wait until everything is drawn."""
    return visit("neuron", **query)


def tiles(app: AppTest) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of tiles, by the first word of their label."""
    data = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    return {it["label"].split()[0]: it["tiles"] for it in data if "tiles" in it}


def test_rows_of_tiles_are_named_as_the_page_names_the_network(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1].name
    app = see(layer=layer, unit="2")
    data = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    labels = [it["label"] for it in data if "tiles" in it]
    assert f"Pictures of neuron 2 of {layer} in SketchNet" in labels
    assert all("SketchNet" in it and "sketchnet" not in it for it in labels)


def test_a_link_opens_a_neuron_and_draws_all_that_is_shown(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1]
    app = see(layer=layer.name, unit="2")
    page = html(app)
    assert "large-picture" in page and "unfinished" not in page
    for words in ("Receptive field", "Fine grain", "More pictures of it"):
        assert words in page
    rows = tiles(app)
    assert set(rows) == {"Pictures", "Similar", "Excited", "Inhibited"}
    assert len(rows["Pictures"]) == 1 + urls.DIVERSE + 1
    assert len(rows["Similar"]) <= layer.channels - 1
    every = [tile for row in rows.values() for tile in row]
    assert all(tile["picture"] and not tile["preview"] for tile in every)
    assert not app.warning and not app.error


def test_the_usual_picture_tells_what_is_similar_until_another_is_drawn(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1].name
    usual = tiles(see(layer=layer, unit="2"))["Similar"]
    # Nothing with this seed is drawn yet.
    rows = tiles(open_at("neuron", layer=layer, unit="2", seed="7"))
    assert not any(it["picture"] for it in rows["Pictures"])
    assert rows["Similar"] == usual and all(it["picture"] for it in usual)


def test_a_neuron_is_presented_alone(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1]
    app = see(layer=layer.name, unit="0", view="2")
    app.button(key="present").click().run()
    assert query(app)["present"] == "1"
    work_off(app)
    assert 'class="presented"' in html(app) and "<img" in html(app)
    assert not tiles(app) and not [it for it in app.button if it.key == "next"]
    data = [json.loads(it.proto.json) for it in app.get("bidi_component")]
    (bar,) = (it for it in data if "where" in it)
    assert (bar["back"], bar["forward"]) == (False, True)
    assert f"neuron 0 of {layer.name}" in html(app) or "Neuron 0" in html(app)
    last = see(layer=layer.name, unit=str(layer.channels - 1), present="2")
    assert ["present is 2" in it.value for it in last.warning] == [True]


def test_only_the_large_picture_has_a_button_to_stop_it(stand_in: StandIn) -> None:
    app = open_at("neuron", layer=stand_in.network.shown[1].name, unit="2", seed="5")
    assert len([it for it in app.markdown if it.value.startswith(("Starting", "Waiting"))]) > 1
    assert [it.label for it in app.button].count("Stop") == 1


def test_what_is_looked_at_first_is_asked_for_first(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1].name
    see(layer=layer, unit="2")
    first = stand_in.rendered[:3]
    assert [(it.count, it.negative, it.seed) for it in first] == [
        (1, False, 0),
        (urls.DIVERSE, False, 0),
        (1, True, 0),
    ]
    assert {it.units for it in first} == {(2,)}
    # The visitor requested the unit alone; everything else has a low priority.
    asked = server_state.jobs().select("WHERE rank < :it", {"it": UNASKED})
    assert [job.key for job in asked] == [first[0].key]


def test_a_second_visit_draws_nothing(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1].name
    see(layer=layer, unit="2")
    count = len(stand_in.rendered)
    see(layer=layer, unit="2")
    assert len(stand_in.rendered) == count


def test_a_neuron_is_drawn_anew_with_settings_of_ones_own(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[0].name
    app = see(layer=layer, unit="1")
    count = len(stand_in.rendered)
    (seed,) = app.number_input
    seed.set_value(7).run()
    assert len(stand_in.rendered) == count
    app.selectbox[0].set_value("pixels").run()
    app.button(key="draw").click().run()
    asked = query(app)
    assert (asked["seed"], asked["canvas"]) == ("7", "pixels")
    assert "size" not in asked
    assert "unfinished" in html(app)
    work_off(app)
    drawn = stand_in.rendered[count]
    assert (drawn.units, drawn.seed, drawn.canvas) == ((1,), 7, "pixels")
    assert "seed 7, canvas pixels" in html(app) and "unfinished" not in html(app)
    assert set(server_state.store().pictures(drawn)) == {1}
    app.button(key="usual").click().run()
    assert set(query(app)) == {"layer", "unit"}


def test_a_large_picture_leaves_the_small_ones_as_quick_as_usual(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[0].name
    page = html(see(layer=layer, unit="1", size="32", steps="5", seed="3"))
    assert "32 px, 5 steps, seed 3" in page
    large, *others = [it for it in stand_in.rendered if it.units == (1,)]
    assert (large.size, large.steps, large.seed) == (32, 5, 3)
    assert {(it.size, it.steps) for it in others} == {(SIZE, STEPS)}
    assert [it.seed for it in others] == [3, 3, 3]


@pytest.mark.parametrize(("view", "words"), [("negative", "responds least"), ("3", "One of four")])
def test_another_picture_of_the_neuron_is_large(stand_in: StandIn, view: str, words: str) -> None:
    app = see(layer=stand_in.network.shown[0].name, unit="1", view=view)
    assert words in html(app)
    (chosen,) = [it for it in tiles(app)["Pictures"] if it["chosen"]]
    assert chosen["id"] == f"view {view}"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("network", "sketchnot", "did you mean 'sketchnet'?"),
        ("layer", "nope", "no layer 'nope'"),
        ("unit", "9999", "unit is 9999"),
        ("unit", "-1", "unit is -1"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_a_way_on(
    stand_in: StandIn, name: str, value: str, words: str
) -> None:
    app = see(**{"layer": stand_in.network.shown[0].name, "unit": "1", name: value})
    assert [words in it.value.replace("\\", "") for it in app.warning] == [True]
    assert not app.error
    assert len(app.get("page_link")) == 1
    assert not stand_in.rendered


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("size", "9999", "size is 9999"),
        ("canvas", "wall", "no canvas 'wall'"),
        ("view", "9", "no view '9'"),
    ],
)
def test_a_wrong_setting_gets_one_sentence_and_the_neuron_as_usual(
    stand_in: StandIn, name: str, value: str, words: str
) -> None:
    app = see(**{"layer": stand_in.network.shown[0].name, "unit": "1", name: value})
    assert [words in it.value.replace("\\", "") for it in app.warning] == [True]
    assert not app.error and "large-picture" in html(app)
    assert "Neuron 1" in html(app)


def test_without_a_link_some_neuron_is_shown(stand_in: StandIn) -> None:
    assert "large-picture" in html(see())


def test_an_old_link_to_a_neuron_leads_to_its_page(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[0].name
    app = visit(layer=layer, unit="1", seed="3")
    assert "Neuron 1" in html(app)
    assert query(app) == {"layer": layer, "unit": "1", "seed": "3"}


def test_the_next_neuron_is_one_click_away_and_what_waits_for_this_one_is_dropped(
    stand_in: StandIn,
) -> None:
    layer = stand_in.network.shown[0].name
    app = open_at("neuron", layer=layer, unit="1")
    waiting = {job.recipe.units for job in server_state.jobs().open() if job.rank == UNASKED}
    assert (1,) in waiting
    app.button(key="next").click().run()
    assert query(app)["unit"] == "2"
    left = [job.recipe.units for job in server_state.jobs().open() if job.rank == UNASKED]
    assert (1,) not in left and (2,) in left
    app.button(key="previous").click().run()
    assert query(app)["unit"] == "1"
    work_off(app)
    assert "unfinished" not in html(app)


def silenced() -> nn.Sequential:
    """Return a network in which unit 3 of the first layer is zero for every image."""
    module = tiny_module()
    first = module[0]
    assert isinstance(first, nn.Conv2d) and first.bias is not None
    first.weight[3].data.zero_()
    first.bias[3].data.fill_(-1.0)
    return module


def test_a_neuron_is_dead_only_if_no_picture_excites_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for stand_in in open_stand_in(StandIn(silenced()), monkeypatch):
        layer = stand_in.network.shown[0].name
        app = see(layer=layer, unit="3")
        assert "this picture does not excite the neuron" in html(app)
        assert "Dead" not in html(app) and 'class="badge' not in html(app)
        assert "Similar" not in tiles(app)
        index_of(stand_in.network, tmp_path)
        app = see(layer=layer, unit="3")
        assert 'class="badge poor"' in html(app) and "Dead" in html(app)
        assert "None of 20 pictures in photos excites this neuron" in html(app)
        assert "Examples" not in tiles(app), "nine crops that do not excite it"
        assert any("No picture excites this neuron" in it.value for it in app.caption)
        assert "Examples" in tiles(see(layer=layer, unit="3", pictures="least"))
        other = html(see(layer=layer, unit="1"))
        assert "Dead" not in other


def test_the_badge_says_how_much_the_class_explains(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    index = index_of(stand_in.network, tmp_path)
    layer = stand_in.network.shown[1].name
    page = html(see(layer=layer, unit="2"))
    assert "Reliable" not in page and "Not measured" in page and "a folder for each class" in page
    from core.analysis import class_selectivity

    for name, least in (("LEAST_CLASSES", 2), ("LEAST_IMAGES", 10)):
        monkeypatch.setattr(class_selectivity, name, least)
    share = max(0.0, class_selectivity.class_selectivity(index, layer).shares[2])
    page = html(see(layer=layer, unit="2"))
    assert 'class="badge unknown"' in page and f"explains {share:.0%} of how" in page
    assert "no verdict" in page, "photographs have other levels than drawings"


@pytest.mark.parametrize(
    ("share", "kind", "title"),
    [
        (0.85, "good", "Tells classes apart"),
        (0.55, "fair", "Tells classes apart in part"),
        (0.05, "poor", "Does not tell classes apart"),
        (-0.1, "poor", "Does not tell classes apart"),
    ],
)
def test_the_badge_of_drawings_has_three_levels(
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    share: float,
    kind: str,
    title: str,
) -> None:
    from core.analysis import class_selectivity
    from explorer.ui.neuron import badge

    source = sources.find_source("sketchworld:12")
    accumulator = build.open_accumulator(
        build.plan_index(stand_in.network, source), source, tmp_path / "index"
    )
    list(build.build_index(stand_in.network, source, accumulator, tmp_path / "index"))
    index = reader.open_index(tmp_path / "index")
    layer = stand_in.network.shown[1]
    measured = class_selectivity.ClassSelectivity(np.full(7, share), 12, 100)
    monkeypatch.setattr(badge, "class_selectivity", lambda index, layer: measured)
    shown = badge.badge_html(index, layer, 2)
    assert f'class="badge {kind}"' in shown and f"<b>{title}</b>" in shown
    assert f"explains {max(share, 0):.0%} of how" in shown


def test_a_minimised_neuron_says_which_layer_is_minimised(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1].name
    page = html(see(layer=layer, unit="2", view="negative"))
    assert "so 2 before it is minimised" in page and "reach less" not in page


def test_projections_are_refused_in_networks_without_relus(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = tiny_module()
    module[1] = nn.SiLU()
    for stand_in in open_stand_in(StandIn(module), monkeypatch):
        index_of(stand_in.network, tmp_path)
        layer = stand_in.network.shown[1].name
        for how in ("guided", "deconvolution"):
            app = see(layer=layer, unit="2", evidence=how)
            said = [it.value.replace("\\", "") for it in app.caption]
            assert any("defined for ReLUs only" in it and "SiLU" in it for it in said)
            assert all(tile["picture"] for tile in tiles(app)["Examples"])


def test_the_first_layer_listens_to_no_neuron(stand_in: StandIn) -> None:
    assert set(tiles(see(layer=stand_in.network.shown[0].name, unit="0"))) == {
        "Pictures",
        "Similar",
    }


def test_a_picture_that_shipped_is_drawn_anew_before_it_is_saved(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    layer = stand_in.network.shown[0]
    recipe = layer_pages.plan_page(stand_in.network, layer, 1)
    lossy = Store(tmp_path / "shipped.sqlite3", shipped=())
    facts = {"activation": 1.0, "silent": False, "fineness": 0.1}
    webp = render_recipe.encode_preview(
        torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    )
    lossy.put(recipe, [StoredPicture(unit, webp, facts) for unit in recipe.units], 1.0)
    lossy.close()
    with sqlite3.connect(lossy.path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    store = Store(shipped=[lossy.path])
    monkeypatch.setattr(server_state, "store", lambda: store)
    app = see(layer=layer.name, unit="1")
    own = NeuronView(stand_in.network, layer, 1).large("").recipe
    assert own not in stand_in.rendered
    assert [it.label for it in app.get("download_button")] == ["Report"]
    app.button(key="prepare").click().run()
    work_off(app)
    assert stand_in.rendered[-1] == own
    assert [it.label for it in app.get("download_button")] == ["Save as PNG", "Report"]
    found = store.pictures(own)[1].image
    with Image.open(io.BytesIO(found)) as picture:
        assert picture.format == "PNG"
        assert (picture.info["recipe"], picture.info["part"]) == (own.to_json(), "1")
    store.close()


def test_what_a_neuron_stands_for_is_its_title(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = stand_in.network.shown[0]
    row = tuple(
        Label(layer.name, unit, concept, "part", iou)
        for unit, (concept, iou) in enumerate([("eye", 0.5), ("red", 0.6), *[("disc", 0.01)] * 3])
    )
    known = Labels(
        stand_in.network.fingerprint, World(0, 10), (0.01,), World(1, 10), {layer.name: row}
    )
    monkeypatch.setattr(unit_labels, "_shipped", lambda: known)
    assert stand_in.network.name == registry.SKETCHNET
    page = html(see(layer=layer.name, unit="0"))
    assert "Neuron 0 (eye)</h2>" in page and "eye (part), IoU 0.50" in page
    assert "Neuron 1 (red)</h2>" in html(see(layer=layer.name))


def test_the_pictures_that_excite_it_most_least_and_between(
    stand_in: StandIn, tmp_path: Path
) -> None:
    index = index_of(stand_in.network, tmp_path)
    layer = stand_in.network.shown[1].name
    hits = index.top(layer, 2)
    app = see(layer=layer, unit="2")
    labels = [tile["label"] for tile in tiles(app)["Examples"]]
    assert labels == [f"{hit.picture}, activation {hit.value:.3g}" for hit in hits]
    assert all(tile["picture"] for tile in tiles(app)["Examples"])
    least = tiles(see(layer=layer, unit="2", pictures="least"))["Examples"]
    assert least[0]["label"].startswith(index.least(layer, 2)[0].picture)
    between = tiles(see(layer=layer, unit="2", pictures="between"))["Examples"]
    values = [float(tile["note"]) for tile in between]
    assert values == sorted(values, reverse=True) and len(set(values)) > 3


def test_evidence_is_shown_on_request(stand_in: StandIn, tmp_path: Path) -> None:
    index_of(stand_in.network, tmp_path)
    layer = stand_in.network.shown[1].name
    seen = {}
    for how in ("", "around", "heat", "guided", "deconvolution"):
        app = see(layer=layer, unit="2", **({"evidence": how} if how else {}))
        assert not app.warning
        seen[how] = tiles(app)["Examples"][0]["picture"]
    assert None not in seen.values() and len(set(seen.values())) == 5


def test_the_spread_over_the_collection_the_labels_and_the_ruler(
    stand_in: StandIn, tmp_path: Path
) -> None:
    index = index_of(stand_in.network, tmp_path)
    layer = stand_in.network.shown[1].name
    app = see(layer=layer, unit="2")
    assert app.get("plotly_chart")
    page = html(app)
    assert "What its best" in page and "cats" in page
    own = server_state.store().picture(
        layer_pages.part_of(stand_in.network, stand_in.network.shown[1], 2).key, 2
    )
    assert own is not None
    best = index.top(layer, 2, "mean")[0].value
    ratio = float(own.facts["activation"]) / best
    assert (f"{ratio:.1f} times the best" if ratio > 1 else "Less than the best") in page
    assert "mean over the picture" in page


def test_an_index_without_the_mean_compares_the_highest_places(
    stand_in: StandIn, tmp_path: Path
) -> None:
    index_of(stand_in.network, tmp_path, mean=False)
    page = html(see(layer=stand_in.network.shown[1].name, unit="2"))
    assert "at the highest place" in page


def test_a_crop_leads_to_the_probe_of_its_picture(stand_in: StandIn, tmp_path: Path) -> None:
    index = index_of(stand_in.network, tmp_path)
    own = image_picker.store_image(index.picture(index.top("1", 0)[0].picture))
    assert image_picker.find_image(own.name).picture.size == own.picture.size


@pytest.mark.parametrize("link", [{"pictures": "best"}, {"evidence": "dna"}, {"index": "no"}])
def test_a_bad_link_to_its_pictures_says_so(
    stand_in: StandIn, tmp_path: Path, link: dict[str, str]
) -> None:
    index_of(stand_in.network, tmp_path)
    app = see(layer=stand_in.network.shown[1].name, unit="2", **link)
    assert "A problem with this link" in app.warning[0].value
    assert tiles(app)["Examples"]


def test_questions_about_a_picture_are_answered(stand_in: StandIn) -> None:
    network = stand_in.network
    page = html(see(layer=network.shown[1].name, unit="2"))
    assert "Why does it have no label?" in page
    assert "Why does it not look like a photograph?" in page
    last = network.shown[-1]
    assert f"Should it look like its class, {network.labels[0]}?" in html(
        see(layer=last.name, unit="0")
    )


@pytest.mark.parametrize(
    ("facts", "view", "asked"),
    [
        ({"activation": 0.0, "fineness": 0.9}, "", ["Why is this picture grey?"]),
        ({"activation": 0.0, "fineness": 0.05}, urls.NEGATIVE, []),
        ({"activation": 2.0, "fineness": 0.5}, "", ["Why is this picture so noisy?"]),
        ({"activation": 2.0, "fineness": 0.05}, "", []),
    ],
)
def test_a_grey_or_noisy_picture_is_explained(
    facts: dict[str, float], view: str, asked: list[str]
) -> None:
    picture = StoredPicture(0, b"", {"silent": not facts["activation"], **facts})
    assert [question for question, _ in questions.problems(picture, view)] == asked
    assert questions.problems(None, view) == []


def effect(app: AppTest) -> dict[str, str]:
    """Return the changes of the logits on the page, by class."""
    lists = re.findall(r'<dl class="counts effect">(.*?)</dl>', html(app))
    rows = re.findall(r"<dt>([^<]*)</dt><dd[^>]*>(.*?)</dd>", "".join(lists))
    return {name: re.sub(r"<[^>]*>", "", value) for name, value in rows}


def test_what_it_does_are_the_answers_that_change_without_it(stand_in: StandIn) -> None:
    network = stand_in.network
    layer = network.shown[1]
    app = see(layer=layer.name, unit="2")
    pictures = sample_pictures(network, SketchWorldSource(EFFECT_DRAWINGS), EFFECT_DRAWINGS)
    found = EffectMeter(network, layer, pictures).measure({2: 0.0})
    assert effect(app) == {
        it.label: change_text(it) for it in (*found.falling(5), *found.rising(5))
    }
    page = html(app)
    assert "What it does" in page and page.count("<figcaption>") == len(found.most_changed(6))
    assert f"{EFFECT_DRAWINGS} drawings of SketchWorld" in page
    # Where two answers would read the same, the lead is told instead.
    for it in found.most_changed(6):
        first, second = answer_texts(it)
        assert first != second
        assert escape(first) in page and f"\N{RIGHTWARDS ARROW} {escape(second)}" in page
    kept = EffectPlace(network.name, network.fingerprint, layer.name, 2).read()
    assert kept is not None and kept.other_answers == found.other_answers
    assert kept.falling == found.falling(5) and kept.changed == found.most_changed(6)


def test_the_effect_waits_for_the_large_picture(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[1].name
    app = open_at("neuron", layer=layer, unit="2", seed="5")
    assert not effect(app)
    assert any("as soon as the large picture" in it.value for it in app.caption)
    app = work_off(app)
    assert effect(app)
    assert not any("as soon as the large picture" in it.value for it in app.caption)


def test_what_it_does_is_measured_on_an_index_where_there_is_one(
    stand_in: StandIn, tmp_path: Path
) -> None:
    index = index_of(stand_in.network, tmp_path)
    layer = stand_in.network.shown[1]
    app = see(layer=layer.name, unit="2")
    assert effect(app) and "12 pictures in photos" in html(app)
    place = EffectPlace("sketchnet", stand_in.network.fingerprint, layer.name, 2, index)
    assert place.read() is not None
    (tmp_path / "photos").rename(tmp_path / "moved")
    st.cache_resource.clear()
    gone = see(layer=layer.name, unit="3")
    assert any("cannot be measured" in it.value for it in gone.caption) and not gone.error


def test_a_slow_network_is_measured_in_the_background(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "PAGE_PIXELS", 0)
    network, layer = stand_in.network, stand_in.network.shown[1]
    started: list[tuple[str, list[str]]] = []

    def start(key: str, module: str, arguments: list[str], visitor: str | None = None) -> None:
        started.append((key, arguments))

    monkeypatch.setattr(background_task, "start_task", start)
    app = see(layer=layer.name, unit="2")
    assert not effect(app)
    place = EffectPlace(network.name, network.fingerprint, layer.name, 2)
    app.button(key=f"start {place.key}").click().run()
    assert started == [(place.key, ["--network", "sketchnet", layer.name, "2"])]
    unit_places.measure_place("sketchnet", None, None, layer.name, 2, effects.measure_unit)
    assert effect(see(layer=layer.name, unit="2"))


def test_a_network_without_a_head_has_no_answers(stand_in: StandIn) -> None:
    stand_in.network = replace(stand_in.network, labels=())
    app = see(layer=stand_in.network.shown[1].name, unit="2")
    assert any("has no answers that could change" in it.value for it in app.caption)
    assert not effect(app)


def test_a_damaged_result_is_measured_anew(stand_in: StandIn) -> None:
    network, layer = stand_in.network, stand_in.network.shown[1]
    place = EffectPlace(network.name, network.fingerprint, layer.name, 2)
    place.file.parent.mkdir(parents=True)
    place.file.write_text('{"pictures": 3, "falling": [{}]}')
    assert place.read() is None
    assert effect(see(layer=layer.name, unit="2"))
